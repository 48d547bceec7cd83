package adapters_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

var update = flag.Bool("update", false, "rewrite transcript.txt")

// run runs embedded cases, all without patterns, against a command and sorts
// the results.
func run(t *testing.T, patterns []string, argv ...string) map[judge.Result][]report.Case {
	t.Helper()
	bed, err := lockstep.New(t.Context(), lockstep.Config{Start: lockstep.Command{Argv: argv}.Start})
	if err != nil {
		t.Fatal(err)
	}
	defer bed.Close()
	s := campaign.Selection{Seed: 1, Seeds: 1}
	var warnings bytes.Buffer
	jobs, err := s.Jobs(patterns, nil, &warnings, bed.Name())
	if err != nil {
		t.Fatal(err)
	}
	c := campaign.Campaign{Bed: bed, Parallel: 2}
	by := map[judge.Result][]report.Case{}
	for _, r := range c.Run(t.Context(), jobs) {
		by[r.Result] = append(by[r.Result], r)
	}
	return by
}

func mustConform(t *testing.T, by map[judge.Result][]report.Case, atLeast int) {
	t.Helper()
	for _, bad := range append(by[judge.Fail], by[judge.Error]...) {
		t.Errorf("%s", bad.Text())
	}
	if n := len(by[judge.Pass]); n < atLeast {
		t.Errorf("only %d cases passed, %d are not claimed", n, len(by[judge.NotClaimed]))
	}
}

func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("not run: there is no python3")
	}
	return path
}

// TestPythonAdapterConforms: it claims the whole core, restarts and startup
// probes included, and keeps what it claims in every case.
func TestPythonAdapterConforms(t *testing.T) {
	by := run(t, nil, python(t), "python/prober.py")
	mustConform(t, by, 1600)
	for _, c := range by[judge.NotClaimed] {
		if slices.Equal(c.Claims, []string{"core"}) {
			t.Errorf("%s is of the core, and not claimed", c.Text())
		}
	}
}

// TestWrongPythonAdaptersAreCaught changes one decision of the adapter at a
// time. Each must be noticed, for the requirement that it breaks.
func TestWrongPythonAdaptersAreCaught(t *testing.T) {
	program, err := os.ReadFile("python/prober.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []struct{ right, wrong, cases, requirement string }{
		{`self.probe["successThreshold" if passed else "failureThreshold"]`, `(self.probe["successThreshold"] if passed else 1)`, "threshold-*", "THR-FAILURE"},
		{`if outcome != "error":  #`, `if True:  #`, "threshold-*", "THR-ERR-DISCARD"},
		{`if not to or urlsplit(to["url"]).hostname != host.lower():`, `if not to:`, "http-redirect-*", "HTTP-REDIR-CROSS"},
		{`self.kind == "startup" or self.kind == "liveness" and not passed`, `self.kind == "startup"`, "lifecycle-*", "LIVE-HOLD"},
		{`w.kind == "startup" or "startup" not in here or here["startup"].state`, `True`, "lifecycle-*", "STARTUP-GATE"},
		{`"periodSeconds": 10`, `"periodSeconds": 20`, "default-*", "DEF-PERIOD"},
	} {
		t.Run(wrong.requirement, func(t *testing.T) {
			if n := strings.Count(string(program), wrong.right); n != 1 {
				t.Fatalf("%q stands %d times in the adapter, want once", wrong.right, n)
			}
			file := filepath.Join(t.TempDir(), "wrong.py")
			if err := os.WriteFile(file, []byte(strings.Replace(string(program), wrong.right, wrong.wrong, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			by := run(t, []string{wrong.cases}, python(t), file)
			var broken []string
			for _, c := range by[judge.Fail] {
				for _, f := range c.Failures {
					broken = append(broken, f.Requirement)
				}
			}
			if !slices.Contains(broken, wrong.requirement) || len(by[judge.Error]) > 0 {
				slices.Sort(broken)
				t.Errorf("broken: %v, errors: %d", slices.Compact(broken), len(by[judge.Error]))
			}
		})
	}
}

func TestGoAdapterConforms(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "prober")
	if log, err := exec.Command("go", "build", "-o", binary, "./go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	mustConform(t, run(t, nil, binary), 240)
}

// TestAdaptersStayShort: who copies them has an hour.
func TestAdaptersStayShort(t *testing.T) {
	for file, limit := range map[string]int{"python/prober.py": 120, "sockets/prober.py": 80, "go/main.go": 60} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), "\n"); n >= limit {
			t.Errorf("%s has %d lines, want less than %d", file, n, limit)
		}
	}
	for _, dir := range []string{"python", "go", "sockets"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != 1 {
			t.Errorf("%s holds %d files: an adapter is one", dir, len(entries))
		}
	}
}

// recorded makes probers whose conversation is written down.
func recorded(start func(context.Context) (lockstep.Stream, error), log *bytes.Buffer) func(context.Context) (lockstep.Stream, error) {
	return func(ctx context.Context) (lockstep.Stream, error) {
		s, err := start(ctx)
		return recorder{s, log}, err
	}
}

// recorder writes down what is said.
type recorder struct {
	lockstep.Stream
	log *bytes.Buffer
}

func (r recorder) Exchange(line []byte) ([]byte, error) {
	r.log.WriteString("-> " + string(line))
	answer, err := r.Stream.Exchange(line)
	r.log.WriteString("<- " + string(answer) + "\n")
	return answer, err
}

// TestTranscript replays transcript.txt: what the suite says is given to our
// prober, and its answers must be those of the file.
func TestTranscript(t *testing.T) {
	if *update {
		record(t)
	}
	data, err := os.ReadFile("transcript.txt")
	if err != nil {
		t.Fatal(err)
	}
	var in, want, got bytes.Buffer
	for line := range strings.Lines(string(data)) {
		if said, ok := strings.CutPrefix(line, "-> "); ok {
			in.WriteString(said)
		}
		if said, ok := strings.CutPrefix(line, "<- "); ok {
			want.WriteString(said)
		}
	}
	if err := protocol.Serve(t.Context(), &in, &got, &reference.Prober{}); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() || want.Len() == 0 {
		t.Errorf("the answers differ; got\n%s\nwant\n%s", got.String(), want.String())
	}
}

// record makes the transcript.
func record(t *testing.T) {
	t.Helper()
	const scenario = "testdata/transcript.yaml"
	var log bytes.Buffer
	local := lockstep.Local(func() protocol.Prober { return &reference.Prober{} })
	bed, err := lockstep.New(t.Context(), lockstep.Config{Start: recorded(local, &log)})
	if err != nil {
		t.Fatal(err)
	}
	files, err := suite.Load([]string{scenario}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cases, diags, _ := suite.Cases(files, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if _, err := bed.Run(t.Context(), cases[0], 1); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("transcript.txt", log.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
