package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// broken is a case that fails, so that the reports hold a timeline.
const broken = `apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: web}
spec:
  domain: {devices: {}}
  readinessProbe:
    httpGet: {port: 8080}
    initialDelaySeconds: 5
---
apiVersion: vmprobe.dev/v1alpha1
kind: Scenario
metadata: {name: broken}
spec:
  title: A server that answers 200 is never ready
  requirements: [THR-SUCCESS]
  until: 100s
  guests:
    web:
      http/8080:
        - {at: 0s, reply: 200}
  expect:
    web:
      ready: [false]
`

// TestEntryPointsReportTheSameBytes runs the same selection by the command
// and by the Ginkgo suite, in one process and in two, and compares reports.
func TestEntryPointsReportTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs another test binary")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "broken.yaml")
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	formats := []string{"json", "yaml", "junit", "text", "markdown", "github", "html"}
	args := func(name string) []string {
		out := []string{"-profile=kubevirt,kubernetes", "-seeds=2"}
		for _, f := range formats {
			out = append(out, "-report="+f+"="+filepath.Join(dir, name, f))
		}
		return append(out, file, "http-*")
	}
	const labels = "THR-SUCCESS && httpGet && !restart"
	command := []string{"conformance", "--label-filter=" + labels, "-p=2"}
	for _, a := range args("command") {
		if a[0] == '-' {
			a = "-" + a
		}
		command = append(command, a)
	}
	var out bytes.Buffer
	if code, stderr := runIn(t.Context(), &out, command...); code != exitNegative {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	binary := filepath.Join(dir, "suite.test")
	runGo(t, true, "test", "-c", "-o", binary, "../../conformance")
	for name, run := range map[string]*exec.Cmd{
		"one process":   exec.Command(binary, append([]string{"-ginkgo.label-filter=" + labels}, args("one process")...)...),
		"two processes": ginkgo(binary, append([]string{"--label-filter=" + labels, "--procs=2"}, args("two processes")...)...),
	} {
		if log, err := run.CombinedOutput(); err == nil {
			t.Errorf("%s: a failing case passed: %.2000s", name, log)
		}
		for _, f := range formats {
			want, err := os.ReadFile(filepath.Join(dir, "command", f))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, name, f)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s differs from that of the command: %v\n%.3000s", name, f, err, got)
			}
		}
	}
}

// ginkgo runs a built suite with Ginkgo's own command: its flags come first.
func ginkgo(binary string, args ...string) *exec.Cmd {
	list := append([]string{"run", "github.com/onsi/ginkgo/v2/ginkgo"}, args[:2]...)
	return exec.Command("go", append(append(list, binary, "--"), args[2:]...)...)
}

func runGo(t *testing.T, wantOK bool, args ...string) {
	t.Helper()
	log, err := exec.Command("go", args...).CombinedOutput()
	if (err == nil) != wantOK {
		t.Fatalf("go %v: %v\n%s", args, err, log)
	}
}
