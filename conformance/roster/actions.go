package roster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Place finds the container that an action names. A violation lacks the number
// of the action.
func (r *Roster) Place(a *protocol.Action) (*Pod, *protocol.Violation) {
	var names []string
	for _, m := range r.vms {
		names = append(names, m.Config.Name)
	}
	i := slices.Index(names, a.VM)
	if i < 0 {
		return nil, &protocol.Violation{Field: "vm", What: fmt.Sprintf("there is no VM %q", a.VM), Fix: diag.DidYouMean(a.VM, names)}
	}
	m := r.vms[i]
	known, _ := r.Ground.Instances(a.VM)
	if a.Instance > known {
		return nil, &protocol.Violation{
			Field: "instance", What: fmt.Sprintf("%s has had %d containers, not %d", a.VM, known, a.Instance),
			Fix: "repeat the instance of the containerStarted event",
		}
	}
	// A container that is gone is still somebody's pod: its prober is late,
	// which is for the judges.
	p := m.pod(func(p *Pod) bool { return p.instance == a.Instance })
	if p == nil {
		p = m.pod(func(p *Pod) bool { return p.number <= a.Instance && a.Instance <= p.instance })
	}
	if p == nil {
		return nil, &protocol.Violation{Field: "instance", What: fmt.Sprintf("container %d of %s never started", a.Instance, a.VM)}
	}
	return p, nil
}

// Probe is the kind of probe that an action names, which the VM must have, and
// its slot.
func (m *Machine) Probe(a *protocol.Action) (probes.Kind, int, *protocol.Violation) {
	kind := protocol.KindOf(a.Probe)
	slot, ok := m.Slot(kind)
	if ok {
		return kind, slot, nil
	}
	var has []string
	for _, probe := range m.Config.Probes {
		has = append(has, probe.Kind.String())
	}
	return kind, 0, &protocol.Violation{
		Field: "probe", What: fmt.Sprintf("%s has no %s probe", a.VM, kind), Fix: "it has " + strings.Join(has, " and "),
	}
}

// Transition publishes a state, asks for a kill, or writes an event.
func (r *Roster) Transition(a *protocol.Action) *protocol.Violation {
	p, v := r.Place(a)
	if v != nil {
		return v
	}
	if a.Do == protocol.TellEvent {
		r.Ground.AgentEvent(a.VM, a.Reason, a.Message)
		return nil
	}
	e := trace.Event{T: r.now(), VM: a.VM, Instance: a.Instance, Kind: trace.ProbeState, HasProbe: true}
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
	if _, ok := p.Machine.Slot(e.Probe); !ok {
		return &protocol.Violation{Field: "do", What: fmt.Sprintf("%s has no %s probe", a.VM, e.Probe), Fix: "publish the states of the probes that it has"}
	}
	r.act(p, a, e)
	return nil
}

// act records a verdict and lets the platform act on it.
func (r *Roster) act(p *Pod, a *protocol.Action, e trace.Event) {
	if e.Kind == trace.LivenessFailed {
		r.Ground.Record(e)
		p.Machine.Platform.LivenessFailed(a.Instance, e.Probe)
		return
	}
	if e.OK = *a.OK; a.Unknown {
		e.Value = "unknown"
	}
	r.publish(p, &e)
}

// begins is the state of a probe that the prober says nothing of when its
// container starts: readers take nothing for not ready, alive and not known to
// have started (STATE-INIT).
func (r *Roster) begins(p *Pod, kind probes.Kind) {
	e := trace.Event{
		T: r.now(), VM: p.Machine.Config.Name, Instance: p.instance, Kind: trace.ProbeState,
		Probe: kind, HasProbe: true, OK: kind == probes.Liveness,
	}
	if kind == probes.Startup {
		e.Value = "unknown"
	}
	r.publish(p, &e)
}

// publish records a state and tells the platform.
func (r *Roster) publish(p *Pod, e *trace.Event) {
	p.told[e.Probe] = true
	r.Ground.Record(*e)
	switch e.Probe {
	case probes.Readiness:
		p.Machine.Platform.ReadyChanged(e.Instance, e.OK)
	case probes.Startup:
		p.Machine.Platform.StartupChanged(e.Instance, e.OK)
		p.passed = e.OK
	case probes.Liveness:
	}
}

// Unhealthy writes the event that a kubelet writes about an attempt that did
// not simply succeed.
func (m *Machine) Unhealthy(instance int32, kind probes.Kind, class probes.Class, message string) {
	reason, verb := "Unhealthy", " probe failed: "
	switch class {
	case probes.Success:
		return
	case probes.Warning:
		reason, verb = "ProbeWarning", " probe warning: "
	case probes.Errored:
		verb = " probe errored and resulted in failure state: "
	default:
	}
	name := kind.String()
	m.Platform.ClusterEvent(instance, true, reason, strings.ToUpper(name[:1])+name[1:]+verb+message)
}
