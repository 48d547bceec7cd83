//go:build linux

package local

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
	"github.com/vmprobe/vmprobe/conformance/cluster/guestbox"
)

// TestNodeKubeVirt: KubeVirt runs a VM on the node, and Down leaves the machine
// as it was.
func TestNodeKubeVirt(t *testing.T) {
	built(t, cluster.TierKubeVirt)
	home := scratch(t)
	before := machine(t, home)
	s, a := up(t, Config{Name: "kubevirt-test", Home: home, Tier: cluster.TierKubeVirt, Guest: podGuest(t)})
	if s.KubeVirt != binaries.KubeVirt || s.KubeVirtAPI != binaries.KubeVirt || s.BootImage == "" {
		t.Errorf("status %+v", s)
	}
	vmis := a.dynamic.Resource(schema.GroupVersionResource{Group: "kubevirt.io", Version: "v1", Resource: "virtualmachineinstances"}).Namespace("default")
	if _, err := vmis.Create(t.Context(), guestVMI(s.BootImage), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the VM runs", func() bool {
		u, err := vmis.Get(t.Context(), "guest", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		phase, _, _ := unstructured.NestedString(u.Object, "status", "phase")
		if phase == "Failed" {
			t.Fatalf("the VM has failed: %v", u.Object["status"])
		}
		return phase == "Running"
	})
	if _, err := Down(t.Context(), home, s.Name); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, machine(t, home))
}

// guestVMI is a VM that boots the guest.
func guestVMI(image string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "metadata": map[string]any{"name": "guest"},
		"spec": map[string]any{"domain": map[string]any{
			// A bridge, which is what KubeVirt takes by itself, needs a device that not
			// every kernel has.
			"devices":   map[string]any{"interfaces": []any{map[string]any{"name": "default", "masquerade": map[string]any{}}}},
			"resources": map[string]any{"requests": map[string]any{"memory": "256Mi"}},
			"firmware": map[string]any{"kernelBoot": map[string]any{"container": map[string]any{
				"image": image, "imagePullPolicy": "IfNotPresent", "kernelPath": guestbox.BootKernel, "initrdPath": guestbox.BootInitrd,
			}}},
		}, "networks": []any{map[string]any{"name": "default", "pod": map[string]any{}}}},
	}}
}
