package kubevirt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// refusalPatience is how long a cluster may take to refuse the pod of a VM that
// its API has taken.
const refusalPatience = time.Minute

// refusal is one reason why the API refuses an object.
type refusal struct {
	by             string // the component that says it: spec.ByWebhook, spec.ByAPIServer
	field, message string
}

// refuse hands the manifests of a case that must be refused to the API, as they
// were written, and gives what it says of them. A VM that is taken is refused
// when its pod is. What the API takes is not in the trace, and the judge finds
// that it was accepted.
func (b *Bed) refuse(ctx context.Context, c *scenarios.Case, h trace.Header) (*trace.Trace, error) {
	r, err := b.open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer r.close()
	h.Profile, h.View = string(c.Profile.Name), trace.ViewGuest
	rec := trace.Recorder{}
	for i := range c.VMs {
		v := &c.VMs[i]
		h.VMs = append(h.VMs, v.Name)
		list, err := r.ask(v)
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			rec.Record(trace.Event{
				VM: v.Name, Kind: trace.Finding, Value: ruleOf(v, f.message),
				Msg: string(spec.Rejects) + " by " + f.by + ": " + f.field + ": " + f.message,
			})
		}
	}
	return rec.Trace(h), nil
}

// ruleOf is the requirement that the manifest breaks in the API's words, as far
// as it is known.
func ruleOf(v *scenarios.VM, message string) string {
	rule := ""
	for _, f := range v.Resolved.Findings {
		if f.Severity != spec.Rejects {
			continue
		}
		if strings.Contains(message, f.Message) {
			return f.Requirement
		}
		if rule == "" {
			rule = f.Requirement
		}
	}
	return rule
}

// ask creates the object of a VM and gives the reasons why it is refused; none:
// it is not.
func (r *run) ask(v *scenarios.VM) ([]refusal, error) {
	object, err := r.bed.written(r.c, v)
	if err != nil {
		return nil, err
	}
	object.SetNamespace(r.namespace)
	kind := corev1.SchemeGroupVersion.WithResource("pods")
	switch object.GetKind() {
	case "VirtualMachine":
		kind = vmResource()
	case "VirtualMachineInstance":
		kind = vmiResource()
	}
	// As kubectl does it, a field that nobody knows is an error.
	strict := metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}
	err = insist(r.ctx, early, func() error {
		_, err := r.bed.Dynamic.Resource(kind).Namespace(r.namespace).Create(r.ctx, object, strict)
		return err
	})
	if list, ok := refusals(err); ok {
		for i := range list {
			list[i].by = spec.ByAPIServer
			if object.GetKind() != "Pod" && !strings.HasPrefix(list[i].message, strictly) {
				list[i].by = spec.ByWebhook
			}
		}
		return list, nil
	}
	if err != nil {
		return nil, explain("create "+kind.Resource, err)
	}
	if object.GetKind() == "Pod" {
		return nil, nil
	}
	return r.awaitRefusal(v, object.GetName())
}

// written is the object of a VM as its manifest has it; the pod that stands for
// one, where pods are probed.
func (b *Bed) written(c *scenarios.Case, v *scenarios.VM) (*unstructured.Unstructured, error) {
	if !c.Profile.VM && v.Machine.Pod == nil {
		pod, err := b.podOf(c, v)
		if err != nil {
			return nil, err
		}
		pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		if vmi := v.Machine.VMI; vmi != nil {
			x := &pod.Spec.Containers[0]
			x.ReadinessProbe, x.LivenessProbe, x.StartupProbe = asWritten(vmi.Spec.ReadinessProbe), asWritten(vmi.Spec.LivenessProbe), nil
		}
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
		return &unstructured.Unstructured{Object: fields}, err
	}
	fields, err := v.Machine.Document()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(fields) // numbers as JSON has them
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	return u, u.UnmarshalJSON(text)
}

// asWritten is the probe of a VM as a pod has it, with all that is wrong with it.
// A pod knows no guest agent.
func asWritten(p *kubevirtv1.Probe) *corev1.Probe {
	if p == nil {
		return nil
	}
	return &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{Exec: p.Exec, HTTPGet: p.HTTPGet, TCPSocket: p.TCPSocket},
		InitialDelaySeconds: p.InitialDelaySeconds, TimeoutSeconds: p.TimeoutSeconds, PeriodSeconds: p.PeriodSeconds,
		SuccessThreshold: p.SuccessThreshold, FailureThreshold: p.FailureThreshold,
	}
}

// refusals reads the reasons of an error with which the API refuses an object;
// false: it is another error, or none.
func refusals(err error) ([]refusal, bool) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) && !denied(err) {
		return nil, false
	}
	var list []refusal
	if d := status.Status().Details; d != nil {
		for _, cause := range d.Causes {
			list = append(list, refusal{field: cause.Field, message: cause.Message})
		}
	}
	if len(list) == 0 {
		for _, message := range reasonsIn(status.Status().Message) {
			list = append(list, refusal{message: message})
		}
	}
	return list, true
}

// denied tells whether a webhook has looked at an object and refused it. That this
// user may not create it, or that there is no room for more, says nothing about it.
func denied(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "admission webhook ") && strings.Contains(err.Error(), "denied the request")
}

// strictly is what the API says before the fields that it does not know.
const strictly = "strict decoding error: "

// reasonsIn takes a message apart that names several unknown fields.
func reasonsIn(message string) []string {
	_, fields, ok := strings.Cut(message, strictly)
	if !ok {
		return []string{message}
	}
	var list []string
	for f := range strings.SplitSeq(fields, ", ") {
		list = append(list, strictly+f)
	}
	return list
}

// awaitRefusal waits until KubeVirt says that the pod of a VM was refused, or
// has made it. When it does neither in time there is no answer.
func (r *run) awaitRefusal(v *scenarios.VM, name string) ([]refusal, error) {
	pods, vmis := r.bed.Client.CoreV1().Pods(r.namespace), r.bed.Dynamic.Resource(vmiResource()).Namespace(r.namespace)
	for end := time.Now().Add(refusalPatience); time.Now().Before(end); {
		var list *corev1.PodList
		err := insist(r.ctx, nil, func() (err error) {
			list, err = pods.List(r.ctx, metav1.ListOptions{LabelSelector: kubevirtv1.AppLabel + "=virt-launcher"})
			return err
		})
		if err != nil {
			return nil, explain("list pods", err)
		}
		if slices.ContainsFunc(list.Items, func(p corev1.Pod) bool { return p.Annotations[kubevirtv1.DomainAnnotation] == name }) {
			return nil, nil
		}
		var u *unstructured.Unstructured
		err = insist(r.ctx, nil, func() (err error) {
			u, err = vmis.Get(r.ctx, name, metav1.GetOptions{})
			return err
		})
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, explain("get virtualmachineinstances", err)
		}
		if err == nil {
			vmi := &kubevirtv1.VirtualMachineInstance{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, vmi); err != nil {
				return nil, err
			}
			for _, c := range vmi.Status.Conditions {
				if c.Type == kubevirtv1.VirtualMachineInstanceSynchronized && c.Status == corev1.ConditionFalse && c.Reason == failedCreate {
					return []refusal{{by: spec.ByAPIServer, message: c.Message}}, nil // of the pod
				}
			}
		}
		if !pause(r.ctx, logPause) {
			return nil, r.ctx.Err()
		}
	}
	if isOff(v) {
		return nil, nil // it has no pod until somebody starts it
	}
	return nil, fmt.Errorf("VM %s: after %v KubeVirt has neither made its pod nor said that it was refused: %w", name, refusalPatience, observe.ErrBusy)
}

// failedCreate is the reason of a VMI whose pod was refused.
const failedCreate = "FailedCreate"
