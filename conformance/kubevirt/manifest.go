package kubevirt

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestpod"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// stateVolume is the volume that outlives a container.
const stateVolume = "vmprobe-state"

// guestOf is what the guest of a VM is given.
func guestOf(c *scenarios.Case, v *scenarios.VM) *guestpod.Config {
	g := &guestpod.Config{Program: v.Program, EveryBoot: v.EveryBoot, Delay: v.DomainDelay}
	g.Program.Power = slices.Clone(g.Program.Power)
	for i := range c.Events { // a container that dies is a guest that crashes
		if e := &c.Events[i]; e.Kind == scenarios.StopContainer && e.VM == v.Name {
			g.Program.Power = append(g.Program.Power, fakevm.PowerStep{At: e.At, Do: fakevm.Crash})
		}
	}
	slices.SortStableFunc(g.Program.Power, func(a, b fakevm.PowerStep) int { return cmp.Compare(a.At, b.At) })
	for i := range v.Resolved.Probes {
		if p := &v.Resolved.Probes[i]; p.Handler == probes.Exec && len(p.Command) > 0 && !slices.Contains(g.Commands, p.Command[0]) {
			g.Commands = append(g.Commands, p.Command[0])
		}
	}
	return g
}

// podOf is the pod of a VM: the probes are the scenario's, the container is the
// guest.
func (b *Bed) podOf(c *scenarios.Case, v *scenarios.VM) (*corev1.Pod, error) {
	script, err := guestOf(c, v).Encode()
	if err != nil {
		return nil, err
	}
	container := corev1.Container{Name: observe.ContainerOf(c, v)}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: v.Name, Labels: map[string]string{}}}
	if v.Machine != nil && v.Machine.Pod != nil {
		own := v.Machine.Pod
		maps.Copy(pod.Labels, own.Labels)
		pod.Annotations = maps.Clone(own.Annotations)
		pod.Spec.RestartPolicy = own.Spec.RestartPolicy
		pod.Spec.TerminationGracePeriodSeconds = own.Spec.TerminationGracePeriodSeconds
		for i := range own.Spec.Containers {
			if x := &own.Spec.Containers[i]; x.Name == container.Name {
				container.Ports = x.Ports
				container.ReadinessProbe, container.LivenessProbe, container.StartupProbe = x.ReadinessProbe, x.LivenessProbe, x.StartupProbe
			}
		}
	} else {
		renderProbes(v, &container)
		container.Ports = namedPorts(v)
		pod.Spec.RestartPolicy = v.Resolved.RestartPolicy
		grace := int64(v.Resolved.PodGrace / time.Second)
		pod.Spec.TerminationGracePeriodSeconds = &grace
	}
	maps.Copy(pod.Labels, b.labels())
	pod.Labels[observe.VMLabel] = v.Name
	b.furnish(&container, script)
	no := false
	pod.Spec.AutomountServiceAccountToken, pod.Spec.EnableServiceLinks = &no, &no
	pod.Spec.Containers = []corev1.Container{container}
	pod.Spec.Volumes = []corev1.Volume{{Name: stateVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	return pod, nil
}

// namedPorts are the ports of a VM's interfaces that have names, which its probes may
// use.
func namedPorts(v *scenarios.VM) []corev1.ContainerPort {
	if v.Machine == nil {
		return nil
	}
	var list []corev1.ContainerPort
	for name, number := range v.Machine.NamedPorts() {
		list = append(list, corev1.ContainerPort{Name: name, ContainerPort: int32(number)})
	}
	slices.SortFunc(list, func(a, b corev1.ContainerPort) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// furnish makes the container the guest.
func (b *Bed) furnish(c *corev1.Container, script string) {
	c.Image, c.ImagePullPolicy = cmp.Or(b.Image, DefaultImage), corev1.PullIfNotPresent
	c.Env = []corev1.EnvVar{
		{Name: guestpod.ConfigVariable, Value: script},
		{Name: guestpod.StateVariable, Value: guestpod.StateDirectory},
		{Name: guestpod.AddressVariable, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
	}
	c.VolumeMounts = []corev1.VolumeMount{{Name: stateVolume, MountPath: guestpod.StateDirectory}}
}

// renderProbes gives a container the effective probes of a VM's manifest.
func renderProbes(v *scenarios.VM, c *corev1.Container) {
	for i := range v.Resolved.Probes {
		p := &v.Resolved.Probes[i]
		out := renderProbe(p)
		switch p.Kind {
		case probes.Readiness:
			c.ReadinessProbe = out
		case probes.Liveness:
			c.LivenessProbe = out
		case probes.Startup:
			c.StartupProbe = out
		}
	}
}

func renderProbe(p *probes.Probe) *corev1.Probe {
	seconds := func(d time.Duration) int32 { return int32(d / time.Second) }
	out := &corev1.Probe{
		InitialDelaySeconds: seconds(p.InitialDelay), PeriodSeconds: seconds(p.Period), TimeoutSeconds: seconds(p.Timeout),
		FailureThreshold: p.FailureThreshold, SuccessThreshold: p.SuccessThreshold,
	}
	switch p.Handler {
	case probes.HTTPGet:
		get := &corev1.HTTPGetAction{Scheme: corev1.URIScheme(strings.ToUpper(p.HTTP.Scheme)), Port: port(p.HTTP.Port), Path: p.HTTP.Path, Host: p.HTTP.Host}
		for _, h := range p.HTTP.Headers {
			get.HTTPHeaders = append(get.HTTPHeaders, corev1.HTTPHeader{Name: h.Name, Value: h.Value})
		}
		out.HTTPGet = get
	case probes.TCPSocket:
		out.TCPSocket = &corev1.TCPSocketAction{Port: port(p.TCP.Port), Host: p.TCP.Host}
	case probes.Exec:
		out.Exec = &corev1.ExecAction{Command: p.Command}
	case probes.GuestAgentPing, probes.NoHandler: // Unsupported names them
	}
	return out
}

func port(p probes.Port) intstr.IntOrString {
	if p.Name != "" {
		return intstr.FromString(p.Name)
	}
	return intstr.FromInt(p.Number)
}

// serviceOf is the service in front of a VM. It has no address: nobody asks it,
// its EndpointSlice is what counts.
func (b *Bed) serviceOf(v *scenarios.VM) *corev1.Service {
	labels := b.labels()
	labels[observe.VMLabel] = v.Name
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: serviceName(v), Labels: labels},
		Spec: corev1.ServiceSpec{
			ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{observe.VMLabel: v.Name},
			Ports: []corev1.ServicePort{{Name: "probed", Port: 80}},
		},
	}
}

// serviceName begins with a letter, as the API wants it.
func serviceName(v *scenarios.VM) string { return "vm-" + v.Name }
