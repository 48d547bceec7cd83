package kubevirt_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/clustertest"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/findings"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// vmVariable names the kubeconfig of a cluster with KubeVirt whose nodes have the
// images of the guest.
const vmVariable = "VMPROBE_KUBEVIRT_KUBECONFIG"

const (
	vmFewest = 20     // cases of VMs that must have passed
	vmShort  = "100s" // cases that run wherever KubeVirt is built
	vmLong   = "130s" // those that run when VMs are asked for
)

// TestVMCases: a real KubeVirt passes the cases that were written for VMs of it.
// A case whose node was too busy to tell is asked again, alone; one that tells
// nothing even then is no failure, but most must pass.
func TestVMCases(t *testing.T) {
	began := time.Now()
	r := vmReport(t)
	passed := 0
	for i := range r.Cases {
		c := &r.Cases[i]
		switch {
		case c.Result == judge.NotRun, late(c):
			t.Logf("not run: %s: %s", c.Case, c.Reason)
		case won(t, c):
			t.Logf("%s: KubeVirt did not lose its race: %+v", c.Case, c.Failures)
		case vmRun.raced[c.Case]:
			t.Logf("flaky: %s: %+v; what KubeVirt does there is told in findings/powered-off-taken-for-crashed.md", c.Case, c.Failures)
		case c.Result != judge.Pass:
			t.Errorf("%s: %s %s %+v", c.Case, c.Result, c.Reason, c.Failures)
		case strings.HasPrefix(c.Case, "vm-"):
			passed++
		}
	}
	t.Logf("%d of %d cases passed in %.0f s", passed, len(r.Cases), time.Since(began).Seconds())
	if passed < vmFewest {
		t.Errorf("only %d cases of VMs passed, want %d", passed, vmFewest)
	}
}

// vmRun is what all tests of VMs look at.
var vmRun struct { //nolint:gochecknoglobals // it takes minutes
	once   sync.Once
	report *report.Report
	raced  map[string]bool // by case: it has failed where KubeVirt has lost a race
}

// vmReport runs the cases of VMs, and those about manifests that KubeVirt must
// refuse, once.
func vmReport(t *testing.T) *report.Report {
	t.Helper()
	s := vmCluster(t)
	vmRun.once.Do(func() {
		length := vmLong
		if os.Getenv(vmVariable) == "" && !clustertest.Asked(t, cluster.TierKubeVirt).Build {
			length = vmShort
			t.Logf("not run: cases longer than %s; %s=%s runs those up to %s", vmShort, clustertest.Variable, cluster.TierKubeVirt, vmLong)
		}
		traces := t.TempDir()
		vmRun.report = settled(t, s, "kubevirt", traces, []int{0, 1}, "--max-length", length, filepath.Join("testdata", "vms"), "validate-*")
		vmRun.raced = map[string]bool{}
		for i := range vmRun.report.Cases {
			if c := &vmRun.report.Cases[i]; c.Result == judge.Fail && aboutFailed(c) {
				vmRun.raced[c.Case] = raced(t, filepath.Join(traces, c.Case+".1.ndjson"))
			}
		}
	})
	if vmRun.report == nil {
		t.Fatal("the cases of VMs could not be run")
	}
	return vmRun.report
}

// won tells whether a case has failed only because KubeVirt did not lose the race that
// the case is about: then a guest that has powered itself off has succeeded.
func won(t *testing.T, c *report.Case) bool {
	t.Helper()
	list, err := findings.All()
	if err != nil {
		t.Fatal(err)
	}
	about := slices.ContainsFunc(list, func(f findings.Finding) bool { return f.Race && slices.Contains(f.Cases, scenarioOf(c.Case)) })
	return about && len(c.Failures) == 1 && strings.HasPrefix(c.Failures[0].Message, "phase -> Succeeded")
}

// aboutFailed tells whether all that is wrong is that a VM has failed.
func aboutFailed(c *report.Case) bool {
	for i := range c.Failures {
		m := c.Failures[i].Message
		if !strings.HasPrefix(m, "phase -> Failed") && !strings.HasSuffix(m, "the VMI ended Failed") {
			return false
		}
	}
	return len(c.Failures) > 0
}

// raced tells whether a guest that had powered itself off was taken for one that had
// crashed. Nobody can say when KubeVirt does that, but for the case that provokes it.
func raced(t *testing.T, file string) bool {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := trace.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	off := false
	for i := range tr.Events {
		switch e := &tr.Events[i]; e.Kind {
		case trace.ContainerStarted:
			off = false
		case trace.GuestPower:
			off = off || e.Value == "poweroff"
		case trace.VMIPhase:
			if off && e.Value == string(kubevirtv1.Failed) {
				return true
			}
		default:
		}
	}
	return false
}

// vmCluster is a cluster with KubeVirt: one that somebody has started, or that of
// the tests.
func vmCluster(t *testing.T) *cluster.Status {
	t.Helper()
	if path := os.Getenv(vmVariable); path != "" {
		return &cluster.Status{Kubeconfig: path}
	}
	return clusterOf(t, cluster.TierKubeVirt)
}

// TestFindings: what the pages say of a real KubeVirt is what it does. Every case
// of a page has to tell: one whose node was too busy confirms nothing.
func TestFindings(t *testing.T) {
	r := vmReport(t)
	list, err := findings.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		t.Run(strings.TrimSuffix(f.Page, ".md"), func(t *testing.T) {
			if f.Observed != findings.Reproduced && f.Observed != findings.Refuted {
				t.Skip(f.Observed)
			}
			told := map[string]bool{}
			for i := range r.Cases {
				c := &r.Cases[i]
				if !slices.Contains(f.Cases, scenarioOf(c.Case)) || late(c) || c.Result == judge.NotRun {
					continue
				}
				told[scenarioOf(c.Case)] = true
				if won(t, c) {
					t.Logf("%s does not show it this time: %+v", c.Case, c.Failures)
					continue
				}
				if got := map[bool]string{true: findings.Reproduced, false: findings.Refuted}[c.Result == judge.Pass]; got != f.Observed {
					t.Errorf("the page says %s, and %s has %s it: %s %+v", f.Observed, c.Case, got, c.Reason, c.Failures)
				}
			}
			for _, name := range f.Cases {
				if !told[name] {
					t.Errorf("the page says %s, and %s tells nothing", f.Observed, name)
				}
			}
		})
	}
}

// TestFindingsManifests: the API of a real KubeVirt takes the manifest of every
// page, but for the one of the page that is about a refusal.
func TestFindingsManifests(t *testing.T) {
	config, err := clientcmd.BuildConfigFromFlags("", vmCluster(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	list, err := findings.All()
	if err != nil {
		t.Fatal(err)
	}
	vms := client.Resource(kubevirtv1.GroupVersion.WithResource("virtualmachines")).Namespace(metav1.NamespaceDefault)
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}
	for _, f := range list {
		text, err := yaml.ToJSON(f.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(text); err != nil {
			t.Fatal(err)
		}
		_, err = vms.Create(t.Context(), u, dry)
		if refused := err != nil; refused != slices.Contains(f.Requirements, "VAL-RUNSTRATEGY") {
			t.Errorf("%s: %v", f.Page, err)
		}
	}
}

// scenarioOf is the name of the scenario of a case.
func scenarioOf(id string) string {
	if i := strings.IndexAny(id, "[@"); i >= 0 {
		return id[:i]
	}
	return id
}
