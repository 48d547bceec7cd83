package kubevirt

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/vmprobe/vmprobe/conformance/cluster/guestbox"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
	"github.com/vmprobe/vmprobe/scenarios"
)

// DefaultBootImage is the image that VMs boot where no node says that it has
// one.
const DefaultBootImage = bootImages + "dev"

// bootImages is what names of images begin with that VMs boot.
const bootImages = "vmprobe.test/boot:"

// kernelArguments are those of the guest's kernel: it is quiet, as its console
// is where the guest reports, and bears a busy host.
const kernelArguments = "console=ttyS0 quiet loglevel=0 panic=0 cryptomgr.notests no_timer_check " + guestd.ConsoleArgument

// guestMemory is what the guest needs.
const guestMemory = "256Mi"

// machineOf is the VirtualMachine or VirtualMachineInstance of a VM: the
// scenario's manifest, in which the overlay is what was changed, a JSON merge
// patch (RFC 7386) as YAML.
func (b *Bed) machineOf(v *scenarios.VM) (object *unstructured.Unstructured, overlay string, err error) {
	if v.Machine == nil || v.Machine.VM == nil && v.Machine.VMI == nil {
		return nil, "", fmt.Errorf("VM %s: its manifest is of no VM", v.Name)
	}
	var from, to map[string]any
	if vm := v.Machine.VM; vm != nil {
		vm = vm.DeepCopy()
		vm.TypeMeta = metav1.TypeMeta{APIVersion: kubevirtv1.GroupVersion.String(), Kind: "VirtualMachine"}
		if from, err = plain(vm); err == nil {
			b.changeVM(v, vm)
			to, err = plain(vm)
		}
	} else {
		vmi := v.Machine.VMI.DeepCopy()
		vmi.TypeMeta = metav1.TypeMeta{APIVersion: kubevirtv1.GroupVersion.String(), Kind: "VirtualMachineInstance"}
		if from, err = plain(vmi); err == nil {
			b.changeMeta(v, &vmi.ObjectMeta)
			b.changeSpec(&vmi.Spec)
			to, err = plain(vmi)
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("VM %s: %w", v.Name, err)
	}
	text, err := yaml.Marshal(mergePatch(from, to))
	if err != nil {
		return nil, "", fmt.Errorf("VM %s: %w", v.Name, err)
	}
	return &unstructured.Unstructured{Object: to}, string(text), nil
}

// plain is an object as JSON has it, without what the API fills in.
func plain(object any) (map[string]any, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, err
	}
	delete(m, "status")
	unstructured.RemoveNestedField(m, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(m, "metadata", "namespace")
	unstructured.RemoveNestedField(m, "spec", "template", "metadata", "creationTimestamp")
	return m, nil
}

// changeVM makes a VM run in the harness's namespace.
func (b *Bed) changeVM(v *scenarios.VM, vm *kubevirtv1.VirtualMachine) {
	if vm.Labels == nil {
		vm.Labels = map[string]string{}
	}
	maps.Copy(vm.Labels, b.labels())
	if vm.Spec.RunStrategy == nil && vm.Spec.Running == nil { // the guide's template, which no webhook admits
		always := kubevirtv1.RunStrategyAlways
		vm.Spec.RunStrategy = &always
	}
	vm.Spec.DataVolumeTemplates, vm.Spec.Instancetype, vm.Spec.Preference = nil, nil, nil
	if vm.Spec.Template != nil { // the API refuses it without
		b.changeMeta(v, &vm.Spec.Template.ObjectMeta)
		b.changeSpec(&vm.Spec.Template.Spec)
	}
}

// changeMeta labels what becomes the VMI, and its pod.
func (b *Bed) changeMeta(v *scenarios.VM, m *metav1.ObjectMeta) {
	if m.Labels == nil {
		m.Labels = map[string]string{}
	}
	maps.Copy(m.Labels, b.labels())
	m.Labels[observe.VMLabel] = v.Name
}

// changeSpec puts the guest into a VM, in the place of all that it would boot.
func (b *Bed) changeSpec(s *kubevirtv1.VirtualMachineInstanceSpec) {
	d := &s.Domain
	if d.Firmware == nil {
		d.Firmware = &kubevirtv1.Firmware{}
	}
	d.Firmware.Bootloader = nil
	d.Firmware.KernelBoot = &kubevirtv1.KernelBoot{
		KernelArgs: kernelArguments,
		Container: &kubevirtv1.KernelBootContainer{
			Image: cmp.Or(b.BootImage, DefaultBootImage), ImagePullPolicy: corev1.PullIfNotPresent,
			KernelPath: guestbox.BootKernel, InitrdPath: guestbox.BootInitrd,
		},
	}
	s.Volumes, d.Devices.Disks, d.Devices.Filesystems = nil, nil, nil
	yes := true
	d.Devices.LogSerialConsole, d.Devices.AutoattachSerialConsole = &yes, nil
	small := resource.MustParse(guestMemory)
	if d.Resources.Requests == nil {
		d.Resources.Requests = corev1.ResourceList{}
	}
	d.Resources.Requests[corev1.ResourceMemory] = small
	delete(d.Resources.Limits, corev1.ResourceMemory)
	if d.Memory != nil {
		d.Memory = nil
	}
	changeNetwork(s)
}

// changeNetwork gives the guest the address that it has behind a masquerade,
// and lets its own port through a list of ports.
func changeNetwork(s *kubevirtv1.VirtualMachineInstanceSpec) {
	list := &s.Domain.Devices.Interfaces
	if len(*list) == 0 {
		pod := kubevirtv1.DefaultPodNetwork()
		*list = []kubevirtv1.Interface{{Name: pod.Name, InterfaceBindingMethod: kubevirtv1.InterfaceBindingMethod{
			Masquerade: &kubevirtv1.InterfaceMasquerade{},
		}}}
		s.Networks = []kubevirtv1.Network{*pod}
	}
	for i := range *list {
		if x := &(*list)[i]; x.Masquerade != nil && len(x.Ports) > 0 {
			x.Ports = append(x.Ports, kubevirtv1.Port{Name: "vmprobe", Protocol: "TCP", Port: guestd.ConsolePort})
		}
	}
}

// mergePatch is the JSON merge patch that makes to of from.
func mergePatch(from, to map[string]any) map[string]any {
	patch := map[string]any{}
	for key := range from {
		if _, ok := to[key]; !ok {
			patch[key] = nil
		}
	}
	for key, now := range to {
		before, ok := from[key]
		inner, a := before.(map[string]any)
		outer, b := now.(map[string]any)
		switch {
		case ok && a && b:
			if p := mergePatch(inner, outer); len(p) > 0 {
				patch[key] = p
			}
		case !ok || !reflect.DeepEqual(before, now):
			patch[key] = now
		}
	}
	return patch
}
