package libvirt_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/agree"
	"github.com/vmprobe/vmprobe/conformance/agree/agreetest"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/libvirt"
	"github.com/vmprobe/vmprobe/conformance/libvirt/daemon"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

func TestMain(m *testing.M) {
	daemon.Keep()
	if os.Getenv(helper) != "" {
		harness()
	}
	flag.Parse()
	// Cases wait more than they work: as many processors are no limit.
	if err := flag.Set("test.parallel", strconv.Itoa(atOnce)); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// required is the variable that makes these tests run, and fail where libvirt
// is missing.
const required = "VMPROBE_REQUIRE_LIBVIRT"

func require(t *testing.T) {
	t.Helper()
	if os.Getenv(required) == "" {
		t.Skip("not run: it boots VMs by libvirt for minutes; " + required + "=1 with -tags libvirt,libvirt_dlopen runs it " +
			"(Debian: apt-get install --no-install-recommends libvirt-daemon libvirt-daemon-driver-qemu qemu-system-x86 gcc libc6-dev)")
	}
}

func newBed(t *testing.T) *libvirt.Bed {
	t.Helper()
	require(t)
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

func cases(t *testing.T) []*scenarios.Case {
	const shared = "../qemu/testdata/cases/"
	return scenariotest.Files(t, "testdata/cases/*.yaml", "testdata/watchdog/*.yaml", shared+"agent-down-and-back.yaml", shared+"exec-*.yaml",
		shared+"guest-crashes.yaml", shared+"guest-powers-off.yaml", shared+"liveness-agent-replaces.yaml")
}

// TestCasesOnSim: the cases of the table hold in the simulator, and with the
// codes of the table. How long a guest needs for a reply of 11 MB depends on the
// machine, so that case is not held against libvirt, which gave these codes.
func TestCasesOnSim(t *testing.T) {
	for _, c := range scenariotest.Files(t, "testdata/cases/*.yaml", "testdata/watchdog/*.yaml", "testdata/sim/*.yaml") {
		tr, err := simbed.Bed{}.Run(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		if v := judge.Judge(c, tr, judge.Options{}); v.Result != judge.Pass {
			t.Errorf("%s: %v", c.ID(), v.Failures)
		}
		if got, want := codes(tr), wantCodes[c.Name()]; got != want {
			t.Errorf("%s: codes %q, want %q", c.ID(), got, want)
		}
	}
}

// wantCodes are libvirt's error numbers of a case's failures, in the order in
// which they first come. Profile openshift-doc records none.
var wantCodes = map[string]string{
	"libvirt-error-object": "1", "libvirt-garbage": "1 86", "libvirt-goes-on": "86", "libvirt-guest-hangs": "86", "libvirt-hung-long": "86",
	"libvirt-hung-strict": "", "libvirt-paused": "55", "libvirt-serialised": "86 68", "libvirt-slow-sync": "86",
	"libvirt-too-long": "38 86", "libvirt-vanishes": "86",
	"watchdog-hang": "86", "watchdog-pause": "55", "watchdog-pause-kills": "55", "watchdog-poweroff": "", "watchdog-reset": "", "watchdog-shutdown": "",
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

// atOnce is how many cases run at a time: each has one or two VMs.
const atOnce = 4

// TestCases runs the cases on domains. Each must pass, and agree with the
// simulator in verdicts, classes and codes.
func TestCases(t *testing.T) {
	bed := newBed(t)
	lane(bed).Check(t, cases(t))
}

func lane(bed *libvirt.Bed) agreetest.Lane {
	return agreetest.Lane{Real: bed, AtOnce: atOnce, Tries: tries, Also: sameCodes}
}

func sameCodes(m *agree.Meeting) []string {
	if a, b := codes(m.A.Trace), codes(m.B.Trace); a != b {
		return []string{fmt.Sprintf("codes: sim %q, libvirt %q", a, b)}
	}
	return nil
}
