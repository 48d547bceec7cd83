package model

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Recording is what came of every try of a run with bytes, read from its
// trace. Played back by its Tryer in the same world (same case, same seed) it
// gives the same logical trace without a byte: whatever the network, the
// guest's services and the tasks did, it reached the rest of the world through
// latencies and classes alone. It is a trace.Sink.
type Recording struct{ tapes map[tapeKey]*tape }

type tapeKey struct {
	vm       string
	instance int32
	kind     probes.Kind
}

// tape holds the tries of one probe of one container, in order.
type tape struct{ tries []recorded }

type recorded struct {
	start    time.Duration
	latency  time.Duration
	result   probes.Result
	finished bool // false: nobody ever heard of it
}

// Record implements trace.Sink.
func (r *Recording) Record(e trace.Event) {
	if e.Kind != trace.TryStarted && e.Kind != trace.TryFinished {
		return
	}
	if r.tapes == nil {
		r.tapes = map[tapeKey]*tape{}
	}
	key := tapeKey{e.VM, e.Instance, e.Probe}
	t := r.tapes[key]
	if t == nil {
		t = &tape{}
		r.tapes[key] = t
	}
	if e.Kind == trace.TryStarted {
		t.tries = append(t.tries, recorded{start: e.T})
		return
	}
	last := len(t.tries) - 1
	switch {
	case last < 0 || t.tries[last].finished:
	case e.Value == "panic": // the story injects it again; no tryer sees it
		t.tries = t.tries[:last]
	default:
		try := &t.tries[last]
		try.latency, try.finished = e.T-try.start, true
		try.result = probes.Result{Class: e.Class, Message: e.Msg}
	}
}

// Tryer plays the recording back from its beginning, on a kernel.
func (r *Recording) Tryer(k *sim.Kernel) *Playback {
	return &Playback{recording: r, k: k, next: map[tapeKey]int{}}
}

// Playback is a prober.Tryer that answers from a Recording.
type Playback struct {
	recording *Recording
	k         *sim.Kernel
	next      map[tapeKey]int
	strayed   int
}

var _ prober.Tryer = (*Playback)(nil)

// Try implements prober.Tryer. A try that the recording does not have, or has
// at another instant, is answered as Errored and counted by Strayed.
func (p *Playback) Try(req prober.Request, done func(probes.Result)) {
	key := tapeKey{req.Name, req.Instance, req.Probe.Kind}
	n := p.next[key]
	p.next[key]++
	t := p.recording.tapes[key]
	if t == nil || n >= len(t.tries) || t.tries[n].start != p.k.Now() {
		p.strayed++
		done(probes.Result{Class: probes.Errored, Message: "the recording has no such try"})
		return
	}
	if try := &t.tries[n]; try.finished {
		p.k.Set(p.k.NewTimer(req.Actor, func() { done(try.result) }), p.k.Now()+try.latency)
	}
}

// Strayed is the number of tries that the recording did not have: 0 when the
// world is the same.
func (p *Playback) Strayed() int { return p.strayed }
