package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func noEnvironment(string) (string, bool) { return "", false }

// runIn calls the program in process.
func runIn(ctx context.Context, out *bytes.Buffer, args ...string) (code int, stderr string) {
	var errs bytes.Buffer
	code = run(ctx, args, streams{strings.NewReader(""), out, &errs}, noEnvironment)
	return code, errs.String()
}

func TestInterruptedRunLeavesNoReport(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "report.json")
	var out bytes.Buffer
	code, stderr := runIn(ctx, &out, "run", "agent-hung", "--report", "json="+file)
	if code != exitInterrupted || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if out.Len() > 0 {
		t.Errorf("an interrupted run printed a verdict: %q", out.String())
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an interrupted run left a report: %v", err)
	}
}

// fullDisk refuses every byte.
type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestResultsThatCannotBeWrittenAreNoVerdict(t *testing.T) {
	for _, args := range [][]string{
		{"run", "agent-hung"},
		{"run", "agent-hung", "-o", "json"},
		{"run", "agent-hung", "--vms", "2"},
		{"list"},
		{"schema"},
		{"explain", "THR-FAILURE"},
		{"explain", "S014"},
		{"version"},
	} {
		var stderr bytes.Buffer
		code := run(t.Context(), args, streams{strings.NewReader(""), fullDisk{}, &stderr}, noEnvironment)
		if code != exitCouldNotRun || !strings.Contains(stderr.String(), errFull.Error()) {
			t.Errorf("%v: exit code %d, stderr %q", args, code, stderr.String())
		}
	}
}
