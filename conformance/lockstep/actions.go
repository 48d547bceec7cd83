package lockstep

import (
	"fmt"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/roster"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// try is one try of the prober, and after its result what is left of it.
type try struct {
	id       int64
	pod      *roster.Pod
	kind     probes.Kind
	actor    sim.Actor
	instance int32
	number   count
	asking   int  // the exchange under way, counted from 1; 0: none
	asked    int  // exchanges so far
	finished bool // the result is there
}

// place is where attempts are counted: a probe of a pod.
type place struct {
	pod  *roster.Pod
	kind probes.Kind
}

// count numbers attempts and tries.
type count struct {
	attempt, try int32
	again        bool // the next try belongs to the same attempt
}

// do does one action; a violation lacks message and the number of the action.
func (s *session) do(a *protocol.Action) *protocol.Violation {
	switch a.Do {
	case protocol.Try:
		return s.begin(a)
	case protocol.Ask, protocol.Result, protocol.Cancel:
		t := s.tries[a.ID]
		if t == nil {
			return &protocol.Violation{Field: "id", What: fmt.Sprintf("there is no try %d", a.ID), Fix: `begin it with "do":"try"`}
		}
		return s.goOn(t, a)
	case protocol.Ready, protocol.Live, protocol.Started, protocol.LiveFailed, protocol.TellEvent:
		return s.Transition(a)
	}
	return nil
}

// begin begins a try.
func (s *session) begin(a *protocol.Action) *protocol.Violation {
	if _, used := s.tries[a.ID]; used {
		return &protocol.Violation{Field: "id", What: fmt.Sprintf("try %d has begun before", a.ID), Fix: "count ids up"}
	}
	p, v := s.Place(a)
	if v != nil {
		return v
	}
	kind, slot, v := p.Machine.Probe(a)
	if v != nil {
		return v
	}
	c := s.counts[place{p, kind}]
	if c == nil {
		c = &count{}
		s.counts[place{p, kind}] = c
	}
	if c.again {
		c.try++
	} else {
		c.attempt++
		c.try = 1
	}
	c.again = false
	t := &try{id: a.ID, pod: p, kind: kind, actor: p.Machine.Config.Actor + sim.Actor(slot), instance: a.Instance, number: *c}
	s.tries[a.ID] = t
	s.record(t, trace.Event{Kind: trace.TryStarted, Try: c.try})
	return s.exchange(t, a)
}

// record writes an event about a try.
func (s *session) record(t *try, e trace.Event) {
	e.T, e.VM, e.Instance = s.now(), t.pod.Machine.Config.Name, t.instance
	e.Probe, e.HasProbe, e.Attempt = t.kind, true, t.number.attempt
	s.g.Record(e)
}

// goOn goes on with a try that has begun.
func (s *session) goOn(t *try, a *protocol.Action) *protocol.Violation {
	switch a.Do {
	case protocol.Ask:
		if t.asking != 0 {
			return &protocol.Violation{Field: "id", What: fmt.Sprintf("an exchange of try %d is under way", t.id), Fix: "wait for its answer, or cancel it"}
		}
		return s.exchange(t, a)
	case protocol.Cancel:
		t.asking = 0
		if s.live != nil {
			s.live.forget(t.id)
		}
	case protocol.Result:
		if t.finished {
			return &protocol.Violation{Field: "id", What: fmt.Sprintf("try %d has a result already", t.id), Fix: "give one result a try"}
		}
		s.finish(t, a)
	default:
	}
	return nil
}

// finish ends a try, and its attempt if it is not to be tried again.
func (s *session) finish(t *try, a *protocol.Action) {
	t.finished = true
	class := protocol.ClassOf(a.Class)
	e := trace.Event{Kind: trace.TryFinished, Try: t.number.try, Class: class, Msg: a.Message}
	if a.Panicked {
		e.Value = "panic"
	}
	s.record(t, e)
	if a.Retry {
		s.counts[place{t.pod, t.kind}].again = true
		return
	}
	s.record(t, trace.Event{Kind: trace.AttemptFinished, Class: class})
	if !a.Panicked {
		t.pod.Machine.Unhealthy(t.instance, t.kind, class, a.Message)
	}
}
