package spec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
)

// written is a probe as the manifest has it, whichever API it comes from.
type written struct {
	kind probes.Kind
	path *field.Path
	api  any // the probe itself

	exec *corev1.ExecAction
	http *corev1.HTTPGetAction
	tcp  *corev1.TCPSocketAction
	ping bool
	grpc bool

	delay, timeout, period, success, failure int32
	grace                                    *int64 // pods only
}

// handler is the one the prober will use: the first in the order in which the
// API server looks at them.
func (w *written) handler() probes.Handler {
	switch {
	case w.exec != nil:
		return probes.Exec
	case w.http != nil:
		return probes.HTTPGet
	case w.tcp != nil:
		return probes.TCPSocket
	case w.ping:
		return probes.GuestAgentPing
	}
	return probes.NoHandler
}

// RawProbe is one probe of a manifest, before any default.
type RawProbe struct {
	Kind probes.Kind
	// Probe is of the API that the manifest is written in: a *Probe of core/v1
	// or of KubeVirt.
	Probe any
}

// RawProbes lists the probes of the manifest in the order readiness, liveness,
// startup.
func (m *Machine) RawProbes() []RawProbe {
	var all []RawProbe
	for _, w := range m.written() {
		all = append(all, RawProbe{w.kind, w.api})
	}
	return all
}

// specPath is where the VMI spec or the pod's container is written.
func (m *Machine) specPath() *field.Path {
	if m.VM != nil {
		return field.NewPath("spec", "template", "spec")
	}
	return field.NewPath("spec")
}

// written lists the probes in the order readiness, liveness, startup.
func (m *Machine) written() []written {
	if m.Pod != nil {
		return m.writtenPod()
	}
	if m.VMI == nil {
		return nil
	}
	var all []written
	add := func(kind probes.Kind, name string, p *kubevirtv1.Probe) {
		if p == nil {
			return
		}
		all = append(all, written{
			kind: kind, path: m.specPath().Child(name), api: p,
			exec: p.Exec, http: p.HTTPGet, tcp: p.TCPSocket, ping: p.GuestAgentPing != nil,
			delay: p.InitialDelaySeconds, timeout: p.TimeoutSeconds, period: p.PeriodSeconds,
			success: p.SuccessThreshold, failure: p.FailureThreshold,
		})
	}
	add(probes.Readiness, "readinessProbe", m.VMI.Spec.ReadinessProbe)
	add(probes.Liveness, "livenessProbe", m.VMI.Spec.LivenessProbe)
	return all
}

func (m *Machine) writtenPod() []written {
	index := m.Container()
	if index < 0 {
		return nil
	}
	c := &m.Pod.Spec.Containers[index]
	base := field.NewPath("spec", "containers").Index(index)
	var all []written
	add := func(kind probes.Kind, name string, p *corev1.Probe) {
		if p == nil {
			return
		}
		all = append(all, written{
			kind: kind, path: base.Child(name), api: p,
			exec: p.Exec, http: p.HTTPGet, tcp: p.TCPSocket, grpc: p.GRPC != nil,
			delay: p.InitialDelaySeconds, timeout: p.TimeoutSeconds, period: p.PeriodSeconds,
			success: p.SuccessThreshold, failure: p.FailureThreshold,
			grace: p.TerminationGracePeriodSeconds,
		})
	}
	add(probes.Readiness, "readinessProbe", c.ReadinessProbe)
	add(probes.Liveness, "livenessProbe", c.LivenessProbe)
	add(probes.Startup, "startupProbe", c.StartupProbe)
	return all
}

// Container is the index of the pod's container under probe: the first that
// has one, else the first; -1 when there is none.
func (m *Machine) Container() int {
	if m.Pod == nil || len(m.Pod.Spec.Containers) == 0 {
		return -1
	}
	for i := range m.Pod.Spec.Containers {
		if probed(&m.Pod.Spec.Containers[i]) {
			return i
		}
	}
	return 0
}

func probed(c *corev1.Container) bool {
	return c.ReadinessProbe != nil || c.LivenessProbe != nil || c.StartupProbe != nil
}
