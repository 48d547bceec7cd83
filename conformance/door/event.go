package door

import (
	"context"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// EventKind says what happened to a pod.
type EventKind uint8

// The events of a pod.
const (
	// ContainerStarted: a container runs. Instance, Address, Started.
	ContainerStarted EventKind = iota + 1
	// ContainerStopped: it runs no more. WillRestart: another follows in the
	// pod; otherwise the ctx of the probe ends at once.
	ContainerStopped
	// StartupPassed: the startup probe of the container has passed.
	StartupPassed
	// Terminating: the pod is being deleted.
	Terminating
	// Sync: the pod was synchronised while it is not ready; the kubelet runs
	// readiness out of turn.
	Sync
	// Panic asks that the next try be lost by a panic inside the prober.
	Panic
	// ClockStepped: the wall clock of the prober's node was moved by By, in the
	// story. The clock of the bubble has not: only a prober that asks for it
	// hears of such (conformance.ClockSteps).
	ClockStepped
)

// Event is something that happened to a pod.
type Event struct {
	Kind        EventKind
	Instance    int32     // number of the container, from 1 over all of the VM
	Address     string    // IP address of the pod
	Started     time.Time // of the container, on the clock of the prober
	WillRestart bool
	// Passed: the startup probe of the container has passed under an earlier
	// prober process.
	Passed bool
	// By is how far the clock was moved, of ClockStepped; may be negative.
	By time.Duration
}

// Container is a container that runs.
type Container struct {
	Instance int32
	Address  string
	Started  time.Time
}

// Containers makes a Prober of a function that probes one container: its ctx
// ends with the container. In pods with a startup probe, readiness and
// liveness are called when it has passed.
func Containers(probe func(ctx context.Context, p *Probe, c Container)) Prober {
	return Func(func(ctx context.Context, p *Probe) {
		var end func()
		begin := func(c Container) {
			inner, cancel := context.WithCancel(ctx)
			done := make(chan struct{})
			end = func() {
				cancel()
				<-done
			}
			go func() {
				defer close(done)
				probe(inner, p, c)
			}()
		}
		var present Container
		for {
			select {
			case <-ctx.Done():
				if end != nil {
					end()
				}
				return
			case e := <-p.Events():
				switch e.Kind {
				case ContainerStarted:
					present = Container{e.Instance, e.Address, e.Started}
					if !p.StartupGate || e.Passed {
						begin(present)
					}
				case StartupPassed:
					if p.StartupGate && end == nil {
						begin(present)
					}
				case Terminating:
					if p.Spec.Kind != probes.Readiness && end != nil {
						end()
						end = nil
					}
				case ContainerStopped:
					if end != nil {
						end()
						end = nil
					}
				default:
				}
			}
		}
	})
}
