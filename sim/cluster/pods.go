package cluster

import (
	"cmp"
	"maps"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/platform"
)

// UnpausedGate is the readiness gate of virt-launcher pods (KV-GATE-PAUSED).
const UnpausedGate corev1.PodConditionType = "kubevirt.io/virtual-machine-unpaused"

// nameLabel selects the pods of a VM.
const nameLabel = "vm.kubevirt.io/name"

// Pod implements platform.Publisher.
func (c *Cluster) Pod(at time.Duration, p platform.Pod) {
	m := c.member(p.Namespace, p.VM)
	pods := c.client.Tracker()
	resource := resourceOf(&corev1.Pod{})
	var pod *corev1.Pod
	if old, err := pods.Get(resource, p.Namespace, p.Name); err == nil {
		pod = old.(*corev1.Pod).DeepCopy()
	} else {
		pod = m.newPod(at, p)
	}
	m.updatePod(pod, at, p)
	c.note(apply(pods, resource, pod))
}

// PodDeleted implements platform.Publisher.
func (c *Cluster) PodDeleted(_ time.Duration, p platform.Pod) {
	err := c.client.Tracker().Delete(resourceOf(&corev1.Pod{}), p.Namespace, p.Name)
	if !apierrors.IsNotFound(err) {
		c.note(err)
	}
}

func (m *member) newPod(at time.Duration, p platform.Pod) *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: p.Name, Namespace: p.Namespace, UID: types.UID(p.Name),
			CreationTimestamp: Time(at), Labels: map[string]string{nameLabel: m.Name},
		},
		Spec: *m.template.DeepCopy(),
	}
	if m.Member.Pod != nil {
		maps.Copy(pod.Labels, m.Member.Pod.Labels)
	}
	if p.HasGate {
		pod.Labels["kubevirt.io"] = "virt-launcher"
		pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: UnpausedGate}}
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	}
	return pod
}

func (m *member) updatePod(pod *corev1.Pod, at time.Duration, p platform.Pod) {
	if p.Terminating && pod.DeletionTimestamp == nil {
		deleted := Time(at)
		pod.DeletionTimestamp = &deleted
	}
	s := &pod.Status
	s.Phase = corev1.PodPhase(p.Phase)
	s.PodIP = m.address(p.Number)
	s.PodIPs = []corev1.PodIP{{IP: s.PodIP}}
	started := Time(p.StartedAt)
	if s.StartTime == nil {
		s.StartTime = &started
	}
	setCondition(s, at, corev1.ContainersReady, p.Containers, "ContainersNotReady")
	setCondition(s, at, corev1.PodReady, p.Ready, p.Reason)
	if p.Gate != platform.Missing {
		setCondition(s, at, UnpausedGate, p.Gate == platform.True, "Paused")
	}
	s.ContainerStatuses = []corev1.ContainerStatus{{
		Name: pod.Spec.Containers[0].Name, Ready: p.Containers, Started: &p.Running,
		RestartCount: p.Restarts, State: containerState(p, started),
		ContainerID: containerID(p, p.Instance),
	}}
	if l := p.Last; l != nil {
		s.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			StartedAt: Time(l.StartedAt), FinishedAt: Time(l.StoppedAt), ContainerID: containerID(p, l.Instance),
			ExitCode: exitCode(l.Clean, l.Killed), Reason: exitReason(l.Clean),
		}
	}
}

func containerID(p platform.Pod, instance int32) string {
	return "sim://" + p.Name + "/" + strconv.Itoa(int(instance))
}

func exitCode(clean, killed bool) int32 {
	switch {
	case killed:
		return 128 + 9 // SIGKILL
	case clean:
		return 0
	}
	return 1
}

func exitReason(clean bool) string {
	if clean {
		return "Completed"
	}
	return "Error"
}

func containerState(p platform.Pod, started metav1.Time) corev1.ContainerState {
	if p.Running {
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}
	}
	clean := !p.Killed && p.Phase == "Succeeded"
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		StartedAt: started, FinishedAt: Time(p.StoppedAt), ContainerID: containerID(p, p.Instance),
		ExitCode: exitCode(clean, p.Killed), Reason: exitReason(clean),
	}}
}

func setCondition(s *corev1.PodStatus, at time.Duration, kind corev1.PodConditionType, ok bool, reason string) {
	next := corev1.PodCondition{Type: kind, Status: status(ok), LastTransitionTime: Time(at)}
	if !ok {
		next.Reason = reason
	}
	for i := range s.Conditions {
		if old := &s.Conditions[i]; old.Type == kind {
			if old.Status == next.Status {
				next.LastTransitionTime = old.LastTransitionTime
			}
			*old = next
			return
		}
	}
	s.Conditions = append(s.Conditions, next)
}

func status(ok bool) corev1.ConditionStatus {
	if ok {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}

// podSpec is the pod's: the user's, or a launcher with the VM's probes.
func podSpec(m *Member) corev1.PodSpec {
	if m.Pod != nil && len(m.Pod.Spec.Containers) > 0 {
		return *m.Pod.Spec.DeepCopy()
	}
	compute := corev1.Container{Name: cmp.Or(m.Container, "compute"), Image: "virt-launcher"}
	for i := range m.Probes {
		p := &m.Probes[i]
		switch p.Kind {
		case probes.Readiness:
			compute.ReadinessProbe = renderProbe(m, p)
		case probes.Liveness:
			compute.LivenessProbe = renderProbe(m, p)
		case probes.Startup:
			compute.StartupProbe = renderProbe(m, p)
		}
	}
	return corev1.PodSpec{Containers: []corev1.Container{compute}}
}

func renderProbe(m *Member, p *probes.Probe) *corev1.Probe {
	seconds := func(d time.Duration) int32 { return int32(d / time.Second) }
	out := &corev1.Probe{
		InitialDelaySeconds: seconds(p.InitialDelay), PeriodSeconds: seconds(p.Period),
		TimeoutSeconds: seconds(p.Timeout), FailureThreshold: p.FailureThreshold,
		SuccessThreshold: p.SuccessThreshold,
	}
	virtProbe := []string{
		"virt-probe", "--domainName", m.Namespace + "_" + m.Name,
		"--timeoutSeconds", strconv.Itoa(int(out.TimeoutSeconds)),
	}
	switch p.Handler {
	case probes.HTTPGet:
		get := &corev1.HTTPGetAction{
			Scheme: corev1.URIScheme(strings.ToUpper(p.HTTP.Scheme)), Host: p.HTTP.Host,
			Port: port(p.HTTP.Port), Path: p.HTTP.Path,
		}
		for _, h := range p.HTTP.Headers {
			get.HTTPHeaders = append(get.HTTPHeaders, corev1.HTTPHeader{Name: h.Name, Value: h.Value})
		}
		out.HTTPGet = get
	case probes.TCPSocket:
		out.TCPSocket = &corev1.TCPSocketAction{Host: p.TCP.Host, Port: port(p.TCP.Port)}
	case probes.GuestAgentPing: // GA-MAP
		out.Exec = &corev1.ExecAction{Command: append(virtProbe, "--guestAgentPing")}
		out.TimeoutSeconds += seconds(m.ExecOuterExtra)
	case probes.Exec: // EX-MAP-KV
		command := p.Command
		if len(command) > 0 && m.Pod == nil {
			command = append(append(virtProbe, "--command", command[0], "--"), command[1:]...)
			out.TimeoutSeconds += seconds(m.ExecOuterExtra)
		}
		out.Exec = &corev1.ExecAction{Command: command}
	case probes.NoHandler:
	}
	return out
}

func port(p probes.Port) intstr.IntOrString {
	if p.Name != "" {
		return intstr.FromString(p.Name)
	}
	return intstr.FromInt(p.Number)
}
