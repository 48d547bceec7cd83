package history

import (
	"slices"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// New arranges the events of a run of the case. Any trace is accepted; what
// makes no sense is left where a judge finds it.
func New(c *scenarios.Case, t *trace.Trace) *Run { return new(Desk).New(c, t) }

// Desk has memory in which runs are arranged one after the other. The zero
// value is empty.
type Desk struct {
	run  Run
	all  builders
	slab slab
}

// New is as the function New. The run before must not be used any more.
func (d *Desk) New(c *scenarios.Case, t *trace.Trace) *Run {
	r := &d.run
	r.Case, r.Events, r.View, r.Wall, r.End, r.VMs = c, t.Events, t.View, t.Wall, c.Until, r.VMs[:0]
	r.world.clear()
	d.clear(len(c.VMs))
	for i := range c.VMs {
		b := &d.all[i]
		b.vm.clear(&c.VMs[i])
		b.slab = &d.slab
		r.VMs = append(r.VMs, b.vm)
	}
	for i := range t.Events {
		m := Mark{Event: &t.Events[i], Index: i}
		b := d.all.of(m.VM)
		if b == nil {
			r.world.add(m)
			continue
		}
		b.add(m)
	}
	return r
}

// clear makes room for the events of another run.
func (d *Desk) clear(vms int) {
	for len(d.all) < vms {
		d.all = append(d.all, builder{vm: &VM{}})
	}
	d.all = d.all[:vms]
	for i := range d.all {
		d.all[i].works = d.all[i].works[:0]
	}
	d.slab.clear()
}

type builders []builder

// of finds the builder of a VM, nil when there is none.
func (all builders) of(vm string) *builder {
	for i := range all {
		if all[i].vm.Name == vm {
			return &all[i]
		}
	}
	return nil
}

// slab is memory for the attempts and tries of a whole run: there are many.
type slab struct {
	attempts []Attempt
	tries    []Try
}

// piece is how many attempts or tries a slab has room for at first.
const piece = 32

func (s *slab) clear() { s.attempts, s.tries = s.attempts[:0], s.tries[:0] }

// attempt keeps an attempt where it stays: a piece that is full is left to
// those who point into it.
func (s *slab) attempt(a Attempt) *Attempt {
	if len(s.attempts) == cap(s.attempts) {
		s.attempts = make([]Attempt, 0, max(piece, 2*cap(s.attempts)))
	}
	s.attempts = append(s.attempts, a)
	return &s.attempts[len(s.attempts)-1]
}

// try gives an attempt its first try without memory of its own.
func (s *slab) try(t Try) []Try {
	if len(s.tries) == cap(s.tries) {
		s.tries = make([]Try, 0, max(piece, 2*cap(s.tries)))
	}
	n := len(s.tries)
	s.tries = append(s.tries, t)
	return s.tries[n : n+1 : n+1]
}

// work is the attempts of one probe of one instance, also of one that never
// started.
type work struct {
	instance int32
	probe    probes.Kind
	attempts []*Attempt
	stint    *Stint // nil: not found yet
}

type builder struct {
	vm    *VM
	slab  *slab
	works []work
}

// work is where an event of the prober belongs.
func (b *builder) work(m Mark) *work {
	for i := range b.works {
		if w := &b.works[i]; w.instance == m.Instance && w.probe == m.Probe {
			return w
		}
	}
	n := len(b.works)
	if n == cap(b.works) {
		b.works = append(b.works, work{})
	}
	b.works = b.works[:n+1]
	w := &b.works[n]
	*w = work{instance: m.Instance, probe: m.Probe, attempts: w.attempts[:0]}
	return w
}

func (b *builder) add(m Mark) {
	if m.Kind != trace.TryStarted && m.Kind != trace.TryFinished && m.Kind != trace.AttemptFinished {
		b.vm.marks.add(m)
	}
	switch m.Kind {
	case trace.ContainerStarted:
		b.started(m)
	case trace.ContainerStopped:
		if c := b.vm.Container(m.Instance); c != nil && c.StopEvent == NoEvent {
			c.Stop, c.StopEvent = m.T, m.Index
		}
	case trace.TryStarted:
		b.tryStarted(m)
	case trace.TryFinished:
		b.tryFinished(m)
	case trace.AttemptFinished:
		b.attemptFinished(m)
	case trace.ProbeState, trace.LivenessFailed:
		b.state(m)
	default:
	}
}

func (b *builder) started(m Mark) {
	c := next(&b.vm.Containers)
	*c = Container{
		Instance: m.Instance, Start: m.T, Stop: Never,
		StartEvent: m.Index, StopEvent: NoEvent, Side: m.Value, Stints: c.Stints[:0],
	}
	for i := range b.vm.Spec.Resolved.Probes {
		s := next(&c.Stints)
		*s = Stint{
			VM: b.vm, Container: c, Probe: &b.vm.Spec.Resolved.Probes[i],
			Attempts: s.Attempts[:0], States: s.States[:0], Verdicts: s.Verdicts[:0],
		}
	}
}

// next makes a list longer by one, which is that of a run before if there was
// one.
func next[T any](list *[]*T) *T {
	n := len(*list)
	if n == cap(*list) {
		*list = append(*list, nil)
	}
	*list = (*list)[:n+1]
	if (*list)[n] == nil {
		(*list)[n] = new(T)
	}
	return (*list)[n]
}

// stint finds where an event of the prober belongs; nil for a container that
// did not start or a probe that the VM does not have.
func (b *builder) stint(m Mark) *Stint {
	c := b.vm.Container(m.Instance)
	if c == nil {
		return nil
	}
	return c.Stint(m.Probe)
}

func (b *builder) state(m Mark) {
	s := b.stint(m)
	switch {
	case s == nil:
	case m.Kind == trace.LivenessFailed:
		s.Verdicts = append(s.Verdicts, m)
	default:
		s.States = append(s.States, m)
	}
}

func (w *work) attempt(m Mark, open bool) *Attempt {
	for _, a := range slices.Backward(w.attempts) {
		if a.Number < m.Attempt {
			return nil // numbers rise, and long runs must not be searched whole
		}
		if a.Number == m.Attempt && !(open && a.Ended()) {
			return a
		}
	}
	return nil
}

func (b *builder) newAttempt(w *work, m Mark) *Attempt {
	a := b.slab.attempt(Attempt{Number: m.Attempt, Start: m.T, End: Never, StartEvent: m.Index, EndEvent: NoEvent})
	w.attempts = append(w.attempts, a)
	if w.stint == nil {
		w.stint = b.stint(m)
	}
	if s := w.stint; s != nil {
		s.Attempts = append(s.Attempts, a)
	} else {
		b.vm.Strays = append(b.vm.Strays, a)
	}
	return a
}

func (b *builder) tryStarted(m Mark) {
	w := b.work(m)
	a := w.attempt(m, true)
	// A worker that began anew after a restart of the prober counts from 1
	// again, and may leave an attempt of that number unfinished.
	if a == nil || m.Try <= 1 && len(a.Tries) > 0 {
		a = b.newAttempt(w, m)
	}
	t := Try{Number: m.Try, Start: m.T, End: Never, StartEvent: m.Index, EndEvent: NoEvent}
	if a.Tries == nil {
		a.Tries = b.slab.try(t)
		return
	}
	a.Tries = append(a.Tries, t)
}

func (b *builder) tryFinished(m Mark) {
	a := b.work(m).attempt(m, true)
	if a == nil {
		return
	}
	for i := range a.Tries {
		if t := &a.Tries[i]; t.Number == m.Try && !t.Ended() {
			t.End, t.EndEvent, t.Class = m.T, m.Index, m.Class
			return
		}
	}
}

func (b *builder) attemptFinished(m Mark) {
	w := b.work(m)
	a := w.attempt(m, true)
	if a == nil {
		// A prober that reports no tries: only the result is known.
		a = b.newAttempt(w, m)
	}
	a.End, a.EndEvent, a.Class = m.T, m.Index, m.Class
}
