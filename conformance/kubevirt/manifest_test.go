package kubevirt_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// TestNamedPorts: a port that a probe names, and that the scenario knows, is one of
// the container.
func TestNamedPorts(t *testing.T) {
	bed := kubevirt.New(kubevirt.Config{})
	seen := 0
	for _, c := range scenariotest.Embedded(t, "*-named-port*") {
		if bed.Unsupported(c) != "" {
			continue
		}
		for i := range c.VMs {
			pod, err := bed.PodOf(c, &c.VMs[i])
			if err != nil {
				t.Fatal(err)
			}
			container := &pod.Spec.Containers[0]
			for _, name := range names(container) {
				number, known := c.VMs[i].Machine.NamedPorts()[name]
				has := slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool {
					return p.Name == name && int(p.ContainerPort) == number
				})
				if has != known {
					t.Errorf("%s: port %q of the probe: the scenario knows it: %t, the container: %t", c.ID(), name, known, has)
				}
				if known {
					seen++
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no probe names a port that its scenario knows")
	}
}

// names are the ports that the probes of a container call by name.
func names(c *corev1.Container) []string {
	var list []string
	for _, p := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe} {
		var port intstr.IntOrString
		switch {
		case p == nil:
		case p.HTTPGet != nil:
			port = p.HTTPGet.Port
		case p.TCPSocket != nil:
			port = p.TCPSocket.Port
		}
		if port.Type == intstr.String {
			list = append(list, port.StrVal)
		}
	}
	return list
}
