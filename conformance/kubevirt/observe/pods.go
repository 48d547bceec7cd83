package observe

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/sim/trace"
)

// nameLabel is the label of KubeVirt's own pods that names the VMI.
const nameLabel = "vm.kubevirt.io/name"

// vmOf finds the VM to which an object belongs.
func (o *Observer) vmOf(labels map[string]string) *machine {
	for _, key := range []string{VMLabel, nameLabel} {
		if m := o.machine(labels[key]); m != nil {
			return m
		}
	}
	return nil
}

// Pod takes the state of a pod.
func (o *Observer) Pod(at time.Time, p *corev1.Pod) {
	m := o.vmOf(p.Labels)
	if m == nil {
		return
	}
	life := m.pod(string(p.UID), p.Name)
	m.containers(o, at, life, p)
	if why := disrupted(p); why != "" {
		o.Fail(fmt.Errorf("VM %s: pod %s: %s: %w", m.spec.Name, p.Name, why, ErrLost))
	}
	if p.DeletionTimestamp != nil && !life.ended {
		m.terminate(at, life)
	}
	life.ended = p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	if m.vm {
		m.launcher(at, p)
		o.endLag(at, life.now())
		return // the VMI says the rest
	}
	m.become(at, string(p.Status.Phase))
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == corev1.PodReady {
			o.ready(m, at, c.Status == corev1.ConditionTrue, c.Reason, c.LastTransitionTime.Time)
		}
	}
}

// ErrLost says that a node, or who cares for it, took a pod away, or the node itself
// is not well: what follows says nothing about a prober.
var ErrLost = errors.New("its node has given it up")

// disrupted is why a pod was not left alone; empty: it was. That a container ended by
// itself or by a probe gives the pod no reason.
func disrupted(p *corev1.Pod) string {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return strings.TrimSuffix(c.Reason+": "+c.Message, ": ")
		}
	}
	if p.Status.Reason == "NodeLost" || p.Status.Phase == corev1.PodFailed && p.Status.Reason != "" {
		return strings.TrimSuffix(p.Status.Reason+": "+p.Status.Message, ": ")
	}
	return ""
}

// launcher notes when the readiness of a launcher changed: that of its VMI
// follows.
func (m *machine) launcher(at time.Time, p *corev1.Pod) {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == corev1.PodReady && string(c.Status) != m.launched.text {
			m.launched, m.changed = arrival{at, string(c.Status)}, c.LastTransitionTime.Time
		}
	}
}

// prompt is how long KubeVirt may take to tell of a VMI what the kubelet says of
// its launcher; what comes later is late.
const (
	prompt = time.Second
	// because bounds how long ago the launcher can have changed for its VMI to
	// change for that reason.
	because = 15 * time.Second
)

// since is when the launcher changed for which its VMI did, by the node's clock: KubeVirt
// copies that instant. Zero: the VMI changed for another reason, as that it runs now.
func (m *machine) since(changed time.Time) time.Time {
	if m.runs.IsZero() || !m.launched.at.After(m.runs) || !changed.Equal(m.changed) {
		return time.Time{}
	}
	return changed
}

// lag takes a change of a VMI's Ready condition, which its launcher's of that instant
// caused. One that runs no domain yet is not ready, whatever its launcher is.
func (o *Observer) lag(m *machine, at time.Time, ok bool, since time.Time) {
	same := m.launched.text == string(corev1.ConditionTrue)
	if same != ok || ok == m.ready || m.runs.IsZero() || !m.launched.at.After(m.runs) || m.paused {
		return
	}
	if by := at.Sub(m.launched.at) - prompt; by > 0 && by < because {
		o.TooLate(by)
	}
	if by := at.Add(-o.ahead).Sub(since) - grain - prompt; !since.IsZero() && by > 0 {
		o.TooLate(by)
	}
}

// noticing is how long a kubelet may take to tell that a container runs: it looks
// every second, and tells at once when its node has time.
const noticing = 1500 * time.Millisecond

// startLag takes the news that a container runs. Until a kubelet knows, it neither
// probes it nor calls its pod ready.
func (o *Observer) startLag(at time.Time, l *life, running *corev1.ContainerStateRunning) {
	if running == nil || running.StartedAt.IsZero() || !l.started.IsZero() {
		return
	}
	if by := at.Add(-o.ahead).Sub(running.StartedAt.Time) - grain - noticing; by > 0 {
		o.TooLate(by)
	}
}

// endLag takes the news that a launcher has ended, of which the kubelet tells at
// once when its node has time.
func (o *Observer) endLag(at time.Time, l *life) {
	if l == nil || !l.over || !l.noticed.Equal(at) {
		return
	}
	if by := at.Add(-o.ahead).Sub(l.stopped) - grain - prompt; by > 0 {
		o.TooLate(by)
	}
}

// Deleting tells that somebody is about to delete a VM: what follows is no
// surprise, in whatever order it becomes known.
func (o *Observer) Deleting(at time.Time, vm string) {
	if m := o.machine(vm); m != nil {
		for _, p := range m.pods {
			if !p.gone {
				m.terminate(at, p)
			}
		}
	}
}

func (m *machine) terminate(at time.Time, p *podLife) {
	if !p.terminating {
		p.terminating, p.ending = true, at
		m.arrived(at, p.now(), trace.Event{Kind: trace.Terminating})
	}
}

// PodGone takes the last state of a pod that is no more.
func (o *Observer) PodGone(at time.Time, p *corev1.Pod) {
	m := o.vmOf(p.Labels)
	if m == nil {
		return
	}
	o.Pod(at, p)
	m.pod(string(p.UID), p.Name).gone = true
	if !m.vm && m.ready {
		o.ready(m, at, false, "PodNotExists", time.Time{})
	}
}

// pod finds a pod of the VM, or adds it.
func (m *machine) pod(uid, name string) *podLife {
	for _, p := range m.pods {
		if p.uid == uid {
			p.name = cmp.Or(p.name, name)
			return p
		}
	}
	p := &podLife{uid: uid, name: name}
	m.pods = append(m.pods, p)
	return p
}

// now is the life of the container that began last in the pod, nil: none.
func (p *podLife) now() *life {
	if len(p.containers) == 0 {
		return nil
	}
	return p.containers[len(p.containers)-1]
}

// containers takes the states of the probed container, and of the one before.
func (m *machine) containers(o *Observer, at time.Time, p *podLife, pod *corev1.Pod) {
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		if s.Name != m.container {
			continue
		}
		n := int(s.RestartCount)
		if last := s.LastTerminationState; last.Terminated != nil {
			// While the next one waits for its back-off, the last one is still the
			// one that is counted and named.
			switch waits := s.State.Waiting != nil && last.Terminated.ContainerID == s.ContainerID; {
			case waits:
				m.life(p, n).update(at, &last)
			case n > 0:
				m.life(p, n-1).update(at, &last)
			}
		}
		if s.State.Running != nil || s.State.Terminated != nil {
			o.startLag(at, m.life(p, n), s.State.Running)
			m.life(p, n).update(at, &s.State)
			if l := m.life(p, n); m.vm && m.zero.IsZero() {
				m.zero = l.started // its guest comes seconds later
				o.compareClocks(m, at.Sub(l.started))
			}
		}
	}
}

// life finds the n-th container of a pod, from 0. Those before it must have
// been, even where nobody saw them.
func (m *machine) life(p *podLife, n int) *life {
	for len(p.containers) <= n {
		if last := p.now(); last != nil {
			last.over = true
			if last.reason == "" {
				last.reason = "Error"
			}
		}
		l := &life{pod: p, number: len(p.containers)}
		p.containers = append(p.containers, l)
		m.lives = append(m.lives, l)
	}
	return p.containers[n]
}

// become notes a phase; a pod that is pending has not begun.
func (m *machine) become(at time.Time, phase string) {
	if phase == m.phase || phase == "" || phase == string(corev1.PodPending) {
		return
	}
	m.phase = phase
	m.arrived(at, m.last(), trace.Event{Kind: trace.VMIPhase, Value: phase})
}

// ready notes the Ready condition when it changes. since is the second in which
// it did, by the node's clock: what came later than that came late.
func (o *Observer) ready(m *machine, at time.Time, ok bool, reason string, since time.Time) {
	if ok == m.ready {
		if ok && since.After(m.turned) && !m.turned.IsZero() {
			// It was lost and came back before anybody looked.
			m.arrived(at, m.last(), trace.Event{Kind: trace.Ready, Value: reason})
			m.arrived(at, m.last(), trace.Event{Kind: trace.Ready, OK: true})
		}
		m.turned = since
		return
	}
	m.ready, m.turned = ok, since
	if ok {
		reason = ""
	}
	e := trace.Event{Kind: trace.Ready, OK: ok, Value: reason}
	if end := since.Add(grain).Add(o.ahead); o.timed && !since.IsZero() && at.After(end) && since.Nanosecond() == 0 {
		o.TooLate(at.Sub(end)) // as may be what has no such word
		at = end
	}
	m.arrived(at, m.last(), e)
}
