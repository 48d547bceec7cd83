package prober

import (
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// Freedom decides what the law leaves to a prober; the driver draws it from
// the seed otherwise. Every field is optional. Its functions must be pure, and
// return what the law allows: the driver does not check them.
type Freedom struct {
	// Offset is how long before its container a worker begins, in (0, period]
	// (TIM-DELAY-TICK).
	Offset func(Worker) time.Duration
	// Jitter is how long a worker of a young prober sleeps first, in
	// [0, period) (TIM-START-JITTER).
	Jitter func(Worker) time.Duration
	// Late is by how much the host is late with the tick of an instant; >= 0.
	// The ticks themselves keep to their grid (TIM-PERIOD-START).
	Late func(w Worker, tick time.Duration) time.Duration
	// Result is by how much later the prober learns the result of a try that
	// began at start and took some time; >= 0 (TIM-TIMEOUT-ATTEMPT).
	Result func(r *Request, start, took time.Duration) time.Duration
	// Publish is by how much later the platform learns of a readiness that
	// changed; >= 0.
	Publish time.Duration
}

// Worker names a worker to a Freedom.
type Worker struct {
	VM, Slot int   // numbers, from 0
	Pod      int32 // of the VM, from 1
	Period   time.Duration
	// Start is the instant at which its container starts, or at which the
	// prober was restarted.
	Start time.Duration
}

// none is what a nil Freedom means.
var none Freedom //nolint:gochecknoglobals // a constant

func (f *Freedom) orNone() *Freedom {
	if f == nil {
		return &none
	}
	return f
}

func (v *VM) worker(p *pod, slot int, start time.Duration) Worker {
	return Worker{VM: v.number, Slot: slot, Pod: p.number, Period: v.cfg.Probes[slot].Period, Start: start}
}

// offset is how long before its container a worker begins.
func (v *VM) offset(p *pod, slot int, start time.Duration) time.Duration {
	if f := v.d.cfg.Freedom.orNone().Offset; f != nil {
		return f(v.worker(p, slot, start))
	}
	return Offset(v.d.k.Seed(), v.cfg.Actor+sim.Actor(slot), p.number, v.cfg.Probes[slot].Period)
}

// jitter is how long a worker of a young prober sleeps first.
func (v *VM) jitter(p *pod, slot int, start time.Duration) time.Duration {
	if f := v.d.cfg.Freedom.orNone().Jitter; f != nil {
		return f(v.worker(p, slot, start))
	}
	d := draw(v.d.k.Seed(), drawJitter, v.cfg.Actor+sim.Actor(slot), v.d.restarts<<32|uint64(uint32(p.number)))
	return time.Duration(sim.Below(d, uint64(v.cfg.Probes[slot].Period)))
}

// late is the instant at which the tick of an instant is taken.
func (w *worker) late(tick time.Duration) time.Duration {
	f := w.vm.d.cfg.Freedom.orNone().Late
	if f == nil {
		return tick
	}
	return tick + f(w.vm.worker(w.pod, w.slot, w.pod.startedAt), tick)
}

// later calls fn so much later, at once when that is nothing.
func (w *worker) later(by time.Duration, fn func()) {
	k := w.vm.d.k
	if by <= 0 {
		fn()
		return
	}
	k.Set(k.NewTimer(w.vm.cfg.Actor+sim.Actor(w.slot), fn), k.Now()+by)
}

// readiness is a change of which the platform does not know yet.
type readiness struct {
	instance int32
	healthy  bool
}

// knownReady tells whether the prober has found the container ready and the
// platform has yet to learn of it: then it asks in vain for a run out of turn.
func (p *pod) knownReady() bool {
	for _, w := range p.workers {
		if n := len(w.untold); n > 0 {
			return w.untold[n-1].healthy
		}
	}
	return false
}

// tellReady tells the platform of a change, in the order of the changes.
func (w *worker) tellReady(instance int32, healthy bool) {
	by := w.vm.d.cfg.Freedom.orNone().Publish
	if by <= 0 {
		w.vm.platform.ReadyChanged(instance, healthy)
		return
	}
	w.untold = append(w.untold, readiness{instance, healthy})
	w.later(by, func() {
		next := w.untold[0]
		w.untold = w.untold[1:]
		w.vm.platform.ReadyChanged(next.instance, next.healthy)
	})
}
