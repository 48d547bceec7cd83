package kubevirt

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// maxVMs bounds the pods of a case.
const maxVMs = 10

// Unsupported implements testbed.Testbed: it says what a pod under a real
// kubelet, or a VM of a real KubeVirt, cannot express.
func (b *Bed) Unsupported(c *scenarios.Case) string {
	if c.Profile.VM {
		return reasons(b.unsupportedVMs(c))
	}
	var why []string
	if c.Profile.Name != probes.Kubernetes {
		why = append(why, fmt.Sprintf("profile %s: a pod is probed as Kubernetes does it", c.Profile.Name))
	}
	if refused(c) { // nothing has to run
		if b.minor > 0 && b.minor < protocolMinor && asksProtocol(c) {
			why = append(why, fmt.Sprintf("httpGet.protocol: the cluster's Kubernetes v1.%d does not know it", b.minor))
		}
		return reasons(why)
	}
	if len(c.VMs) > maxVMs {
		why = append(why, fmt.Sprintf("%d pods: at most %d", len(c.VMs), maxVMs))
	}
	for i := range c.Faults {
		why = append(why, fmt.Sprintf("fault %s: what is between the kubelet and a pod is not ours", c.Faults[i].Kind))
	}
	for i := range c.Events {
		switch k := c.Events[i].Kind; k {
		case scenarios.DeleteVMI, scenarios.StopContainer, scenarios.TriggerSync:
		case scenarios.RestartProber, scenarios.StepClock, scenarios.PanicAttempt:
			why = append(why, fmt.Sprintf("event %s: the kubelet and its node are not ours", k))
		default:
			why = append(why, fmt.Sprintf("event %s: a pod has no such thing", k))
		}
	}
	if c.Proxy != "" {
		why = append(why, "prober.proxy: the environment of the kubelet is its own")
	}
	why = append(why, observe.Blind(c)...)
	for i := range c.VMs {
		why = append(why, unsupportedPod(c, &c.VMs[i])...)
	}
	return reasons(why)
}

// anotherHost is why a probe with a host cannot be run.
const anotherHost = "a probe of another host: names and addresses of the simulation do not exist"

func asksAnotherHost(v *scenarios.VM) bool {
	return slices.ContainsFunc(v.Resolved.Probes, func(p probes.Probe) bool {
		return p.Handler == probes.HTTPGet && p.HTTP.Host != "" || p.Handler == probes.TCPSocket && p.TCP.Host != ""
	})
}

func unsupportedPod(c *scenarios.Case, v *scenarios.VM) []string {
	why := oshost.Unsupported(v.Program, v.EveryBoot)
	if _, err := guestOf(c, v).Encode(); err != nil {
		why = append(why, err.Error())
	}
	for i := range v.Resolved.Probes {
		if v.Resolved.Probes[i].Handler == probes.GuestAgentPing {
			why = append(why, "guestAgentPing: a pod has no guest agent")
		}
	}
	if asksAnotherHost(v) {
		why = append(why, anotherHost)
	}
	if v.Program.Watchdog != nil {
		why = append(why, "a watchdog device: a pod has none")
	}
	if v.Resolved.ForwardedPorts != nil {
		why = append(why, "a list of masquerade ports: nothing is between the kubelet and a pod")
	}
	if vanishes(&v.Program) || vanishes(&v.EveryBoot) {
		why = append(why, "exec: a program that is missing at times: the image has it all the time")
	}
	return why
}

// vanishes tells whether a command of the script is missing at times.
func vanishes(p *fakevm.Program) bool {
	for i := range p.Endpoints {
		e := &p.Endpoints[i]
		if e.Kind != fakevm.Exec {
			continue
		}
		if len(e.Steps) == 0 || e.Steps[0].At > 0 {
			return true
		}
		for j := range e.Steps {
			if slices.ContainsFunc(e.Steps[j].Replies, func(r fakevm.Counted) bool {
				x := r.Reply.Exec
				return x != nil && (x.Missing || x.OutputRaw != "")
			}) {
				return true
			}
		}
	}
	return false
}

// protocolMinor is the version of Kubernetes that has the field httpGet.protocol.
const protocolMinor = 37

// asksProtocol tells whether a pod of the case has that field.
func asksProtocol(c *scenarios.Case) bool {
	return slices.ContainsFunc(c.VMs, func(v scenarios.VM) bool {
		if v.Machine.Pod == nil {
			return false
		}
		return slices.ContainsFunc(v.Machine.Pod.Spec.Containers, func(x corev1.Container) bool {
			return slices.ContainsFunc([]*corev1.Probe{x.ReadinessProbe, x.LivenessProbe, x.StartupProbe}, func(p *corev1.Probe) bool {
				return p != nil && p.HTTPGet != nil && p.HTTPGet.Protocol != nil
			})
		})
	})
}

// refused tells whether the API would refuse the manifests: nothing runs then.
func refused(c *scenarios.Case) bool {
	return len(c.Rejected) > 0 || slices.ContainsFunc(c.VMs, func(v scenarios.VM) bool { return v.Resolved.Rejected() })
}
