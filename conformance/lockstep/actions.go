package lockstep

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// try is one try of the prober, and after its result what is left of it.
type try struct {
	id       int64
	vm       *machine
	pod      *pod
	kind     probes.Kind
	actor    sim.Actor
	instance int32
	number   count
	asking   int  // the exchange under way, counted from 1; 0: none
	asked    int  // exchanges so far
	finished bool // the result is there
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
	case protocol.Ready, protocol.Live, protocol.Started, protocol.LiveFailed, protocol.Report:
		return s.transition(a)
	}
	return nil
}

// place finds the container that an action names.
func (s *session) place(a *protocol.Action) (*machine, *pod, *protocol.Violation) {
	var names []string
	for _, m := range s.vms {
		names = append(names, m.cfg.Name)
	}
	i := slices.Index(names, a.VM)
	if i < 0 {
		return nil, nil, &protocol.Violation{Field: "vm", What: fmt.Sprintf("there is no VM %q", a.VM), Fix: diag.DidYouMean(a.VM, names)}
	}
	m := s.vms[i]
	known, _ := s.g.Instances(a.VM)
	if a.Instance > known {
		return nil, nil, &protocol.Violation{
			Field: "instance", What: fmt.Sprintf("%s has had %d containers, not %d", a.VM, known, a.Instance),
			Fix: "repeat the instance of the containerStarted event",
		}
	}
	// A container that is gone is still somebody's pod: its prober is late,
	// which is for the judges.
	p := m.pod(func(p *pod) bool { return p.instance == a.Instance })
	if p == nil {
		p = m.pod(func(p *pod) bool { return p.number <= a.Instance && a.Instance <= p.instance })
	}
	if p == nil {
		return nil, nil, &protocol.Violation{Field: "instance", What: fmt.Sprintf("container %d of %s never started", a.Instance, a.VM)}
	}
	return m, p, nil
}

// begin begins a try.
func (s *session) begin(a *protocol.Action) *protocol.Violation {
	if _, used := s.tries[a.ID]; used {
		return &protocol.Violation{Field: "id", What: fmt.Sprintf("try %d has begun before", a.ID), Fix: "count ids up"}
	}
	m, p, v := s.place(a)
	if v != nil {
		return v
	}
	kind := protocol.KindOf(a.Probe)
	slot, ok := m.slot(kind)
	if !ok {
		var has []string
		for _, probe := range m.cfg.Probes {
			has = append(has, probe.Kind.String())
		}
		return &protocol.Violation{Field: "probe", What: fmt.Sprintf("%s has no %s probe", a.VM, kind), Fix: "it has " + strings.Join(has, " and ")}
	}
	c := &p.counts[kind]
	if c.again {
		c.try++
	} else {
		c.attempt++
		c.try = 1
	}
	c.again = false
	t := &try{id: a.ID, vm: m, pod: p, kind: kind, actor: m.cfg.Actor + sim.Actor(slot), instance: a.Instance, number: *c}
	s.tries[a.ID] = t
	s.record(t, trace.Event{Kind: trace.TryStarted, Try: c.try})
	return s.exchange(t, a)
}

// record writes an event about a try.
func (s *session) record(t *try, e trace.Event) {
	e.T, e.VM, e.Instance = s.now(), t.vm.cfg.Name, t.instance
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
		t.pod.counts[t.kind].again = true
		return
	}
	s.record(t, trace.Event{Kind: trace.AttemptFinished, Class: class})
	if class == probes.Success || a.Panicked {
		return
	}
	reason, text := unhealthy(t.kind, class)
	t.vm.platform.ClusterEvent(t.instance, true, reason, text+a.Message)
}

// unhealthy words the event that a kubelet writes about an attempt.
func unhealthy(kind probes.Kind, class probes.Class) (reason, text string) {
	name := kind.String()
	name = strings.ToUpper(name[:1]) + name[1:]
	switch class {
	case probes.Warning:
		return "ProbeWarning", name + " probe warning: "
	case probes.Errored:
		return "Unhealthy", name + " probe errored and resulted in failure state: "
	default:
		return "Unhealthy", name + " probe failed: "
	}
}

// begins is the state of a probe that the prober says nothing of when its
// container starts: readers take nothing for not ready, alive and not known to
// have started (STATE-INIT).
func (s *session) begins(m *machine, p *pod, kind probes.Kind) {
	e := trace.Event{
		T: s.now(), VM: m.cfg.Name, Instance: p.instance, Kind: trace.ProbeState,
		Probe: kind, HasProbe: true, OK: kind == probes.Liveness,
	}
	if kind == probes.Startup {
		e.Value = "unknown"
	}
	s.publish(m, p, &e)
}

// publish records a state and tells the platform.
func (s *session) publish(m *machine, p *pod, e *trace.Event) {
	p.told[e.Probe] = true
	s.g.Record(*e)
	switch e.Probe {
	case probes.Readiness:
		m.platform.ReadyChanged(e.Instance, e.OK)
	case probes.Startup:
		m.platform.StartupChanged(e.Instance, e.OK)
		p.passed = e.OK
	case probes.Liveness:
	}
}

// transition publishes a state, or asks for a kill.
func (s *session) transition(a *protocol.Action) *protocol.Violation {
	m, p, v := s.place(a)
	if v != nil {
		return v
	}
	if a.Do == protocol.Report {
		s.g.AgentEvent(a.VM, a.Reason, a.Message)
		return nil
	}
	e := trace.Event{T: s.now(), VM: a.VM, Instance: a.Instance, Kind: trace.ProbeState, HasProbe: true}
	switch a.Do {
	case protocol.Ready:
		e.Probe = probes.Readiness
	case protocol.Live:
		e.Probe = probes.Liveness
	case protocol.Started:
		e.Probe = probes.Startup
	default:
		e.Kind, e.Probe = trace.LivenessFailed, probes.Liveness
		if a.Probe != "" {
			e.Probe = protocol.KindOf(a.Probe)
		}
	}
	if _, ok := m.slot(e.Probe); !ok {
		return &protocol.Violation{Field: "do", What: fmt.Sprintf("%s has no %s probe", a.VM, e.Probe), Fix: "publish the states of the probes that it has"}
	}
	if e.Kind == trace.LivenessFailed {
		s.g.Record(e)
		m.platform.LivenessFailed(a.Instance, e.Probe)
		return nil
	}
	if e.OK = *a.OK; a.Unknown {
		e.Value = "unknown"
	}
	s.publish(m, p, &e)
	return nil
}
