// Package prober drives the probe engine on a kernel: the kubelet's prober
// manager of a simulated world. It keeps a worker per probe of every pod, arms
// a timer for each, asks a [Tryer] for the tries, and records what happens.
//
//	d, err := prober.New(prober.Config{Kernel: k, Sink: sink, Tryer: tryer, Age: time.Hour})
//	pv, err := d.Add(prober.VMConfig{Name: "web", Probes: probes, Tries: 3, Actor: a})
//	v, err := platform.New(platform.Config{..., Prober: pv})
//	pv.Bind(v)                                // both ends know each other
//	v.Start()
//
// A [VM] implements platform.Prober. The story calls Driver.Restart,
// Driver.StepClock and VM.PanicNext.
//
// # Phases
//
// A worker begins before its container: the kubelet makes it with the pod, so
// the phase of its ticks is free. Here it begins a seeded offset in (0, period]
// before the start of the container, but not before the prober itself; nothing
// of it is visible until the container starts. A prober younger than one
// period lets a worker sleep a seeded [0, period) first (TIM-START-JITTER).
package prober

import (
	"errors"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Request is one try that somebody has to make.
type Request struct {
	VM       int       // number of the VM, in the order of Add, from 0
	Name     string    // of the VM
	Slot     int       // index into VMConfig.Probes
	Actor    sim.Actor // of the worker; the try acts in its name
	Instance int32     // container to be asked
	Pod      int32     // instance number of the first container of its pod
	Attempt  int32
	Try      int32
	Probe    *probes.Probe
}

// Tryer makes tries: real bytes on a task, or a table. It calls done exactly
// once, at the instant at which the try ends, from the kernel's thread; at
// once is allowed. A try is never cancelled; done may come when nobody cares.
type Tryer interface {
	Try(req Request, done func(probes.Result))
}

// TryerFunc is a Tryer that is a function.
type TryerFunc func(req Request, done func(probes.Result))

// Try calls f.
func (f TryerFunc) Try(req Request, done func(probes.Result)) { f(req, done) }

// Platform is told what the prober finds; platform.VM implements it.
type Platform interface {
	ReadyChanged(instance int32, healthy bool)
	StartupChanged(instance int32, passed bool)
	LivenessFailed(instance int32, kind probes.Kind)
	ClusterEvent(instance int32, warning bool, reason, message string)
}

// Config fixes a driver; Kernel, Sink and Tryer are needed.
type Config struct {
	Kernel *sim.Kernel
	Sink   trace.Sink
	Tryer  Tryer
	// Age is for how long the prober process has run at instant 0; >= 0.
	Age time.Duration
	// Engine and Rules deviate from the law; nil in every prober that means
	// well.
	Engine *engine.Rules
	Rules  *Rules
	// Freedom decides what the law leaves open; nil: the seed does.
	Freedom *Freedom
}

// Driver is the prober of one world.
type Driver struct {
	cfg      Config
	k        *sim.Kernel
	vms      []*VM
	born     time.Duration // instant at which the process began; may be negative
	restarts uint64
	queue    queue // see Rules.OneTry
	workers  sim.Shelf[worker]
}

// New makes a driver without VMs.
func New(c Config) (*Driver, error) {
	d := new(Driver)
	if err := d.Renew(c); err != nil {
		return nil, err
	}
	return d, nil
}

// Renew makes the driver a new one, as New does, in its old memory. Its kernel was
// reset, and nobody uses its VMs any more.
func (d *Driver) Renew(c Config) error {
	switch {
	case c.Kernel == nil || c.Sink == nil || c.Tryer == nil:
		return errors.New("prober: a kernel, a sink and a tryer are needed")
	case c.Age < 0:
		return fmt.Errorf("prober: age %v is negative", c.Age)
	}
	d.workers.Rewind()
	*d = Driver{cfg: c, k: c.Kernel, born: -c.Age, vms: d.vms[:0], workers: d.workers}
	return nil
}

// VMConfig says what to probe in one VM.
type VMConfig struct {
	Name string
	// Actor is the first of as many actors as there are probes: the worker
	// of probe i acts, and draws its offset, as Actor+i.
	Actor  sim.Actor
	Probes []probes.Probe
	// Tries of an attempt while it is Errored; >= 1 (probes.Profile.Tries).
	Tries int32
}

// Add takes a VM up; its pods are told later. Every probe must be valid.
func (d *Driver) Add(c VMConfig) (*VM, error) {
	v := &VM{d: d, cfg: c, number: len(d.vms)}
	for i := range c.Probes {
		v.hasStartup = v.hasStartup || c.Probes[i].Kind == probes.Startup
	}
	var errs []error
	for i := range c.Probes {
		if err := v.engineConfig(i).Validate(); err != nil {
			errs = append(errs, fmt.Errorf("prober: %s probe of %s: %w", c.Probes[i].Kind, c.Name, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	d.vms = append(d.vms, v)
	return v, nil
}

// Restart kills the prober process and starts it again at the present instant:
// new workers with an empty memory, and a young prober (PROBER-RESTART). The
// states that the platform knows stay.
func (d *Driver) Restart() {
	d.restarts++
	d.born = d.k.Now()
	d.cfg.Sink.Record(trace.Event{T: d.born, Kind: trace.ProberRestarted})
	for _, v := range d.vms {
		for _, p := range v.pods {
			v.resume(p)
		}
	}
}

// StepClock moves the wall clock of the prober's node, and with it the age of
// every running container (TIM-DELAY-ONCE).
func (d *Driver) StepClock(by time.Duration) {
	d.cfg.Sink.Record(trace.Event{T: d.k.Now(), Kind: trace.ClockStepped, Msg: by.String()})
	for _, v := range d.vms {
		for _, p := range v.pods {
			p.startedAt -= by
			for _, w := range p.workers {
				w.step(engine.Event{Kind: engine.ClockStepped, By: by})
			}
		}
	}
}
