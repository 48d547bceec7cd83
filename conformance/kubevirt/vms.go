package kubevirt

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
)

// machines is what the testbed knows of VMs on the cluster.
type machines struct {
	missing string             // why no VM can run; empty: they can
	version string             // KubeVirt's, v1.9.0; empty: it does not say
	profile probes.ProfileName // of that version
	entry   sync.Mutex
	gate    chan struct{} // has room for the cases whose VMs may boot at a time; nil: any
	slots   chan struct{} // has room for the VMs that may run at a time; nil: any
}

// vmResource and vmiResource are the resources of KubeVirt.
func vmResource() schema.GroupVersionResource {
	return kubevirtv1.GroupVersion.WithResource("virtualmachines")
}

func vmiResource() schema.GroupVersionResource {
	return kubevirtv1.GroupVersion.WithResource("virtualmachineinstances")
}

// subresources is the group in which KubeVirt acts on VMs.
const subresources = "subresources.kubevirt.io"

// versionPath is where KubeVirt's API server says which version it is, to whoever
// asks.
const versionPath = "/apis/" + subresources + "/v1/version"

// vmPermissions are what a harness needs for VMs beside permissions.
func vmPermissions() []permission {
	return []permission{
		{"create", "kubevirt.io", "virtualmachines", ""},
		{"deletecollection", "kubevirt.io", "virtualmachines", ""},
		{"create", "kubevirt.io", "virtualmachineinstances", ""},
		{"delete", "kubevirt.io", "virtualmachineinstances", ""},
		{"deletecollection", "kubevirt.io", "virtualmachineinstances", ""},
		{"get", "kubevirt.io", "virtualmachineinstances", ""},
		{"list", "kubevirt.io", "virtualmachineinstances", ""},
		{"patch", "kubevirt.io", "virtualmachineinstances", ""},
		{"watch", "kubevirt.io", "virtualmachineinstances", ""},
		{"update", subresources, "virtualmachineinstances", "pause"},
		{"update", subresources, "virtualmachineinstances", "unpause"},
		{"update", subresources, "virtualmachines", "start"},
		{"create", "", "pods", "proxy"},
	}
}

// VMs that run at a time, for each processor of the nodes: each is emulated, and
// idle most of the time; and how many where nobody knows.
const (
	vmsPerCPU  = 2
	unknownVMs = 2
	// cpusPerBoot is how many processors one launcher keeps busy that starts
	// libvirt, and a VM that boots: at most as many cases boot at a time.
	cpusPerBoot = 2
)

// prepareVMs asks what VMs need of the cluster. That they cannot run is no error:
// pods may.
func (b *Bed) prepareVMs(ctx context.Context) error {
	m := &b.machines
	err := insist(ctx, nil, func() error {
		_, err := b.Client.Discovery().ServerResourcesForGroupVersionWithContext(ctx, kubevirtv1.GroupVersion.String())
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		m.missing = "the cluster has no KubeVirt"
		return nil
	case err != nil:
		return explain("ask for KubeVirt", err)
	}
	if b.Dynamic == nil {
		m.missing = "no client for the cluster's KubeVirt"
		return nil
	}
	missing, err := b.obtain(ctx, role{vmCaseRole, vmPermissions()})
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		m.missing = "not allowed to " + strings.Join(missing, ", ") + "; grant it: " + vmRoleFile + " has all that is needed"
		return nil
	}
	if b.BootImage == "" {
		b.BootImage = b.imageOfNodes(ctx, bootImages)
	}
	if m.version, err = b.kubevirtVersion(ctx); apierrors.IsNotFound(err) {
		m.missing = "the cluster knows VMs, and no KubeVirt answers for them"
		return nil
	} else if err != nil {
		return explain("ask for the version of KubeVirt", err)
	}
	if m.profile = profileOf(m.version); m.profile == "" {
		m.missing = "KubeVirt " + m.version + " is described by no profile: it may have parts of what came with v1.9.0"
		return nil
	}
	vms, boots := unknownVMs, 1
	if cpus, known := b.capacity(ctx); known {
		vms, boots = max(int(cpus)*vmsPerCPU, 1), max(int(cpus)/cpusPerBoot, 1)
	}
	m.slots, m.gate = make(chan struct{}, b.share(vms)), make(chan struct{}, b.share(boots))
	return nil
}

// kubevirtVersion is what virt-api says that it is; empty: it does not say.
func (b *Bed) kubevirtVersion(ctx context.Context) (string, error) {
	var data []byte
	err := insist(ctx, apierrors.IsInternalError, func() (err error) {
		data, err = b.Raw(ctx, http.MethodGet, versionPath, nil)
		return err
	})
	if err != nil {
		return "", err
	}
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if json.Unmarshal(data, &v) != nil || !strings.HasPrefix(v.GitVersion, "v") {
		return "", nil
	}
	return v.GitVersion, nil
}

// profileOf is the profile of a version of KubeVirt; one that is not known is
// taken for new. It is empty for later patches of releases before v1.9, which have
// parts of its suppression of agent probes: v1.8.4 has that of paused VMs and of
// migrations, without the annotation and the events (kubevirt v1.8.4
// pkg/virt-launcher/virtwrap/manager.go:634-645).
func profileOf(version string) probes.ProfileName {
	var major, minor, patch int
	n, _ := fmt.Sscanf(version, "v%d.%d.%d", &major, &minor, &patch) // n tells
	switch {
	case n < 2 || major > 1 || major == 1 && minor >= 9:
		return probes.KubeVirt
	case n == 3 && major == 1 && patch > lastLegacyPatch(minor):
		return ""
	}
	return probes.KubeVirtLegacy
}

// lastLegacyPatch is the last patch of v1.MINOR that is known to suppress no probe:
// v1.5.3 and v1.8.2 do not in their sources, and the others are older than v1.8.2.
// Nothing was taken back to v1.3 and before.
func lastLegacyPatch(minor int) int {
	switch minor {
	case 4, 6:
		return 1
	case 5:
		return 3
	case 7:
		return 0
	case 8:
		return 2
	}
	return math.MaxInt
}

// needsGuest is when a case first expects something of its guests, from the
// start of their containers.
func needsGuest(c *scenarios.Case) time.Duration {
	need := c.Until
	for i := range c.VMs {
		v := &c.VMs[i]
		for j := range v.Resolved.Probes {
			need = min(need, v.Resolved.Probes[j].InitialDelay)
		}
		for _, p := range v.Program.Power {
			need = min(need, p.At)
		}
		for _, p := range v.EveryBoot.Power {
			need = min(need, p.At)
		}
	}
	for i := range c.Events {
		need = min(need, c.Events[i].At)
	}
	return need
}

// isOff tells whether somebody has to start a VM.
func isOff(v *scenarios.VM) bool {
	return v.Resolved.RunStrategy == spec.Manual || v.Resolved.RunStrategy == spec.Halted
}

// occupy waits for room for the VMs of a case.
func (m *machines) occupy(ctx context.Context, n int) (leave func(), err error) {
	if m.slots == nil {
		return func() {}, nil
	}
	m.entry.Lock() // one case takes its places at a time: two do not wait for each other
	defer m.entry.Unlock()
	taken := 0
	leave = func() {
		for range taken {
			<-m.slots
		}
		taken = 0
	}
	for taken < min(n, cap(m.slots)) {
		select {
		case m.slots <- struct{}{}:
			taken++
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		}
	}
	return leave, nil
}
