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
		time.Sleep(time.Millisecond)
	}
	t.Errorf("processes of group %d are left: %v", group, err)
}
