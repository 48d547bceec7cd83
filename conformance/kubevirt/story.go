package kubevirt

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vmprobe/vmprobe/scenarios"
)

// tell does what the case does to a pod or VM, at its times since the pod began.
func (r *run) tell(e *scenarios.Event, began time.Time) {
	end := e.At
	if e.Every > 0 {
		end = r.c.Until
		if e.For > 0 {
			end = min(end, e.At+e.For)
		}
	}
	for n, at := 0, e.At; at <= end; n, at = n+1, at+max(e.Every, time.Millisecond) {
		if !pause(r.ctx, time.Until(began.Add(at))) {
			return
		}
		if err := r.act(e, n); err != nil && r.ctx.Err() == nil {
			r.fail(fmt.Errorf("event %s of %s: %w", e.Kind, e.VM, err))
			return
		}
		if e.Every <= 0 {
			return
		}
	}
}

// syncAnnotation changes where a pod has to be synchronised.
const syncAnnotation = "vmprobe.dev/sync"

func (r *run) act(e *scenarios.Event, n int) error {
	if r.c.Profile.VM {
		return r.actOnVM(e, n)
	}
	pods := r.bed.Client.CoreV1().Pods(r.namespace)
	switch e.Kind {
	case scenarios.DeleteVMI:
		r.mu.Lock()
		r.observer.Deleting(time.Now(), e.VM)
		r.mu.Unlock()
		err := r.persist(nil, func() error { return pods.Delete(r.ctx, e.VM, metav1.DeleteOptions{}) })
		if apierrors.IsNotFound(err) {
			return nil // it has ended
		}
		return explain("delete pods", err)
	case scenarios.TriggerSync:
		return r.touch(e.VM, n)
	default: // StopContainer is part of the guest's script
		return nil
	}
}

// touch changes a pod so that the kubelet synchronises it, for the n-th time.
func (r *run) touch(pod string, n int) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"%d"}}}`, syncAnnotation, n+1)
	return explain("patch pods", r.persist(nil, func() error {
		_, err := r.bed.Client.CoreV1().Pods(r.namespace).Patch(r.ctx, pod, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}))
}

// pauseAnnotation lets pings of the guest agent rest.
const pauseAnnotation = "kubevirt.io/pause-guest-agent-probes"

func (r *run) actOnVM(e *scenarios.Event, n int) error {
	vmis := r.bed.Dynamic.Resource(vmiResource()).Namespace(r.namespace)
	switch e.Kind {
	case scenarios.PauseVM:
		err := r.subresource("virtualmachineinstances", e.VM, "pause")
		return explain("update virtualmachineinstances/pause", r.excused(e, err))
	case scenarios.UnpauseVM:
		err := r.subresource("virtualmachineinstances", e.VM, "unpause")
		r.wakeGuest(e.VM)
		return explain("update virtualmachineinstances/unpause", r.excused(e, err))
	case scenarios.Annotate:
		value := "null"
		if e.Value != "" {
			value = strconv.Quote(e.Value)
		}
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%s}}}`, pauseAnnotation, value)
		return explain("patch virtualmachineinstances", r.persist(nil, func() error {
			_, err := vmis.Patch(r.ctx, e.VM, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			return err
		}))
	case scenarios.DeleteVMI:
		r.mu.Lock()
		r.observer.Deleting(time.Now(), e.VM)
		r.mu.Unlock()
		err := r.persist(nil, func() error { return vmis.Delete(r.ctx, e.VM, metav1.DeleteOptions{}) })
		if apierrors.IsNotFound(err) {
			return nil // it has ended
		}
		return explain("delete virtualmachineinstances", err)
	case scenarios.TriggerSync:
		r.mu.Lock()
		pod := r.launchers[e.VM]
		r.mu.Unlock()
		return r.touch(pod, n)
	default:
		return errors.New("nobody does that to a VM")
	}
}

// excused forgives that KubeVirt refuses to pause a VM which it does not let
// anybody pause: that is what some cases are about. The trace notes it.
func (r *run) excused(e *scenarios.Event, err error) error {
	if apierrors.IsForbidden(err) || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.notes = append(r.notes, fmt.Sprintf("%s of %s at %v was refused: %v", e.Kind, e.VM, e.At, err))
		return nil
	}
	return err
}

// wakeGuest lets the guest of a VM know that time has passed.
func (r *run) wakeGuest(vm string) {
	r.mu.Lock()
	poke := r.guests[vm]
	r.mu.Unlock()
	select {
	case poke <- struct{}{}:
	default:
	}
}
