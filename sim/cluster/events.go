package cluster

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmprobe/vmprobe/sim/platform"
)

// eventKey is what makes two events the same one, counted twice.
type eventKey struct{ namespace, object, reason, message string }

// Event implements platform.Publisher. Equal events are counted, as a recorder
// does.
func (c *Cluster) Event(at time.Duration, e platform.Event) {
	object := corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: e.Namespace, Name: e.Pod}
	if e.Pod == "" {
		object = corev1.ObjectReference{
			APIVersion: "kubevirt.io/v1", Kind: "VirtualMachineInstance", Namespace: e.Namespace, Name: e.VM,
		}
	}
	key := eventKey{e.Namespace, object.Name, e.Reason, e.Message}
	event := c.events[key]
	if event == nil {
		event = &corev1.Event{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
			ObjectMeta: metav1.ObjectMeta{
				Name:      fmt.Sprintf("%s.%08x", object.Name, len(c.events)+1),
				Namespace: e.Namespace, CreationTimestamp: Time(at),
			},
			InvolvedObject: object, Reason: e.Reason, Message: e.Message,
			Type: corev1.EventTypeNormal, FirstTimestamp: Time(at),
			Source: corev1.EventSource{Component: "kubelet"},
		}
		if e.Warning {
			event.Type = corev1.EventTypeWarning
		}
		c.events[key] = event
	}
	event.Count++
	event.LastTimestamp = Time(at)
	c.note(apply(c.client.Tracker(), resourceOf(event), event.DeepCopy()))
}
