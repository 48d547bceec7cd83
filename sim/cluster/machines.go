package cluster

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/sim/platform"
)

// PauseAnnotation suspends guest-agent probes (GA-PAUSE-ANNOT).
const PauseAnnotation = "kubevirt.io/pause-guest-agent-probes"

// VMI implements platform.Publisher; the VM in front of it follows at once.
func (c *Cluster) VMI(at time.Duration, v platform.VMI) {
	m := c.member(v.Namespace, v.VM)
	vmi := m.vmiObject(at, v)
	c.writeDynamic("VirtualMachineInstance", vmi)
	if m.Member.VM != nil {
		c.writeVM(m, at, v)
	}
}

// VMIDeleted implements platform.Publisher.
func (c *Cluster) VMIDeleted(at time.Duration, v platform.VMI) {
	m := c.member(v.Namespace, v.VM)
	err := c.dynamic.Tracker().Delete(vmiResource(), v.Namespace, v.VM)
	if !apierrors.IsNotFound(err) {
		c.note(err)
	}
	m.ready.set(false, at)
	if m.Member.VM != nil {
		c.writeVM(m, at, platform.VMI{Namespace: v.Namespace})
	}
}

func (m *member) vmiObject(at time.Duration, v platform.VMI) *kubevirtv1.VirtualMachineInstance {
	vmi := &kubevirtv1.VirtualMachineInstance{}
	switch {
	case m.Member.VMI != nil:
		vmi = m.Member.VMI.DeepCopy()
	case m.Member.VM != nil && m.Member.VM.Spec.Template != nil:
		t := m.Member.VM.Spec.Template.DeepCopy()
		vmi.Spec, vmi.Labels, vmi.Annotations = t.Spec, t.ObjectMeta.Labels, t.ObjectMeta.Annotations
	}
	vmi.Name, vmi.Namespace = v.VM, v.Namespace
	vmi.UID = types.UID(fmt.Sprintf("%s-%d", v.VM, v.Number))
	if v.Annotation != "" {
		if vmi.Annotations == nil {
			vmi.Annotations = map[string]string{}
		}
		vmi.Annotations[PauseAnnotation] = v.Annotation
	}
	if v.Terminating {
		deleted := Time(at)
		vmi.DeletionTimestamp = &deleted
	}
	vmi.Status = kubevirtv1.VirtualMachineInstanceStatus{
		Phase:      kubevirtv1.VirtualMachineInstancePhase(v.Phase),
		Conditions: m.vmiConditions(at, v),
	}
	if v.Migrating {
		vmi.Status.MigrationState = &kubevirtv1.VirtualMachineInstanceMigrationState{}
	}
	return vmi
}

func (m *member) vmiConditions(at time.Duration, v platform.VMI) []kubevirtv1.VirtualMachineInstanceCondition {
	list := []kubevirtv1.VirtualMachineInstanceCondition{{
		Type: kubevirtv1.VirtualMachineInstanceReady, Status: status(v.Ready), Reason: v.Reason,
		LastTransitionTime: m.ready.set(v.Ready, at),
	}}
	since := m.paused.set(v.Paused, at)
	if v.Paused {
		list = append(list, kubevirtv1.VirtualMachineInstanceCondition{
			Type: kubevirtv1.VirtualMachineInstancePaused, Status: corev1.ConditionTrue,
			Reason: "PausedByUser", LastTransitionTime: since,
		})
	}
	return list
}

// writeVM writes the VM whose VMI is v; a VMI without a phase is not there.
func (c *Cluster) writeVM(m *member, at time.Duration, v platform.VMI) {
	vm := m.Member.VM.DeepCopy()
	vm.Name, vm.Namespace = m.Name, m.Namespace
	vm.Status.Created = v.Phase != ""
	vm.Status.Ready = v.Ready
	vm.Status.PrintableStatus = printable(v)
	vm.Status.Conditions = []kubevirtv1.VirtualMachineCondition{{
		Type: kubevirtv1.VirtualMachineReady, Status: status(v.Ready), Reason: v.Reason,
		LastTransitionTime: m.ready.set(v.Ready, at),
	}}
	c.writeDynamic("VirtualMachine", vm)
}

func printable(v platform.VMI) kubevirtv1.VirtualMachinePrintableStatus {
	switch {
	case v.Terminating:
		return kubevirtv1.VirtualMachineStatusStopping
	case v.Migrating:
		return kubevirtv1.VirtualMachineStatusMigrating
	case v.Paused:
		return kubevirtv1.VirtualMachineStatusPaused
	case v.Phase == "Running":
		return kubevirtv1.VirtualMachineStatusRunning
	case v.Phase == "" || v.Phase == "Succeeded" || v.Phase == "Failed":
		return kubevirtv1.VirtualMachineStatusStopped
	}
	return kubevirtv1.VirtualMachineStatusStarting
}

// writeDynamic writes a typed object of KubeVirt's API as the dynamic client
// holds it.
func (c *Cluster) writeDynamic(kind string, obj metav1.Object) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		c.note(err)
		return
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(kubevirtv1.GroupVersion.WithKind(kind))
	resource := vmiResource()
	if kind == "VirtualMachine" {
		resource = vmResource()
	}
	c.note(apply(c.dynamic.Tracker(), resource, u))
}
