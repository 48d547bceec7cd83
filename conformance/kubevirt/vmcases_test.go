package kubevirt_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/judge"
)

// vmVariable names the kubeconfig of a cluster with KubeVirt whose nodes have the
// images of the guest.
const vmVariable = "VMPROBE_KUBEVIRT_KUBECONFIG"

// vmFewest are the cases of VMs that must have passed.
const vmFewest = 20

// differ are cases in which a real KubeVirt does what the simulator says that it
// does not. Each is a finding.
func differ() map[string]string {
	return map[string]string{
		"vm-live-halted@kubevirt":  "to start a VM that is Halted makes it Always (pkg/virt-api/rest/lifecycle.go): it is run again",
		"vm-paused-agent@kubevirt": "libvirt refuses to shut a paused domain down (code 55), so that its grace never begins (virtwrap/manager.go, SignalShutdownVMI): the launcher destroys it 15 s after the grace",
	}
}

// TestVMCases: a real KubeVirt passes the cases that were written for VMs of it.
// A case whose node was too busy to tell is not run; it is no failure, but most
// must be.
func TestVMCases(t *testing.T) {
	s := vmCluster(t)
	began := time.Now()
	r := conform(t, s, "kubevirt", "--max-length", "130s", filepath.Join("testdata", "vms"))
	passed, busy := 0, 0
	for i := range r.Cases {
		c := &r.Cases[i]
		why, differs := differ()[c.Case]
		switch {
		case late(c):
			busy++
			t.Logf("not run: %s: %s", c.Case, c.Reason)
		case differs && c.Result == judge.Fail:
			t.Logf("differs as known: %s: %s", c.Case, why)
		case differs || c.Result != judge.Pass:
			t.Errorf("%s: %s %s %+v", c.Case, c.Result, c.Reason, c.Failures)
		default:
			passed++
		}
	}
	t.Logf("%d of %d cases passed in %.0f s", passed, len(r.Cases), time.Since(began).Seconds())
	switch {
	case passed+busy < vmFewest:
		t.Errorf("only %d cases can run", passed+busy)
	case passed < vmFewest && !t.Failed():
		t.Skipf("not run: the node was too busy for %d cases", busy)
	}
}

// vmCluster is a cluster with KubeVirt. It takes minutes to start: somebody has.
func vmCluster(t *testing.T) *cluster.Status {
	t.Helper()
	path := os.Getenv(vmVariable)
	if path == "" {
		t.Skipf("not run: it needs KubeVirt; %s names the kubeconfig of a cluster that has it", vmVariable)
	}
	return &cluster.Status{Kubeconfig: path}
}
