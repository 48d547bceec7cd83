package kubevirt_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
)

// idleNode is a node that nobody runs: pods of one that is not there, or that does
// not tell that it is ready, would be taken away.
func idleNode(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	nodes := client.CoreV1().Nodes()
	node, err := nodes.Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "idle"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var beats sync.WaitGroup
	beats.Go(func() {
		for ctx.Err() == nil {
			patch := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":%q}]}}`, time.Now().UTC().Format(time.RFC3339))
			if _, err := nodes.Patch(ctx, node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Second):
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		beats.Wait()
		if err := nodes.Delete(context.Background(), node.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return node.Name
}

func (h *handoff) add(pod *corev1.Pod) {
	pod.Spec.NodeName = h.node
	pod, err := h.client.CoreV1().Pods(h.namespace).Create(h.t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.uids[pod.Name] = pod.UID
}

// launch makes a pod that a report or a status is of, as it will be written.
func (h *handoff) launch(name string, acts []act) {
	for i := range acts {
		x, ok := acts[i].object.(*corev1.Pod)
		if h.uids[name] != "" || !ok || x.Name != name {
			continue
		}
		labels := maps.Clone(x.Labels)
		labels[observe.VMLabel] = labels["vm.kubevirt.io/name"]
		h.add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: x.Name, Labels: labels}, Spec: *x.Spec.DeepCopy()})
	}
}

// pod writes what a kubelet says of a pod.
func (h *handoff) pod(x *corev1.Pod, gone bool) {
	pods, ctx := h.client.CoreV1().Pods(h.namespace), h.t.Context()
	if gone {
		now := int64(0)
		h.remove(pods.Delete(ctx, x.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}), x.Name)
		return
	}
	h.launch(x.Name, []act{{object: x}})
	own, err := pods.Get(ctx, x.Name, metav1.GetOptions{})
	if err != nil {
		h.t.Fatal(err)
	}
	before := own.ResourceVersion
	if x.DeletionTimestamp != nil && own.DeletionTimestamp == nil {
		if err := pods.Delete(ctx, x.Name, metav1.DeleteOptions{}); err != nil {
			h.t.Fatal(err)
		}
		if own, err = pods.Get(ctx, x.Name, metav1.GetOptions{}); err != nil {
			h.t.Fatal(err)
		}
	}
	own.Status = x.Status
	if own, err = pods.UpdateStatus(ctx, own, metav1.UpdateOptions{}); err != nil {
		h.t.Fatal(err)
	}
	h.await(own, before)
}

// event writes an event, or that it came once more.
func (h *handoff) event(x *corev1.Event) {
	x = x.DeepCopy()
	x.Namespace, x.InvolvedObject.Namespace, x.UID = h.namespace, h.namespace, ""
	x.InvolvedObject.UID = h.uids[x.InvolvedObject.Name]
	events := h.client.CoreV1().Events(h.namespace)
	before := h.events[x.Name]
	var own *corev1.Event
	var err error
	if x.ResourceVersion = before; before == "" {
		own, err = events.Create(h.t.Context(), x, metav1.CreateOptions{})
	} else {
		own, err = events.Update(h.t.Context(), x, metav1.UpdateOptions{})
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.events[x.Name] = own.ResourceVersion
	h.await(own, before)
}

// held keeps an instance until it is said to be gone.
const held = "vmprobe.dev/held"

// instance writes what KubeVirt says of a VMI.
func (h *handoff) instance(x *unstructured.Unstructured, gone bool) {
	vmis := h.objects.Resource(kubevirtv1.GroupVersion.WithResource("virtualmachineinstances")).Namespace(h.namespace)
	ctx, before := h.t.Context(), ""
	own, err := vmis.Get(ctx, x.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		own = x.DeepCopy()
		own.SetNamespace(h.namespace)
		own.SetUID("")
		own.SetDeletionTimestamp(nil)
		own.SetFinalizers([]string{held})
		h.t.Cleanup(func() { // where it is not said
			_, err := vmis.Patch(context.Background(), x.GetName(), types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				h.t.Error(err)
			}
		})
		own, err = vmis.Create(ctx, own, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	case err == nil:
		before = own.GetResourceVersion()
		if (gone || x.GetDeletionTimestamp() != nil) && own.GetDeletionTimestamp() == nil {
			if err = vmis.Delete(ctx, x.GetName(), metav1.DeleteOptions{}); err == nil {
				own, err = vmis.Get(ctx, x.GetName(), metav1.GetOptions{})
			}
		}
	}
	if err != nil {
		h.t.Fatal(err)
	}
	if gone {
		own.SetFinalizers(nil)
		_, err = vmis.Update(ctx, own, metav1.UpdateOptions{})
		h.remove(err, x.GetName())
		return
	}
	own.SetAnnotations(x.GetAnnotations())
	own.Object["status"] = x.DeepCopy().Object["status"] // no subresource
	if own, err = vmis.Update(ctx, own, metav1.UpdateOptions{FieldValidation: metav1.FieldValidationStrict}); err != nil {
		h.t.Fatal(err)
	}
	h.await(own, before)
}
