package kubevirt

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// look begins to watch, and returns when every watch is there.
func (r *run) look() error {
	var mu sync.Mutex
	sources, there := r.sources(), map[string]bool{}
	for _, s := range sources {
		f := &follower{source: s, take: r.take, lost: func(err error) { r.outages.lost(s.name, err) }}
		f.back = func() {
			mu.Lock()
			first := !there[s.name]
			there[s.name] = true
			mu.Unlock()
			if first { // nothing has happened yet
				r.outages.back(s.name)
				r.changed()
				return
			}
			r.back(s.name)
		}
		r.work.Go(func() {
			if err := f.follow(r.ctx); err != nil {
				r.fail(err)
			}
		})
	}
	all := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(there) == len(sources)
	}
	if err := r.await(time.Now().Add(r.bed.Patience), all); err != nil || all() {
		return err
	}
	_, err := r.outages.worst()
	return cmp.Or(err, fmt.Errorf("the API begins no watch for %v", r.bed.Patience))
}

func (r *run) sources() []source {
	core, slices := r.bed.Client.CoreV1(), r.bed.Client.DiscoveryV1().EndpointSlices(r.namespace)
	pods, events := core.Pods(r.namespace), core.Events(r.namespace)
	list := []source{
		{"pods", func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return pods.List(ctx, o) }, pods.Watch},
		{"endpointslices", func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return slices.List(ctx, o) }, slices.Watch},
		{"events", func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return events.List(ctx, o) }, events.Watch},
	}
	if r.c.Profile.VM {
		vmis := r.bed.Dynamic.Resource(vmiResource()).Namespace(r.namespace)
		list = append(list, source{
			"virtualmachineinstances",
			func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return vmis.List(ctx, o) }, vmis.Watch,
		})
	}
	return list
}

// take takes one entry of a watch.
func (r *run) take(at time.Time, kind watch.EventType, object runtime.Object) {
	r.mu.Lock()
	r.observer.Take(at, kind, object)
	if pod, ok := object.(*corev1.Pod); ok {
		if pod.Spec.NodeName != "" {
			r.nodes[pod.Spec.NodeName] = true
		}
		switch {
		case kind == watch.Deleted || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
			r.over[string(pod.UID)] = true
		case r.c.Profile.VM:
			r.attendLauncher(pod)
		}
		if kind != watch.Deleted && !r.c.Profile.VM {
			r.attend(pod)
		}
	}
	r.mu.Unlock()
	r.changed()
}
