package cluster

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmprobe/vmprobe/sim/platform"
)

// Endpoint implements platform.Publisher. What it returns is read back through
// the client.
func (c *Cluster) Endpoint(_ time.Duration, e platform.Endpoint) (ready bool) {
	m := c.member(e.Namespace, e.VM)
	at := slices.IndexFunc(m.slice.Endpoints, func(have discoveryv1.Endpoint) bool {
		return have.TargetRef.Name == e.Pod
	})
	switch {
	case e.Gone && at >= 0:
		m.slice.Endpoints = slices.Delete(m.slice.Endpoints, at, at+1)
	case e.Gone:
	case at >= 0:
		m.slice.Endpoints[at].Conditions = conditions(e)
	default:
		number := e.Instance
		m.slice.Endpoints = append(m.slice.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{m.address(number)},
			Conditions: conditions(e),
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: e.Namespace, Name: e.Pod},
		})
	}
	slice := m.slice.DeepCopy()
	c.note(apply(c.client.Tracker(), resourceOf(slice), slice))
	ready, _, err := NewObserver(c.client).EndpointReady(e.Namespace, e.VM, e.Pod)
	c.note(err)
	c.client.ClearActions() // the fake would keep every call of the run
	return ready
}

func conditions(e platform.Endpoint) discoveryv1.EndpointConditions {
	return discoveryv1.EndpointConditions{Ready: &e.Ready, Serving: &e.Serving, Terminating: &e.Terminating}
}

func newSlice(m *Member) discoveryv1.EndpointSlice {
	return discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: discoveryv1.SchemeGroupVersion.String(), Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{
			Name: sliceName(m.Name), Namespace: m.Namespace,
			Labels: map[string]string{discoveryv1.LabelServiceName: m.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
}

func sliceName(vm string) string { return vm + "-1" }

func serviceOf(m *Member) *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{nameLabel: m.Name}},
	}
}
