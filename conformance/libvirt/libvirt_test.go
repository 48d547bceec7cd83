package libvirt_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/agree"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/libvirt"
	"github.com/vmprobe/vmprobe/conformance/libvirt/daemon"
	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

func TestMain(m *testing.M) {
	daemon.Keep()
	if os.Getenv(helper) != "" {
		harness()
	}
	os.Exit(m.Run())
}

// required is the variable that makes these tests run, and fail where libvirt
// is missing.
const required = "VMPROBE_REQUIRE_LIBVIRT"

func newBed(t *testing.T) *libvirt.Bed {
	t.Helper()
	if os.Getenv(required) == "" {
		t.Skip("not run: it boots VMs by libvirt for minutes; " + required + "=1 with -tags libvirt,libvirt_dlopen runs it " +
			"(Debian: apt-get install --no-install-recommends libvirt-daemon libvirt-daemon-driver-qemu qemu-system-x86 gcc libc6-dev)")
	}
	bed, err := libvirt.New(t.Context(), libvirt.Config{Tool: "test", Say: func(note string) { t.Log(note) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bed.Close(); err != nil {
			t.Error(err)
		}
	})
	return bed
}

func load(t *testing.T, patterns ...string) (list []*scenarios.Case) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			file, diags := scenarios.Load(name, data, scenarios.Options{})
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			cases, _ := file.Cases(nil)
			list = append(list, cases...)
		}
	}
	return list
}

func cases(t *testing.T) []*scenarios.Case {
	const shared = "../qemu/testdata/cases/"
	return load(t, "testdata/cases/*.yaml", shared+"agent-down-and-back.yaml", shared+"exec-*.yaml",
		shared+"guest-crashes.yaml", shared+"guest-powers-off.yaml", shared+"liveness-agent-replaces.yaml")
}

// TestCasesOnSim: the cases of the table hold in the simulator, and with the
// codes of the table. How long a guest needs for a reply of 11 MB depends on the
// machine, so that case is not held against libvirt, which gave these codes.
func TestCasesOnSim(t *testing.T) {
	for _, c := range load(t, "testdata/cases/*.yaml", "testdata/sim/*.yaml") {
		s, err := side(t.Context(), simbed.Bed{}, c)
		if err != nil {
			t.Fatal(err)
		}
		if s.Verdict.Result != judge.Pass {
			t.Errorf("%s: %v", c.ID(), s.Verdict.Failures)
		}
		if got, want := codes(s.Trace), wantCodes[c.Name()]; got != want {
			t.Errorf("%s: codes %q, want %q", c.ID(), got, want)
		}
	}
}

// wantCodes are libvirt's error numbers of a case's failures, in the order in
// which they first come. Profile openshift-doc records none.
var wantCodes = map[string]string{
	"libvirt-error-object": "1", "libvirt-garbage": "1 86", "libvirt-guest-hangs": "86", "libvirt-hung-long": "86",
	"libvirt-hung-strict": "", "libvirt-paused": "55", "libvirt-serialised": "86 68", "libvirt-slow-sync": "86",
	"libvirt-too-long": "38 86", "libvirt-vanishes": "86",
}

var code = regexp.MustCompile(`Code=(\d+)`)

// codes lists the numbers in the launcher's events.
func codes(tr *trace.Trace) string {
	var list []string
	for _, e := range tr.Events {
		if e.Kind != trace.ClusterEvent || e.Value != "GuestAgentPingFailed" {
			continue
		}
		if m := code.FindStringSubmatch(e.Msg); m != nil && !slices.Contains(list, m[1]) {
			list = append(list, m[1])
		}
	}
	return strings.Join(list, " ")
}

// tries is how often a case is run whose harness was too late to tell.
const tries = 3

// atOnce is how many cases run at a time.
const atOnce = 4

// TestCases runs the cases on domains. Each must pass, and agree with the
// simulator in verdicts, classes and codes.
func TestCases(t *testing.T) {
	bed := newBed(t)
	turns := make(chan struct{}, atOnce)
	var judged atomic.Int64
	list := cases(t)
	t.Cleanup(func() { // all of them have ended
		if int(judged.Load()) < len(list)/2 {
			t.Errorf("%d of %d cases came to a verdict: the machine is too busy for this test", judged.Load(), len(list))
		}
	})
	for _, c := range list {
		t.Run(c.ID(), func(t *testing.T) {
			t.Parallel()
			turns <- struct{}{}
			defer func() { <-turns }()
			check(t, bed, c)
			judged.Add(1)
		})
	}
}

func check(t *testing.T, bed *libvirt.Bed, c *scenarios.Case) {
	if why := bed.Unsupported(c); why != "" {
		t.Errorf("%s: %s", c.ID(), why)
		return
	}
	simulated, err := side(t.Context(), simbed.Bed{}, c)
	if err != nil {
		t.Errorf("%s: %v", c.ID(), err)
		return
	}
	for i := range tries {
		real, err := side(t.Context(), bed, c)
		if err != nil {
			t.Errorf("%s: %v", c.ID(), err)
			return
		}
		differences := agree.Compare(c, simulated, real)
		late := real.Verdict.Result == judge.Error || len(differences) > 0 && real.Trace.Late > judge.DefaultSlack/4
		if late && i < tries-1 {
			t.Logf("%s: the harness was late by %v: run again", c.ID(), real.Trace.Late)
			continue
		}
		if late {
			t.Skipf("not run: the harness was late by %v, %d times in a row", real.Trace.Late, tries)
		}
		if real.Verdict.Result != judge.Pass {
			t.Errorf("%s: %s %s %v", c.ID(), real.Verdict.Result, real.Verdict.Reason, real.Verdict.Failures)
		}
		for _, d := range differences {
			t.Errorf("%s: %v %s: sim %s, libvirt %s", c.ID(), d.At, d.What, d.A, d.B)
		}
		if a, b := codes(simulated.Trace), codes(real.Trace); a != b {
			t.Errorf("%s: codes: sim %q, libvirt %q", c.ID(), a, b)
		}
		return
	}
}

func side(ctx context.Context, bed testbed.Testbed, c *scenarios.Case) (*agree.Side, error) {
	tr, err := bed.Run(ctx, c, 1)
	if err != nil {
		return nil, err
	}
	return &agree.Side{Testbed: bed.Name(), Trace: tr, Verdict: judge.Judge(c, tr, judge.Options{})}, nil
}

// TestNotBuilt: a build without libvirt says how to get one.
func TestNotBuilt(t *testing.T) {
	if virt.Built() {
		t.Skip("not run: this build has libvirt")
	}
	_, err := libvirt.New(t.Context(), libvirt.Config{Say: func(string) {}})
	if !libvirt.Missing(err) || !strings.Contains(fmt.Sprint(err), "make build-libvirt") {
		t.Errorf("%v", err)
	}
}
