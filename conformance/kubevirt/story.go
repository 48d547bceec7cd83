package kubevirt

import (
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vmprobe/vmprobe/scenarios"
)

// tell does what the case does to a pod, at its times since the pod began.
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
	pods := r.bed.Client.CoreV1().Pods(r.namespace)
	switch e.Kind {
	case scenarios.DeleteVMI:
		r.mu.Lock()
		r.observer.Deleting(time.Now(), e.VM)
		r.mu.Unlock()
		err := pods.Delete(r.ctx, e.VM, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil // it has ended
		}
		return explain("delete pods", err)
	case scenarios.TriggerSync:
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"%d"}}}`, syncAnnotation, n+1)
		_, err := pods.Patch(r.ctx, e.VM, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return explain("patch pods", err)
	default: // StopContainer is part of the guest's script
		return nil
	}
}
