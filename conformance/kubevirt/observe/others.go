package observe

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/sim/trace"
)

// Slice takes the state of an EndpointSlice: the readiness of the pods of one
// VM.
func (o *Observer) Slice(at time.Time, s *discoveryv1.EndpointSlice) {
	m := o.vmOf(s.Labels)
	if m == nil {
		m = o.machine(s.Labels[discoveryv1.LabelServiceName])
	}
	if m == nil {
		return
	}
	now := map[string]bool{}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.TargetRef != nil {
			now[e.TargetRef.Name] = e.Conditions.Ready == nil || *e.Conditions.Ready
		}
	}
	for _, p := range m.pods {
		if now[p.name] != m.inSlice[p.name] {
			m.arrived(at, p.now(), trace.Event{Kind: trace.Endpoint, OK: now[p.name]})
		}
	}
	for name, ready := range now {
		if ready && !slices.ContainsFunc(m.pods, func(p *podLife) bool { return p.name == name }) {
			m.arrived(at, m.last(), trace.Event{Kind: trace.Endpoint, OK: true}) // the slice came before its pod
		}
	}
	m.inSlice = now
}

// silent are events that every pod has.
func silent() []string {
	return []string{"Scheduled", "Pulled", "Pulling", "Created", "Started", "SuccessfulCreate", "SuccessfulDelete", "SandboxChanged"}
}

// Event takes an event of the API. Equal ones are one object that counts.
func (o *Observer) Event(at time.Time, e *corev1.Event) {
	m := o.about(&e.InvolvedObject)
	if m == nil {
		return
	}
	n := max(e.Count, 1)
	if e.Series != nil {
		n = max(n, e.Series.Count)
	}
	before := m.counts[e.Namespace+"/"+e.Name]
	m.counts[e.Namespace+"/"+e.Name] = n
	if slices.Contains(silent(), e.Reason) {
		return
	}
	if e.Type == corev1.EventTypeWarning && e.InvolvedObject.Kind == "VirtualMachineInstance" {
		m.news = e.Message
	}
	for range n - before {
		switch e.Reason {
		case "Unhealthy":
			if cause := blamed(e.Message); cause != "" {
				m.blame[podOf(e)] = cause
			}
		case "Killing":
			if m.concerns(e) {
				m.kills = append(m.kills, arrival{at, m.cause(e)})
			}
		}
		m.arrived(at, m.last(), trace.Event{Kind: trace.ClusterEvent, Value: e.Reason, Msg: e.Message})
	}
}

// about finds the VM that an event is about.
func (o *Observer) about(ref *corev1.ObjectReference) *machine {
	for _, m := range o.vms {
		if slices.ContainsFunc(m.pods, func(p *podLife) bool { return ref.Kind == "Pod" && p.name == ref.Name }) {
			return m
		}
	}
	if ref.Kind == "Pod" && o.c.Profile.VM {
		return nil
	}
	return o.machine(ref.Name)
}

// cause is the message of a Killing event, or what it leaves out: where a pod
// is not restarted, the kubelet stops it and names no probe.
func (m *machine) cause(e *corev1.Event) string {
	if _, known := probeOf(e.Message); known {
		return e.Message
	}
	for _, p := range m.pods {
		if p.name == e.InvolvedObject.Name && !p.terminating {
			return cmp.Or(m.blame[podOf(e)], e.Message)
		}
	}
	return e.Message
}

// blamed is the cause of a kill by the probe of which an Unhealthy event tells;
// empty: a readiness probe kills nobody.
func blamed(message string) string {
	switch {
	case strings.HasPrefix(message, "Liveness"):
		return "failed liveness probe"
	case strings.HasPrefix(message, "Startup"):
		return "failed startup probe"
	}
	return ""
}

// podOf tells pods apart, also those of the same name.
func podOf(e *corev1.Event) string {
	return e.InvolvedObject.Name + "/" + string(e.InvolvedObject.UID)
}

// concerns tells whether an event of a pod is about the container that is probed, or
// does not say about which.
func (m *machine) concerns(e *corev1.Event) bool {
	field := e.InvolvedObject.FieldPath
	return !strings.Contains(field, "{") || strings.HasSuffix(field, "{"+m.container+"}")
}

// VMI takes the state of a virtual machine instance.
func (o *Observer) VMI(at time.Time, v *kubevirtv1.VirtualMachineInstance) {
	m := o.machine(v.Name)
	if m == nil {
		return
	}
	if m.vmi != string(v.UID) {
		m.vmi = string(v.UID)
		m.phase = ""
		m.arrived(at, nil, trace.Event{Kind: trace.VMICreated, Instance: m.next()})
	}
	m.phaseOf(at, string(v.Status.Phase))
	paused := false
	for i := range v.Status.Conditions {
		switch c := &v.Status.Conditions[i]; c.Type {
		case kubevirtv1.VirtualMachineInstanceReady:
			since := m.since(c.LastTransitionTime.Time)
			o.lag(m, at, c.Status == corev1.ConditionTrue, since)
			o.ready(m, at, c.Status == corev1.ConditionTrue, c.Reason, since)
		case kubevirtv1.VirtualMachineInstancePaused:
			paused = c.Status == corev1.ConditionTrue
		default:
		}
	}
	if paused != m.paused {
		m.paused = paused
		m.domain(at)
	}
}

// phaseOf notes the phases that a trace has, and what they say of the domain.
func (m *machine) phaseOf(at time.Time, phase string) {
	switch kubevirtv1.VirtualMachineInstancePhase(phase) {
	case kubevirtv1.Scheduled, kubevirtv1.Running, kubevirtv1.Succeeded, kubevirtv1.Failed:
	default:
		return
	}
	if phase == m.phase {
		return
	}
	m.become(at, phase)
	m.runs = time.Time{}
	if phase == string(kubevirtv1.Running) {
		m.runs = at
	}
	if l := m.last(); l != nil {
		switch phase {
		case string(kubevirtv1.Running):
			l.ran = true
		case string(kubevirtv1.Failed):
			l.failed = at
		}
	}
	if phase != string(kubevirtv1.Scheduled) {
		m.domain(at)
	}
}

// domain notes what the API lets one know of the domain.
func (m *machine) domain(at time.Time) {
	state := "shutoff"
	switch {
	case m.phase == string(kubevirtv1.Running) && m.paused:
		state = "paused"
	case m.phase == string(kubevirtv1.Running):
		state = "running"
	}
	m.arrived(at, m.last(), trace.Event{Kind: trace.DomainState, Value: state})
}

// next is the instance that a VMI begins with.
func (m *machine) next() int32 { return int32(len(m.lives) + 1) } //nolint:gosec // a few

// VMIGone takes the last state of an instance that is no more.
func (o *Observer) VMIGone(at time.Time, v *kubevirtv1.VirtualMachineInstance) {
	m := o.machine(v.Name)
	if m == nil || m.vmi == "" {
		return
	}
	o.VMI(at, v)
	if m.ready {
		o.ready(m, at, false, "PodNotExists", time.Time{})
	}
	m.vmi, m.phase = "", ""
	m.arrived(at, m.last(), trace.Event{Kind: trace.VMIDeleted})
}
