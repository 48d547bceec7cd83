package observe

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// Take takes one entry of a watch: a pod, an EndpointSlice, an event, or a VMI
// as the dynamic client holds it. Other kinds, and bookmarks, say nothing.
func (o *Observer) Take(at time.Time, kind watch.EventType, object runtime.Object) {
	gone := kind == watch.Deleted
	if kind != watch.Added && kind != watch.Modified && !gone {
		return
	}
	switch x := object.(type) {
	case *corev1.Pod:
		if gone {
			o.PodGone(at, x)
		} else {
			o.Pod(at, x)
		}
	case *discoveryv1.EndpointSlice:
		if gone {
			x = x.DeepCopy()
			x.Endpoints = nil
		}
		o.Slice(at, x)
	case *corev1.Event:
		if !gone {
			o.Event(at, x)
		}
	case *unstructured.Unstructured:
		if x.GetKind() != "VirtualMachineInstance" {
			return
		}
		v := &kubevirtv1.VirtualMachineInstance{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(x.Object, v); err != nil {
			o.Fail(fmt.Errorf("VMI %s: %w", x.GetName(), err))
			return
		}
		if gone {
			o.VMIGone(at, v)
		} else {
			o.VMI(at, v)
		}
	}
}
