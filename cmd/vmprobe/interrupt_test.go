//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterruptLeavesNoProcessAndAPartialReport interrupts a run of many
// cases whose prober has a child of its own.
func TestInterruptLeavesNoProcessAndAPartialReport(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("not run: there is no python3")
	}
	dir := t.TempDir()
	pidFile, file := filepath.Join(dir, "pid"), filepath.Join(dir, "report.yaml")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // once cases run
		for ctx.Err() == nil {
			if traces, err := filepath.Glob(filepath.Join(dir, "traces", "*")); err == nil && len(traces) > 5 {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	var out bytes.Buffer
	code, stderr := runIn(ctx, &out, "conformance", "-p=1", "--seeds=20", "-o=json",
		"--report=yaml="+file, "--report=trace="+filepath.Join(dir, "traces"), "--",
		"sh", "-c", "echo $$ > "+pidFile+"; sleep 1000 & exec python3 ../../conformance/adapters/python/prober.py")
	if code != exitInterrupted || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	report, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(report, []byte("interrupted: true")) || !bytes.Contains(report, []byte("reason: interrupted")) {
		t.Errorf("the report is not marked: %v %.300s", err, report)
	}
	if !bytes.Contains(report, []byte("result: pass")) || bytes.Contains(report, []byte("result: error")) {
		t.Errorf("the report: %.300s", report)
	}
	for _, view := range []string{"badge", "text", "markdown", "html"} {
		out.Reset()
		if code, stderr := runIn(t.Context(), &out, "report", view, file); code != exitOK || !strings.Contains(out.String(), "interrupted") {
			t.Errorf("report %s: exit code %d, %s: it does not say so", view, code, stderr)
		}
	}
	gone(t, pidFile)
}

// gone wants nothing left of a process group whose number is in a file.
func gone(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	group, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 { // the kernel may need a moment to bury them
		if err = syscall.Kill(-group, 0); errors.Is(err, syscall.ESRCH) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("processes of group %d are left: %v", group, err)
}

// TestInterruptOfSockets interrupts a run in wall time: two short cases are
// over by then, the long ones are not. Neither process nor socket is left.
func TestInterruptOfSockets(t *testing.T) {
	dir, tmp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	pidFile, file, binary := filepath.Join(dir, "pid"), filepath.Join(dir, "report.yaml"), filepath.Join(dir, "vmprobe")
	if log, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	short, err := os.ReadFile("../../conformance/sockets/testdata/short.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scenario := filepath.Join(dir, "short.yaml")
	if err := os.WriteFile(scenario, short, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // once the short case is over
		for ctx.Err() == nil {
			if traces, err := filepath.Glob(filepath.Join(dir, "traces", "*")); err == nil && len(traces) > 0 {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	var out bytes.Buffer
	code, stderr := runIn(ctx, &out, "conformance", "--door=sockets", "--max-length=60s", "--profile=kubernetes", "-o=json",
		"--report=yaml="+file, "--report=trace="+filepath.Join(dir, "traces"), scenario, "validate-*", "--",
		"sh", "-c", "test -e "+pidFile+" || echo $$ > "+pidFile+"; sleep 1000 & exec "+binary+" prober --sockets")
	if code != exitInterrupted || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	report, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(report, []byte("interrupted: true")) || !bytes.Contains(report, []byte("reason: interrupted")) {
		t.Errorf("the report is not marked: %v %.300s", err, report)
	}
	for line := range strings.Lines(string(report)) {
		if strings.Contains(line, "reason: prober") || strings.Contains(line, "reason: start") {
			t.Errorf("an interruption is called an error: %s", line)
		}
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	gone(t, pidFile)
}
