package fakevm

import "time"

// endpoint is one scripted endpoint with its place in the script.
type endpoint struct {
	*script
	steps   []stepState
	cur     int // index of the step in force, -1 before the first
	backlog int // handshakes completed and never accepted in this step
	seen    string
}

// stepState is a step with what is used up of it.
type stepState struct {
	*scriptStep
	pos  int // reply in use
	used int // uses of that reply
}

// pick is a reply that was consumed and the step it came from.
type pick struct {
	*prepared
	step *stepState
}

// refusing answers for a port before its first step.
var refusing = prepared{reply: &Reply{Connect: Refuse}}

func newEndpoint(s *script) *endpoint {
	e := &endpoint{script: s, cur: -1, steps: make([]stepState, len(s.steps))}
	for i := range s.steps {
		e.steps[i].scriptStep = &s.steps[i]
	}
	return e
}

// rewind starts the script again, for an endpoint that counts from each boot.
func (e *endpoint) rewind() {
	e.cur, e.backlog = -1, 0
	for i := range e.steps {
		e.steps[i].pos, e.steps[i].used = 0, 0
	}
}

// advance moves to the step in force at now and tells whether that is a
// different one. A step is in force from its instant on, inclusive.
func (e *endpoint) advance(now time.Duration) bool {
	was := e.cur
	for e.cur+1 < len(e.steps) && e.steps[e.cur+1].spec.At <= now {
		e.cur++
	}
	if e.cur != was {
		e.backlog = 0
	}
	return e.cur != was
}

// step is the step in force, nil before the first.
func (e *endpoint) step() *stepState {
	if e.cur < 0 {
		return nil
	}
	return &e.steps[e.cur]
}

// next is the reply that the next use will get; ok is false when none is left.
func (s *stepState) next() (p *prepared, pos int, ok bool) {
	for pos = s.pos; pos < len(s.replies); pos++ {
		r := &s.replies[pos]
		if r.times == 0 || pos > s.pos || s.used < r.times {
			return r, pos, true
		}
	}
	pos = len(s.replies) - 1
	return &s.replies[pos], pos, false
}

// peek is the next reply without using it; nil before the first step.
func (e *endpoint) peek() *prepared {
	st := e.step()
	if st == nil {
		return nil
	}
	p, _, _ := st.next()
	return p
}

// take uses one reply. Before the first step the pick is empty.
func (e *endpoint) take() (p pick, exhausted bool) {
	st := e.step()
	if st == nil {
		return pick{}, false
	}
	r, pos, ok := st.next()
	if pos != st.pos {
		st.pos, st.used = pos, 0
	}
	st.used++
	return pick{prepared: r, step: st}, !ok
}

// nextAt is the instant of the next step, on the endpoint's own clock.
func (e *endpoint) nextAt() (time.Duration, bool) {
	if e.cur+1 < len(e.steps) {
		return e.steps[e.cur+1].spec.At, true
	}
	return 0, false
}

// stepName is the "as" of the step, empty when it has none.
func (s *stepState) stepName() string {
	if s == nil {
		return ""
	}
	return s.spec.As
}
