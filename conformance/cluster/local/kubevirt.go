//go:build linux

package local

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
	"github.com/vmprobe/vmprobe/conformance/cluster/guestbox"
	"github.com/vmprobe/vmprobe/conformance/cluster/kvimage"
	"github.com/vmprobe/vmprobe/conformance/cluster/release"
	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// lacksOfKubeVirt is what a machine lacks for the tier kubevirt alone.
func lacksOfKubeVirt() []error {
	missing := kvimage.Lacks()
	if _, err := image.Find(); err != nil {
		missing = append(missing, fmt.Errorf("the image that VMs boot: %w", err))
	}
	return missing
}

// kubevirtImages makes the images of KubeVirt's components, and the one that
// VMs boot.
func (u *start) kubevirtImages(ctx context.Context) error {
	archive, err := kvimage.Archive(ctx, kvimage.Progress(u.Tell), u.spec.Cache, u.kubevirt)
	if err != nil {
		return err
	}
	guest, err := image.Find()
	if err != nil {
		return err
	}
	boot, err := guestbox.Boot(guest.Dir, u.spec.path("boot.tar"))
	if err != nil {
		return err
	}
	u.spec.Images = append(u.spec.Images, archive, u.spec.path("boot.tar"))
	u.status.BootImage = boot
	return nil
}

// install lets the operator install KubeVirt, and waits until it is deployed.
func (u *start) install(ctx context.Context, a *api) error {
	out, err := exec.CommandContext(ctx, filepath.Join(u.kubevirt, binaries.ManifestsProgram), kvimage.Registry, binaries.KubeVirt).Output()
	if err != nil {
		return fmt.Errorf("print the objects of KubeVirt: %w", err)
	}
	r, err := release.Parse(out)
	if err != nil {
		return err
	}
	r.Emulate = true // the objects say so, too
	// The operator runs on nodes of the control plane, and VMs on workers.
	roles := `{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":"","node-role.kubernetes.io/worker":""}}}`
	if _, err := a.core.CoreV1().Nodes().Patch(ctx, nodeName, types.MergePatchType, []byte(roles), metav1.PatchOptions{}); err != nil {
		return err
	}
	if err := release.Install(ctx, u.status.Kubeconfig, r, u.Tell); err != nil {
		return err
	}
	u.status.KubeVirt, u.status.KubeVirtAPI = r.Version, r.Version
	return nil
}
