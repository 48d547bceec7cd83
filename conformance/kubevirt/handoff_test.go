package kubevirt_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
)

// handoff is one case on real controllers, with a kubelet and a KubeVirt that are
// the model.
type handoff struct {
	t         *testing.T
	c         *scenarios.Case
	acts      []act
	client    kubernetes.Interface
	objects   dynamic.Interface
	node      string
	namespace string

	at      time.Duration
	uids    map[string]types.UID // of pods, by name
	events  map[string]string    // versions, by name
	slices  map[string][]string  // what the last slice of a service said
	entries chan entry           // of the watches of a run
	seen    *observe.Observer    // of these
	model   *observe.Observer    // of the objects of client-go's fakes
	steps   int                  // slices that were compared
}

// entry is one of a watch.
type entry struct {
	kind   watch.EventType
	object runtime.Object
}

// watch begins the watches of a run.
func (h *handoff) watch(bed *kubevirt.Bed) {
	h.entries = make(chan entry, 1000)
	ctx, cancel := context.WithCancel(h.t.Context())
	there := make(chan struct{}, 100)
	kinds, wait := bed.Watch(ctx, h.c, h.namespace, func(_ time.Time, kind watch.EventType, o runtime.Object) {
		h.entries <- entry{kind, o}
	}, func() { there <- struct{}{} })
	h.t.Cleanup(func() {
		cancel()
		if err := wait(); err != nil {
			h.t.Error(err)
		}
	})
	for range kinds {
		<-there
	}
}

// create makes the services, and the pods of a case of pods.
func (h *handoff) create(bed *kubevirt.Bed) {
	h.uids, h.events, h.slices = map[string]types.UID{}, map[string]string{}, map[string][]string{}
	for i := range h.c.VMs {
		v := &h.c.VMs[i]
		if _, err := h.client.CoreV1().Services(h.namespace).Create(h.t.Context(), bed.ServiceOf(v), metav1.CreateOptions{}); err != nil {
			h.t.Fatal(err)
		}
		if h.c.Profile.VM {
			continue
		}
		pod, err := bed.PodOf(h.c, v)
		if err != nil {
			h.t.Fatal(err)
		}
		h.add(pod)
	}
}

// await hands the entries of the watches on until an object came as it is now, if it
// was changed.
func (h *handoff) await(own metav1.Object, before string) {
	h.t.Helper()
	version := own.GetResourceVersion()
	h.until(own.GetName()+" at version "+version, version == before, func(e entry) bool {
		o, ok := e.object.(metav1.Object)
		return ok && o.GetUID() == own.GetUID() && o.GetResourceVersion() == version
	})
}

// remove hands entries on until an object is gone, after an attempt to remove it.
func (h *handoff) remove(err error, name string) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	h.until(name+" gone", false, func(e entry) bool {
		o, ok := e.object.(metav1.Object)
		return ok && e.kind == watch.Deleted && o.GetName() == name
	})
}

// turn waits until slice and Endpoints say what a slice of the model does.
func (h *handoff) turn(x *discoveryv1.EndpointSlice) {
	h.t.Helper()
	service, want := "vm-"+x.Labels[discoveryv1.LabelServiceName], inSlice(x)
	says := func(entry) bool { return slices.Equal(h.slices[service], want) }
	h.until(fmt.Sprintf("a slice with %v", want), says(entry{}), says)
	last := ""
	for range 200 {
		var ok bool
		if ok, last = h.old(service, x); ok {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.t.Fatalf("at %v the model has %v, Endpoints %s", h.at, want, last)
}

// inSlice are the endpoints of a slice, sorted.
func inSlice(x *discoveryv1.EndpointSlice) (list []string) {
	for _, e := range x.Endpoints {
		list = append(list, fmt.Sprintf("%s ready=%t serving=%t terminating=%t", e.TargetRef.Name, *e.Conditions.Ready, *e.Conditions.Serving, *e.Conditions.Terminating))
	}
	slices.Sort(list)
	return list
}

// until hands entries on until one is the awaited, unless that has come already.
func (h *handoff) until(what string, came bool, awaited func(entry) bool) {
	h.t.Helper()
	timeout := time.After(30 * time.Second)
	for !came {
		select {
		case e := <-h.entries:
			h.seen.Take(sim.Epoch.Add(h.at), e.kind, e.object)
			if s, ok := e.object.(*discoveryv1.EndpointSlice); ok {
				h.slices[s.Labels[discoveryv1.LabelServiceName]] = inSlice(s)
			}
			came = awaited(e)
		case <-timeout:
			h.t.Fatalf("at %v: no watch tells of %s; slices %v", h.at, what, h.slices)
		}
	}
}

// old tells whether Endpoints, which know no pods that terminate, say what a slice
// does.
func (h *handoff) old(service string, x *discoveryv1.EndpointSlice) (same bool, have string) {
	var want, got []string
	for _, e := range x.Endpoints {
		if !*e.Conditions.Terminating {
			want = append(want, fmt.Sprintf("%s ready=%t", e.TargetRef.Name, *e.Conditions.Ready))
		}
	}
	old, err := h.client.CoreV1().Endpoints(h.namespace).Get(h.t.Context(), service, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, err.Error()
	}
	for i := range old.Subsets {
		for ready, list := range map[bool][]corev1.EndpointAddress{true: old.Subsets[i].Addresses, false: old.Subsets[i].NotReadyAddresses} {
			for _, a := range list {
				got = append(got, fmt.Sprintf("%s ready=%t", a.TargetRef.Name, ready))
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	return slices.Equal(want, got), strings.Join(got, ", ")
}
