package door_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance"
	"github.com/vmprobe/vmprobe/conformance/door"
)

// The hint under a failing case is a command that fails in the same way: it is
// taken from the output, and run. The package is that of the test, whoever
// has made the subtest.
func TestGoDoorReplay(t *testing.T) {
	const inChild = "VMPROBE_TEST_REPLAY"
	if os.Getenv(inChild) != "" {
		conformance.Test(t, func() door.Prober { return door.Containers(probe) },
			conformance.Scenarios("threshold-ffsff"), conformance.Seeds(7, 2))
		return
	}
	if testing.Short() {
		t.Skip("not run: -short, and it builds a test binary")
	}
	run := func(name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = append(os.Environ(), inChild+"=1")
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Fatalf("%s %v passes:\n%s", name, args, out)
		}
		return string(out)
	}
	out := run(os.Args[0], "-test.run=TestGoDoorReplay$")
	want := `replay: go test github.com/vmprobe/vmprobe/conformance/door -run ` +
		`'^TestGoDoorReplay$/^threshold-ffsff@kubernetes#8$' -count=1`
	if !strings.Contains(out, want+"\n") || strings.Contains(out, "vmprobe replay") {
		t.Fatalf("no line %q in:\n%s", want, out)
	}
	again := run("sh", "-c", strings.TrimPrefix(want, "replay: "))
	if strings.Count(again, "--- FAIL") != 2 || !strings.Contains(again, "FAIL threshold-ffsff@kubernetes (seed 8)") {
		t.Errorf("the command shows something else:\n%s", again)
	}
}
