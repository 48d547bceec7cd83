package history

import (
	"slices"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// New arranges the events of a run of the case. Any trace is accepted; what
// makes no sense is left where a judge finds it.
func New(c *scenarios.Case, t *trace.Trace) *Run {
	r := &Run{Case: c, Events: t.Events, View: t.View, End: c.Until, World: map[trace.Kind][]Mark{}}
	byName := map[string]*builder{}
	for i := range c.VMs {
		v := &VM{Name: c.VMs[i].Name, Spec: &c.VMs[i], Marks: map[trace.Kind][]Mark{}}
		r.VMs = append(r.VMs, v)
		byName[v.Name] = &builder{vm: v, open: map[key][]*Attempt{}}
	}
	for i := range t.Events {
		m := Mark{Event: &t.Events[i], Index: i}
		b := byName[m.VM]
		if b == nil {
			r.World[m.Kind] = append(r.World[m.Kind], m)
			continue
		}
		b.vm.Marks[m.Kind] = append(b.vm.Marks[m.Kind], m)
		b.add(m)
	}
	return r
}

type key struct {
	instance int32
	probe    probes.Kind
}

type builder struct {
	vm   *VM
	open map[key][]*Attempt // all attempts so far of the stint
}

func (b *builder) add(m Mark) {
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
	c := &Container{
		Instance: m.Instance, Start: m.T, Stop: Never,
		StartEvent: m.Index, StopEvent: NoEvent, Side: m.Value,
	}
	for i := range b.vm.Spec.Resolved.Probes {
		p := &b.vm.Spec.Resolved.Probes[i]
		c.Stints = append(c.Stints, &Stint{VM: b.vm, Container: c, Probe: p})
	}
	b.vm.Containers = append(b.vm.Containers, c)
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

func (b *builder) attempt(m Mark, open bool) *Attempt {
	list := b.open[key{m.Instance, m.Probe}]
	for _, a := range slices.Backward(list) {
		if a.Number < m.Attempt {
			return nil // numbers rise, and long runs must not be searched whole
		}
		if a.Number == m.Attempt && !(open && a.Ended()) {
			return a
		}
	}
	return nil
}

func (b *builder) newAttempt(m Mark) *Attempt {
	a := &Attempt{Number: m.Attempt, Start: m.T, End: Never, StartEvent: m.Index, EndEvent: NoEvent}
	k := key{m.Instance, m.Probe}
	b.open[k] = append(b.open[k], a)
	if s := b.stint(m); s != nil {
		s.Attempts = append(s.Attempts, a)
	} else {
		b.vm.Strays = append(b.vm.Strays, a)
	}
	return a
}

func (b *builder) tryStarted(m Mark) {
	a := b.attempt(m, true)
	// A worker that began anew after a restart of the prober counts from 1
	// again, and may leave an attempt of that number unfinished.
	if a == nil || m.Try <= 1 && len(a.Tries) > 0 {
		a = b.newAttempt(m)
	}
	a.Tries = append(a.Tries, Try{Number: m.Try, Start: m.T, End: Never, StartEvent: m.Index, EndEvent: NoEvent})
}

func (b *builder) tryFinished(m Mark) {
	a := b.attempt(m, true)
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
	a := b.attempt(m, true)
	if a == nil {
		// A prober that reports no tries: only the result is known.
		a = b.newAttempt(m)
	}
	a.End, a.EndEvent, a.Class = m.T, m.Index, m.Class
}
