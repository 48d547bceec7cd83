package prober

import (
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/platform"
)

// VM is the prober's view of one VM: its pods and their workers.
type VM struct {
	d          *Driver
	cfg        VMConfig
	number     int
	platform   Platform
	hasStartup bool
	pods       []*pod
	panicNext  bool
	queue      queue     // see Rules.OneTryEach
	lastRun    []*worker // see Rules.InheritRun
}

var _ platform.Prober = (*VM)(nil)

// pod holds the workers of one pod.
type pod struct {
	number      int32
	instance    int32
	running     bool
	terminating bool
	started     bool          // the startup probe of the container has passed
	startedAt   time.Duration // of the container, on the wall clock's scale
	workers     []*worker
}

// Bind names the platform to which verdicts go; before the first container.
func (v *VM) Bind(p Platform) { v.platform = p }

// Number is the VM's number in requests.
func (v *VM) Number() int { return v.number }

// PanicNext makes the next attempt of any of the VM's workers panic
// (PANIC-CONTINUE).
func (v *VM) PanicNext() { v.panicNext = true }

// ContainerStarted implements platform.Prober.
func (v *VM) ContainerStarted(c platform.Container) {
	p := v.podOf(c.Pod, func(p *pod) int32 { return p.number })
	if v.d.cfg.Rules.ignores(c.Pod == 1, c.Target) {
		return
	}
	if p == nil {
		p = &pod{number: c.Pod, workers: make([]*worker, 0, len(v.cfg.Probes))}
		for slot := range v.cfg.Probes {
			p.workers = append(p.workers, v.newWorker(p, slot, c.At))
		}
		v.pods = append(v.pods, p)
	}
	p.instance, p.running, p.started, p.startedAt = c.Instance, true, false, c.At
	v.tell(p, engine.Event{Kind: engine.ContainerStarted, At: c.At})
}

// ContainerStopped implements platform.Prober.
func (v *VM) ContainerStopped(instance int32, willRestart bool) {
	p := v.instanceOf(instance)
	if p == nil || v.d.cfg.Rules.orLaw().MissesStop {
		return
	}
	p.running, p.started = false, false
	if !willRestart {
		v.pods = slices.DeleteFunc(v.pods, func(other *pod) bool { return other == p })
	}
	v.tell(p, engine.Event{Kind: engine.ContainerStopped, WillRestart: willRestart})
}

// Terminating implements platform.Prober.
func (v *VM) Terminating(instance int32) {
	if p := v.instanceOf(instance); p != nil {
		p.terminating = true
		v.tell(p, engine.Event{Kind: engine.Terminating})
	}
}

// Trigger implements platform.Prober.
func (v *VM) Trigger(instance int32) {
	if p := v.instanceOf(instance); p != nil && !p.knownReady() {
		v.tell(p, engine.Event{Kind: engine.Trigger})
	}
}

func (v *VM) tell(p *pod, ev engine.Event) {
	for _, w := range p.workers {
		w.step(ev)
	}
}

func (v *VM) instanceOf(instance int32) *pod {
	return v.podOf(instance, func(p *pod) int32 { return p.instance })
}

func (v *VM) podOf(n int32, of func(*pod) int32) *pod {
	for _, p := range v.pods {
		if of(p) == n {
			return p
		}
	}
	return nil
}

// resume replaces the workers of a pod after a restart of the prober.
func (v *VM) resume(p *pod) {
	now := v.d.k.Now()
	for slot, old := range p.workers {
		old.kill()
		cfg := v.engineConfig(slot)
		cfg.Resume = true
		cfg.StartJitter = v.jitter(p, slot, now)
		v.deviate(&cfg, p.number == 1)
		w := v.attach(p, slot)
		w.machine = engine.NewWorker(cfg, now)
		p.workers[slot] = w
	}
	if v.d.cfg.Rules.orLaw().RestartsPods {
		p.startedAt = now
	}
	if p.running {
		v.tell(p, engine.Event{Kind: engine.ContainerStarted, At: p.startedAt})
		if p.started {
			v.tell(p, engine.Event{Kind: engine.StartupPassed})
		}
	}
	if p.terminating {
		v.tell(p, engine.Event{Kind: engine.Terminating})
	}
}

// newWorker makes the worker of a pod whose container starts at the instant.
func (v *VM) newWorker(p *pod, slot int, start time.Duration) *worker {
	period := v.cfg.Probes[slot].Period
	created := max(start-v.offset(p, slot, start), v.d.born)
	cfg := v.engineConfig(slot)
	if created-v.d.born < period { // TIM-START-JITTER
		cfg.StartJitter = v.jitter(p, slot, start)
	}
	v.deviate(&cfg, p.number == 1)
	w := v.attach(p, slot)
	w.machine = engine.NewWorker(cfg, created)
	v.inherit(w)
	return w
}

func (v *VM) attach(p *pod, slot int) *worker {
	w := v.d.workers.Take()
	woken, done := w.woken, w.done
	if done == nil {
		woken, done = w.wake, w.finish
	}
	*w = worker{vm: v, pod: p, slot: slot, probe: &v.cfg.Probes[slot], armed: idle, woken: woken, done: done}
	v.d.k.Init(&w.timer, v.cfg.Actor+sim.Actor(slot), woken)
	return w
}

func (v *VM) engineConfig(slot int) engine.Config {
	p := &v.cfg.Probes[slot]
	c := engine.ConfigOf(p, v.cfg.Tries)
	c.StartupGate, c.Rules = v.hasStartup && p.Kind != probes.Startup, v.d.cfg.Engine
	return c
}

// The streams of draws of one worker.
const (
	drawOffset = iota
	drawJitter
)

func draw(seed, purpose uint64, worker sim.Actor, index uint64) uint64 {
	return sim.Draw(seed, 0x7072_0000_0000_0000^uint64(worker)<<8^purpose, index)
}

// Offset is how long a worker begins before the container of its pod, in
// (0, period]: what makes the phase of its ticks.
func Offset(seed uint64, worker sim.Actor, pod int32, period time.Duration) time.Duration {
	return 1 + time.Duration(sim.Below(draw(seed, drawOffset, worker, uint64(uint32(pod))), uint64(period)))
}
