package kubevirt_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/conformance/report"
)

// What of the profile a CI has the time for, and how much of it at a time: the
// pods wait most of the time, and no more of them start at once than the
// testbed lets.
const (
	nodeLength = "80s"
	nodeAtOnce = 40
	nodeFewest = 35 // cases that must have passed
)

// TestNodeCases: a real kubelet passes every case of profile kubernetes that is
// short and that a pod can express. A case whose node was too busy to tell is asked
// again, fewer at a time; one that tells nothing even then is no failure, but most
// must pass.
func TestNodeCases(t *testing.T) {
	s := clusterOf(t, cluster.TierNode)
	began := time.Now()
	r := settled(t, s, "kubernetes", t.TempDir(), []int{nodeAtOnce, nodeAtOnce / 4, nodeAtOnce / 16}, "--max-length", nodeLength)
	passed := 0
	for i := range r.Cases {
		switch c := &r.Cases[i]; {
		case c.Result == judge.Pass:
			passed++
		case c.Result == judge.NotRun:
			t.Logf("not run: %s: %s", c.Case, c.Reason)
		case late(c):
			t.Logf("not run: %s: %s", c.Case, c.Reason)
		default:
			t.Errorf("%s: %s %s %+v", c.Case, c.Result, c.Reason, c.Failures)
		}
	}
	t.Logf("%d of %d cases passed in %.0f s", passed, len(r.Cases), time.Since(began).Seconds())
	if passed < nodeFewest {
		t.Errorf("only %d cases passed, want %d", passed, nodeFewest)
	}
}

// settled runs the suite, and asks again for the cases whose node was too busy to
// tell: as many at a time as each number says, the first for the whole suite; 0:
// as many as the program does by itself.
func settled(t *testing.T, s *cluster.Status, profile, traces string, atOnce []int, flags ...string) *report.Report {
	t.Helper()
	var all *report.Report
	before := ""
	for i, n := range atOnce {
		file := filepath.Join(t.TempDir(), "report.yaml")
		args := append(slices.Clone(flags), "--report", "trace="+traces)
		if n > 0 {
			args = append(args, "-p", strconv.Itoa(n))
		}
		if i == 0 {
			all = conform(t, s, profile, file, args...)
		} else {
			replaceLate(all, conform(t, s, profile, file, append(args, "--from", before, "--only", string(judge.Error))...))
		}
		before = file
		busy := 0
		for j := range all.Cases {
			if late(&all.Cases[j]) {
				busy++
			}
		}
		if busy == 0 {
			break
		}
		t.Logf("the node was too busy for %d cases", busy)
	}
	return all
}

// replaceLate takes what came of late cases when they were asked again.
func replaceLate(all, again *report.Report) {
	for i := range all.Cases {
		c := &all.Cases[i]
		if !late(c) {
			continue
		}
		if j := slices.IndexFunc(again.Cases, func(x report.Case) bool { return x.Case == c.Case }); j >= 0 {
			*c = again.Cases[j]
		}
	}
}

// conform runs the suite as its user does, and gives the report, which it leaves in
// the file.
func conform(t *testing.T, s *cluster.Status, profile, file string, flags ...string) *report.Report {
	t.Helper()
	args := append([]string{
		"conformance", "--testbed", "kubevirt", "--profile", profile, "--kubeconfig", s.Kubeconfig,
		"--report", "yaml=" + file,
	}, flags...)
	run := exec.CommandContext(t.Context(), program(t), args...)
	var out bytes.Buffer
	run.Stdout, run.Stderr = &out, &out
	if err := run.Run(); err != nil && !slices.Contains([]int{1, 3}, run.ProcessState.ExitCode()) {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	t.Logf("%s", out.Bytes())
	return decoded(t, file)
}

// program is vmprobe: that of the node's cluster, or one that is built now.
func program(t *testing.T) string {
	t.Helper()
	if c := clusters[cluster.TierNode]; c.home != "" {
		return c.program()
	}
	path := filepath.Join(t.TempDir(), "vmprobe")
	build(t, path)
	return path
}

// decoded is the report in a file.
func decoded(t *testing.T, file string) *report.Report {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Decode(file, data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// late tells whether the node was too busy for a verdict.
func late(c *report.Case) bool {
	return c.Result == judge.Error && (strings.HasPrefix(c.Reason, "harness: late by") || strings.Contains(c.Reason, observe.ErrBusy.Error()))
}
