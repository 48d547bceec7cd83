package spec

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
)

// podNetwork tells whether the VMI is attached to the pod network. KubeVirt
// attaches one itself when neither networks nor interfaces are named, unless
// autoattachPodInterface is false (VAL-PODNET-KV).
func podNetwork(s *kubevirtv1.VirtualMachineInstanceSpec) bool {
	if len(s.Networks) == 0 && len(s.Domain.Devices.Interfaces) == 0 {
		auto := s.Domain.Devices.AutoattachPodInterface
		return auto == nil || *auto
	}
	return podNetworkName(s) != ""
}

func podNetworkName(s *kubevirtv1.VirtualMachineInstanceSpec) string {
	for _, n := range s.Networks {
		if n.Pod != nil {
			return n.Name
		}
	}
	return ""
}

// forwarded is the list of TCP ports that reach the guest through masquerade;
// nil when everything does (NET-MASQ-PORTS).
func forwarded(s *kubevirtv1.VirtualMachineInstanceSpec) []uint16 {
	name := podNetworkName(s)
	for i := range s.Domain.Devices.Interfaces {
		n := &s.Domain.Devices.Interfaces[i]
		if n.Name != name || n.Masquerade == nil || len(n.Ports) == 0 {
			continue
		}
		list := []uint16{}
		for _, p := range n.Ports {
			if !strings.EqualFold(p.Protocol, "UDP") && p.Port > 0 && p.Port <= 65535 {
				list = append(list, uint16(p.Port))
			}
		}
		return list
	}
	return nil
}

// NamedPorts are the ports a probe may call by name: those of all interfaces,
// or of the pod's container (VAL-NAMED-PORT). The first of a name wins.
func (m *Machine) NamedPorts() map[string]int {
	all := map[string]int{}
	add := func(name string, number int32) {
		if _, taken := all[name]; name != "" && !taken {
			all[name] = int(number)
		}
	}
	if i := m.Container(); i >= 0 {
		for _, p := range m.Pod.Spec.Containers[i].Ports {
			add(p.Name, p.ContainerPort)
		}
	}
	if m.VMI != nil {
		for _, n := range m.VMI.Spec.Domain.Devices.Interfaces {
			for _, p := range n.Ports {
				add(p.Name, p.Port)
			}
		}
	}
	return all
}

// target is the port of a network probe.
func target(p *probes.Probe) (port probes.Port, field string, ok bool) {
	switch p.Handler {
	case probes.HTTPGet:
		return p.HTTP.Port, "httpGet.port", true
	case probes.TCPSocket:
		return p.TCP.Port, "tcpSocket.port", true
	case probes.NoHandler, probes.GuestAgentPing, probes.Exec:
	}
	return probes.Port{}, "", false
}

func (r *resolver) portFindings(w *written, p *probes.Probe) {
	port, name, ok := target(p)
	if !ok {
		return
	}
	path := childPath(w.path, name)
	if port.Name != "" && port.Number == 0 {
		if len(validation.IsValidPortName(port.Name)) > 0 {
			return // refused already (VAL-PORT)
		}
		outcome := "readiness stays at its initial Failure for ever"
		if p.Kind != probes.Readiness {
			outcome = "the probe never fails and never kills"
		}
		r.add(Finding{
			Severity: Warns, Requirement: "VAL-NAMED-PORT", Path: path, By: ByVMProbe,
			Message: fmt.Sprintf("no port is named %q: every attempt is an error", port.Name), Note: outcome,
		})
		return
	}
	list := r.out.ForwardedPorts
	if list == nil || p.HTTP.Host != "" || p.TCP.Host != "" {
		return
	}
	for _, f := range list {
		if int(f) == port.Number {
			return
		}
	}
	r.add(Finding{
		Severity: Warns, Requirement: "NET-MASQ-PORTS", Path: path, By: ByVMProbe,
		Message: fmt.Sprintf("port %d is not in the interface's ports list %v: masquerade does not forward it", port.Number, list),
		Note:    "every attempt is refused",
	})
}
