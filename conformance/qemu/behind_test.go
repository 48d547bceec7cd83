package qemu_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/agree"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/qemu"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// isProber is the variable by which this test binary becomes the reference
// prober behind the protocol.
const isProber = "VMPROBE_TEST_PROBER"

func TestMain(m *testing.M) {
	if os.Getenv(isProber) == "" {
		os.Exit(m.Run())
	}
	if err := protocol.ServeStdio(&reference.Prober{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// behind puts a program before the VMs of a testbed.
func behind(t *testing.T, ground *qemu.Bed, argv ...string) *lockstep.Bed {
	t.Helper()
	bed, err := lockstep.New(t.Context(), lockstep.Config{Start: lockstep.Command{Argv: argv}.Start, Tool: "test", Ground: ground})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bed.Close() })
	return bed
}

// TestProber: our prober as a program comes to the verdicts, the attempts and
// the changes on real VMs that it comes to in process, in every second case.
func TestProber(t *testing.T) {
	ground := newBed(t)
	if err := ground.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	bed := behind(t, ground, "env", isProber+"=1", os.Args[0])
	var cases []*scenarios.Case
	for i, c := range scenariotest.Files(t, "testdata/cases/*.yaml") {
		if i%2 == 0 {
			cases = append(cases, c)
		}
	}
	lane(bed).Check(t, cases)
}

// TestWrongPythonIsCaught: a real VM shows what is wrong with an adapter of
// which one decision was changed, and lets the right one pass.
func TestWrongPythonIsCaught(t *testing.T) {
	ground := newBed(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("not run: there is no python3")
	}
	right := "../adapters/python/prober.py"
	program, err := os.ReadFile(right)
	if err != nil {
		t.Fatal(err)
	}
	const law = `self.probe["successThreshold" if passed else "failureThreshold"]`
	wrong := filepath.Join(t.TempDir(), "wrong.py")
	text := strings.Replace(string(program), law, `(self.probe["successThreshold"] if passed else 9)`, 1)
	if text == string(program) {
		t.Fatalf("%q does not stand in the adapter", law)
	}
	if err := os.WriteFile(wrong, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := scenariotest.Files(t, "testdata/cases/http-status.yaml")[0]
	if v := told(t, behind(t, ground, python, right), c); v.Result != judge.Pass {
		t.Errorf("the right one: %s %s %v", v.Result, v.Reason, v.Failures)
	}
	v := told(t, behind(t, ground, python, wrong), c)
	named := slices.ContainsFunc(v.Failures, func(f judge.Failure) bool { return f.Requirement == "THR-FAILURE" })
	if v.Result != judge.Fail || !named {
		t.Errorf("the wrong one: %s %s %v", v.Result, v.Reason, v.Failures)
	}
}

// told runs a case until the harness is in time.
func told(t *testing.T, bed *lockstep.Bed, c *scenarios.Case) judge.Verdict {
	t.Helper()
	var real agree.Side
	for range tries {
		var err error
		if real, err = agree.Run(t.Context(), bed, c, 1); err != nil {
			t.Fatal(err)
		}
		if real.Verdict.Result != judge.Error {
			break
		}
	}
	return real.Verdict
}
