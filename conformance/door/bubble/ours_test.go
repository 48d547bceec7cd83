package bubble_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/realtime"
)

// ours is our own prober as it is for real machines, with goroutines, timers
// of clock.New() and connections: package realtime. The agent and the commands
// of containers it asks through the door.
type ours struct {
	mu     sync.Mutex
	panics map[string]bool // by VM: the next try panics
}

func newOurs() door.Prober { return &ours{panics: map[string]bool{}} }

// Probe implements door.Prober.
func (o *ours) Probe(ctx context.Context, p *door.Probe) {
	r := &runner{ours: o, p: p, target: attempt.Target{Probe: &p.Spec, Profile: &p.Profile}}
	d := realtime.New(context.Background(), clock.New(), r.notify)
	defer d.Close()
	jitter := time.Duration(0)
	if p.Resumed { // so that the state of the pod is known before the first check
		jitter = p.Spec.Period / 2
	}
	h, err := d.Add(engine.Config{
		StartJitter: jitter,
		Kind:        p.Spec.Kind, InitialDelay: p.Spec.InitialDelay, Period: p.Spec.Period,
		FailureThreshold: p.Spec.FailureThreshold, SuccessThreshold: p.Spec.SuccessThreshold,
		Tries: p.Profile.Tries, StartupGate: p.StartupGate, Resume: p.Resumed,
	}, r.try)
	if err != nil {
		panic(err)
	}
	for {
		select {
		case <-ctx.Done():
			r.finish(h)
			return
		case e := <-p.Events():
			r.hear(d, h, e)
		}
	}
}

// runner is the work of one Probe.
type runner struct {
	ours *ours
	p    *door.Probe

	mu       sync.Mutex
	target   attempt.Target
	address  string
	instance int32 // of the container
	tried    int32 // of the attempt
	trying   bool
	gone     bool // the pod
}

func (r *runner) hear(d *realtime.Driver, h *realtime.Handle, e door.Event) {
	switch e.Kind {
	case door.ContainerStarted:
		r.mu.Lock()
		r.instance, r.address = e.Instance, e.Address
		r.mu.Unlock()
		h.ContainerStarted(d.Instant(e.Started))
		if e.Passed {
			h.StartupPassed()
		}
	case door.ContainerStopped:
		r.gone = !e.WillRestart
		h.ContainerStopped(e.WillRestart)
	case door.StartupPassed:
		h.StartupPassed()
	case door.Terminating:
		h.Terminating()
	case door.Sync:
		h.Trigger()
	case door.ClockStepped:
		h.ClockStepped(e.By)
	case door.Panic:
		r.ours.mu.Lock()
		r.ours.panics[r.p.VM] = true
		r.ours.mu.Unlock()
	}
}

// finish hears what is still to be told, and lets an attempt of a pod that is
// gone come to its end: the law does not cancel it.
func (r *runner) finish(h *realtime.Handle) {
	for {
		r.mu.Lock()
		trying := r.trying
		r.mu.Unlock()
		if !r.gone || !trying {
			break
		}
		time.Sleep(time.Second)
	}
	h.Stop()
}

func (r *runner) notify(u realtime.Update) {
	r.mu.Lock()
	instance := r.instance
	switch u.Action.Kind {
	case engine.StartTry:
		if r.trying = true; u.Action.Try == 1 {
			r.tried = instance
		}
	case engine.AttemptFinished:
		r.trying = false
	default:
	}
	tried := r.tried
	r.mu.Unlock()
	switch u.Action.Kind {
	case engine.StartTry:
		r.p.Report(door.TryStarted{Instance: tried, Attempt: u.Action.Attempt, Try: u.Action.Try})
	case engine.Publish:
		r.p.Report(door.State{Instance: instance, Healthy: u.Action.Healthy, Unknown: u.Action.Unknown})
	case engine.LivenessFailed:
		r.p.Report(door.Failed{Instance: instance})
	default:
	}
}

func (r *runner) try(_ context.Context, number, try int32) probes.Result {
	r.ours.mu.Lock()
	panics := r.ours.panics[r.p.VM]
	delete(r.ours.panics, r.p.VM)
	r.ours.mu.Unlock()
	r.mu.Lock()
	instance := r.tried
	r.target.Address = r.address
	r.mu.Unlock()
	report := door.TryFinished{Instance: instance, Attempt: number, Try: try}
	if panics {
		report.Class, report.Panicked = probes.Errored, true
		r.p.Report(report)
		panic("as the story wants")
	}
	var result probes.Result
	switch r.p.Spec.Handler {
	case probes.HTTPGet, probes.TCPSocket:
		result = attempt.Try(env{r.p}, &r.target)
	default:
		result = r.p.Try(instance, number, try)
	}
	report.Class, report.Message = result.Class, result.Message
	report.Again = result.Class == probes.Errored && try < r.p.Profile.Tries
	r.p.Report(report)
	return result
}

// env is an attempt.Env of real time, which a bubble makes virtual.
type env struct{ p *door.Probe }

func (env) Now() time.Time         { return time.Now() }
func (env) SleepUntil(t time.Time) { time.Sleep(time.Until(t)) }
func (e env) Dial(address string, deadline time.Time) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	conn, err := e.p.DialContext(ctx, "tcp", address)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return conn, err
}
