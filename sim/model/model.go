// Package model is the byte-free twin of the simulator. Where the world moves
// bytes and waits for what comes of them, the model asks an [Answerer] for
// (latency, class) and steps the same engine.
//
// It has two forms:
//
//   - [Tryer] answers the tries of package prober, so that a whole world of
//     kernel and platform runs without bytes;
//   - [Fleet] is the fast path: each VM by itself, a handful of workers in a
//     tight loop without queue, interface of a platform or allocation. It is
//     the reference of the kernel, and the engine of sweeps and of fleets.
//
// Both give the same [Digest] for the same scenario and seed; the tests hold
// them to it.
package model

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// Query names one try.
type Query struct {
	At       time.Duration // instant at which it starts
	VM       int           // number of the VM, from 0
	Slot     int           // number of the probe in the VM, from 0
	Instance int32
	Attempt  int32
	Try      int32
}

// Answerer says what comes of a try: how long it takes, >= 0, and its class.
// It must be a function of the query alone, or of queries before it in the
// same VM.
type Answerer interface {
	Answer(q Query) (latency time.Duration, class probes.Class)
}

// An Owner is an Answerer with a memory. Fleet works on a copy of its own, so
// that parts of a fleet may run beside one another.
type Owner interface{ Own() Answerer }

// AnswerFunc is an Answerer that is a function.
type AnswerFunc func(q Query) (time.Duration, probes.Class)

// Answer calls f.
func (f AnswerFunc) Answer(q Query) (time.Duration, probes.Class) { return f(q) }

// Tryer makes the tries of a prober by asking an Answerer.
type Tryer struct {
	k        *sim.Kernel
	answerer Answerer
	idle     map[sim.Actor][]*pending
}

var _ prober.Tryer = (*Tryer)(nil)

// pending is a try that is under way.
type pending struct {
	tryer *Tryer
	actor sim.Actor
	timer *sim.Timer
	class probes.Class
	done  func(probes.Result)
}

// NewTryer makes a Tryer on a kernel.
func NewTryer(k *sim.Kernel, a Answerer) *Tryer {
	return &Tryer{k: k, answerer: a, idle: map[sim.Actor][]*pending{}}
}

// Try implements prober.Tryer.
func (t *Tryer) Try(req prober.Request, done func(probes.Result)) {
	latency, class := t.answerer.Answer(Query{
		At: t.k.Now(), VM: req.VM, Slot: req.Slot,
		Instance: req.Instance, Attempt: req.Attempt, Try: req.Try,
	})
	p := t.take(req.Actor)
	p.class, p.done = class, done
	t.k.Set(p.timer, t.k.Now()+max(latency, 0))
}

// take reuses what an earlier try of the same actor has left.
func (t *Tryer) take(actor sim.Actor) *pending {
	if free := t.idle[actor]; len(free) > 0 {
		t.idle[actor] = free[:len(free)-1]
		return free[len(free)-1]
	}
	p := &pending{tryer: t, actor: actor}
	p.timer = t.k.NewTimer(actor, p.fire)
	return p
}

func (p *pending) fire() {
	done := p.done
	p.done = nil
	p.tryer.idle[p.actor] = append(p.tryer.idle[p.actor], p)
	done(probes.Result{Class: p.class, Message: p.class.String()})
}
