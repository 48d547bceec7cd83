package kubevirt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// answer is what an API does with the VMs and VMIs that it is given.
type answer func(u *unstructured.Unstructured) error

func refusing(a answer) *dynamicfake.FakeDynamicClient {
	kinds := map[schema.GroupVersionResource]string{
		kubevirtv1.GroupVersion.WithResource("virtualmachines"):         "VirtualMachineList",
		kubevirtv1.GroupVersion.WithResource("virtualmachineinstances"): "VirtualMachineInstanceList",
	}
	d := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds)
	d.PrependReactor("create", "*", func(action clientgotesting.Action) (bool, runtime.Object, error) {
		u := action.(clientgotesting.CreateAction).GetObject().(*unstructured.Unstructured) //nolint:forcetypeassert // a dynamic client has no other
		err := a(u)
		return err != nil, nil, err
	})
	return d
}

// TestRefusal: what the API refuses is told in its words, be it the object or,
// later, its pod; what it takes is not told, and the judge finds that it was
// accepted. A webhook that refuses what was left to the pod is found, too.
func TestRefusal(t *testing.T) {
	invalid := func(u *unstructured.Unstructured) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: 422, Message: "admission webhook denied the request",
			Details: &metav1.StatusDetails{Name: u.GetName(), Causes: []metav1.StatusCause{{Field: "spec.x", Message: "Invalid value: 2: must be 1"}}},
		}}
	}
	podRefused := func(u *unstructured.Unstructured) error {
		if u.GetKind() == "VirtualMachine" { // nobody makes an instance of it here
			return invalid(u)
		}
		return unstructured.SetNestedSlice(u.Object, []any{map[string]any{
			"type": "Synchronized", "status": "False", "reason": "FailedCreate",
			"message": `failed to create virtual machine pod: Pod "virt-launcher" is invalid: spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1`,
		}}, "status", "conditions")
	}
	for name, a := range map[string]answer{"object": invalid, "pod": podRefused} {
		// Of the two VMs the second is a VMI, of which the pod is refused.
		early := map[string]int{"object": 2, "pod": 1}[name]
		t.Run(name, func(t *testing.T) {
			bed := kubevirt.New(kubevirt.Config{Client: kubefake.NewClientset(), Dynamic: refusing(a)})
			asked := 0
			for _, c := range scenariotest.Embedded(t, "validate-liveness-success-threshold", probes.KubeVirt) {
				asked++
				tr, err := bed.Run(t.Context(), c, 1)
				if err != nil {
					t.Fatal(err)
				}
				v := judge.Judge(c, tr, judge.Options{})
				// The case wants other words for its second VM, and that no webhook says them.
				others, webhook := 0, 0
				for _, f := range v.Failures {
					switch {
					case strings.Contains(f.Want, "2147483647"):
						others++
					case f.Want == "refused by the kube-apiserver" && strings.HasPrefix(f.Message, "the kubevirt webhook refused it: "):
						webhook++
					}
				}
				if v.Result != judge.Fail || others != 1 || webhook != 1 || len(v.Failures) != 2 {
					t.Errorf("%s: %s %+v", c.ID(), v.Result, v.Failures)
				}
				if got := strings.Count(fmt.Sprint(tr.Events), "rejected by kubevirt webhook"); got != early {
					t.Errorf("the webhook refused %d, want %d: %+v", got, early, tr.Events)
				}
				if len(tr.Events) != len(c.VMs) || !strings.Contains(tr.Events[0].Msg, "Invalid value: 2: must be 1") {
					t.Errorf("%+v", tr.Events)
				}
			}
			if asked != 1 {
				t.Errorf("%d cases", asked)
			}
		})
	}
}

// TestNoRefusal: what says nothing about an object is no refusal of it: a quota, a
// missing permission, and a cluster in which nobody says anything.
func TestNoRefusal(t *testing.T) {
	forbidden := func(why string) answer {
		return func(u *unstructured.Unstructured) error {
			return apierrors.NewForbidden(schema.GroupResource{Group: "kubevirt.io", Resource: "virtualmachines"}, u.GetName(), errors.New(why))
		}
	}
	c := scenariotest.Embedded(t, "validate-liveness-success-threshold", probes.KubeVirt)[0]
	for name, x := range map[string]struct {
		answer answer
		told   bool
	}{
		"quota":      {forbidden("exceeded quota: few"), false},
		"permission": {forbidden(`User "nobody" cannot create resource`), false},
		"silence":    {func(*unstructured.Unstructured) error { return nil }, false},
		"webhook": {func(*unstructured.Unstructured) error {
			return &apierrors.StatusError{ErrStatus: metav1.Status{
				Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Code: 403, Message: `admission webhook "v.kubevirt.io" denied the request: no`,
			}}
		}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			bed := kubevirt.New(kubevirt.Config{Client: kubefake.NewClientset(), Dynamic: refusing(x.answer)})
			if tr, err := bed.Run(t.Context(), c, 1); (err == nil) != x.told {
				t.Errorf("%s: %+v, %v", name, tr, err)
			}
		})
	}
}
