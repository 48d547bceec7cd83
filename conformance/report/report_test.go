package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/conformance/artifact"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files")

func verdict(scenario, profile string, seed uint64, r judge.Result, failures ...judge.Failure) report.Case {
	return report.Case{Verdict: judge.Verdict{
		Case: scenario + "@" + profile, Scenario: scenario, Title: "the title of " + scenario, Profile: profile,
		File: "scenarios/cases/" + scenario + ".yaml", Line: 30, CaseDigest: "sha256:0123", Requirements: []string{"THR-FAILURE", "THR-SUCCESS"},
		Seed: seed, Until: 280 * time.Second, TraceDigest: "v1:0a0b", Result: r, Failures: failures,
	}}
}

func sample() *report.Report {
	slow := verdict("tcp-slow-listener", "kubevirt", 7, judge.Fail, judge.Failure{
		Requirement: "TIM-TIMEOUT-ATTEMPT", At: 103400 * time.Millisecond, VM: "db", Instance: 1, Probe: "readiness",
		Message: "attempt 18 started 100.4s, try 1 ended after 3s as success", Want: "a result within 2s (timeout is 1s)", Event: 71,
	}, judge.Failure{
		Requirement: "THR-FAILURE", At: 112 * time.Second, VM: "db", Message: "ready -> false never happened",
		Want: "ready -> false", Window: "[106s, 111s] (+1s slack)", Event: -1,
	})
	slow.Vary = []scenarios.Binding{{Name: "n", Value: "1"}}
	slow.Timeline = "FAIL tcp-slow-listener@kubevirt (seed 7)\n  ready  ___###\n"
	slow.Picture = &lanes.Picture{End: 280 * time.Second, VMs: []lanes.VM{{Name: "db", Lanes: []lanes.Lane{
		{Kind: lanes.Guest, Name: "tcp/5432", Spans: []lanes.Span{{To: 100 * time.Second, Text: "ok"}, {From: 100 * time.Second, To: 280 * time.Second, Text: "3s"}}},
		{Kind: lanes.Probe, Name: "readiness", Attempts: []lanes.Attempt{
			{Start: 15 * time.Second, End: 15 * time.Second, Ended: true, Class: probes.Success},
			{Start: 100 * time.Second, End: 103 * time.Second, Ended: true, Class: probes.Failure},
		}},
		{Kind: lanes.Ready, Name: "ready", Spans: []lanes.Span{{To: 15 * time.Second}, {From: 15 * time.Second, To: 280 * time.Second, On: true}}},
		{Kind: lanes.Live, Name: "live", Spans: []lanes.Span{{To: 280 * time.Second}}},
		{Kind: lanes.Expect, Name: "expect", Spans: []lanes.Span{{From: 106 * time.Second, To: 111 * time.Second, Text: "ready"}}},
	}}}}
	slow.Styled = "\x1b[31mFAIL\x1b[0m tcp-slow-listener@kubevirt (seed 7)\n  ready  ___###\n"
	broken := verdict("agent-hung", "kubernetes", 1, judge.Error)
	broken.Reason = "disk full <&\"'>"
	unrun := verdict("agent-hung", "kubevirt", 1, judge.NotRun)
	unrun.Reason = "no SYN can be dropped here"
	exempt := verdict("exempt", "kubevirt", 1, judge.Exempt)
	exempt.Reason = "https://example.com/1"
	return &report.Report{
		Tool:           report.Tool{Version: "v0.1.0", Requirements: "v1"},
		Implementation: report.Implementation{Name: "reference", Version: "v0.1.0"},
		Run:            report.Run{Testbed: "sim", Mode: "virtual", Seeds: 2, FirstSeed: 6, Shard: "all"},
		Requirements:   137,
		Cases: []report.Case{
			verdict("tcp-slow-listener", "kubevirt", 6, judge.Pass), slow,
			verdict("http-flaky", "openshift-doc", 1, judge.Pass), verdict("http-flaky", "kubernetes", 1, judge.Pass),
			broken, unrun, exempt,
		},
	}
}

func render(t *testing.T, format string, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(format, &b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// vendor is a run of somebody else's prober, interrupted, watched from outside,
// with failures that are accepted.
func vendor() *report.Report {
	r := sample()
	r.Implementation = report.Implementation{
		Name: "acme-prober", Organization: "acme", Version: "1.4.0", Language: "python", URL: "https://acme.example/prober",
		Command: "python3 prober.py", Files: []artifact.File{{Name: "python3", Digest: "sha256:01"}, {Name: "prober.py", Digest: "sha256:02"}},
		Digest: "sha256:03",
	}
	r.Run = report.Run{
		Testbed: "sim", Door: "lockstep", Mode: "virtual", Seeds: 2, FirstSeed: 6, Shard: "all", Claimed: []string{"core"},
		Canaries: []string{"quorum-01", "ntp-02"}, KnownFailing: &report.KnownFailing{Entries: 2, Digest: "sha256:04"},
		View: "guest", Interrupted: true,
	}
	never := judge.Failure{Requirement: "THR-FAILURE", At: 31 * time.Second, VM: "web", Message: "ready -> false never happened", Event: -1}
	accepted := verdict("http-flaky", "kubevirt", 6, judge.Exempt, never)
	accepted.Reason = "cached (https://issues.example/12, until 2027-01-31)"
	accepted.Exemptions = []judge.Exemption{{Requirement: "THR-FAILURE", Reason: "cached", Issue: "https://issues.example/12", Expires: "2027-01-31"}}
	unseen := verdict("retries", "kubevirt", 6, judge.Pass)
	unseen.Requirements = []string{"TIM-RETRY"}
	unseen.Silent = []oracle.Silence{
		{Requirement: "TIM-NO-OVERLAP", Why: "the view guest shows no attempts"},
		{Requirement: "TIM-RETRY", Why: "the view guest shows no attempts"},
		{Requirement: "TIM-RETRY", Why: "two probes ask the same port"},
	}
	late := verdict("late", "kubevirt", 6, judge.NotRun)
	late.Reason = "interrupted"
	r.Cases = []report.Case{accepted, verdict("http-flaky", "kubevirt", 7, judge.Pass), unseen, late}
	r.Cases[2].Notes = []string{"VirtualMachine web runs with this changed:\nspec:\n  runStrategy: Always\n"}
	for i := range r.Cases {
		r.Cases[i].Claims, r.Cases[i].View = []string{"core"}, trace.ViewGuest
		r.Cases[i].Prober = r.Implementation.Command
	}
	return r
}

// samples make the reports of the goldens, by name.
func samples() map[string]func() *report.Report {
	return map[string]func() *report.Report{"sample": sample, "vendor": vendor}
}

func TestGoldens(t *testing.T) {
	for name, make := range samples() {
		t.Run(name, func(t *testing.T) { testGoldens(t, name, make) })
	}
}

func testGoldens(t *testing.T, name string, sample func() *report.Report) {
	t.Helper()
	for _, format := range report.Formats() {
		t.Run(format, func(t *testing.T) {
			golden := filepath.Join("testdata", name+"."+format)
			got := render(t, format, sample())
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
			shuffled := sample()
			slices.Reverse(shuffled.Cases)
			if diff := cmp.Diff(got, render(t, format, shuffled)); diff != "" {
				t.Errorf("the order of the cases shows:\n%s", diff)
			}
		})
	}
}

func TestYAMLAndJSONSayTheSame(t *testing.T) {
	var a, b any
	if err := yaml.Unmarshal([]byte(render(t, "yaml", sample())), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(render(t, "json", sample())), &b); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var c any
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, c); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownFormat(t *testing.T) {
	err := report.Write("junt", io.Discard, sample())
	if !errors.Is(err, report.ErrFormat) || !strings.Contains(err.Error(), `did you mean "junit"`) {
		t.Errorf("got %v", err)
	}
}

func TestResult(t *testing.T) {
	tests := []struct {
		results []judge.Result
		want    report.Result
	}{
		{nil, report.Broken},
		{[]judge.Result{judge.Pass}, report.Conformant},
		{[]judge.Result{judge.Pass, judge.NotRun}, report.Partial},
		{[]judge.Result{judge.Pass, judge.NotClaimed}, report.Conformant},
		{[]judge.Result{judge.NotClaimed, judge.NotClaimed}, report.Unclaimed},
		{[]judge.Result{judge.Exempt, judge.Pass}, report.Partial},
		{[]judge.Result{judge.Exempt, judge.Fail, judge.Pass}, report.NonConformant},
		{[]judge.Result{judge.Fail, judge.Error}, report.Broken},
	}
	for _, tt := range tests {
		r := &report.Report{}
		for i, res := range tt.results {
			r.Cases = append(r.Cases, verdict(strings.Repeat("x", i+1), "kubevirt", 1, res))
		}
		if got := r.Result(); got != tt.want {
			t.Errorf("%v gives %s, want %s", tt.results, got, tt.want)
		}
	}
}

func TestVerboseDrawsWhatPassed(t *testing.T) {
	r := sample()
	r.Verbose = true
	if got := render(t, "text", r); !strings.Contains(got, "PASS http-flaky@kubernetes") {
		t.Error(got)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteErrorsAreReported(t *testing.T) {
	for _, format := range report.Formats() {
		if err := report.Write(format, failing{}, sample()); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestAnyBytes puts any bytes everywhere: XML, JSON and YAML stay well-formed
// and a workflow command stays on its line.
func TestAnyBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := func(name string) string {
			return string(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(rt, name)) +
				rapid.SampledFrom([]string{"", "]]>", "\x1b[31m", "\n::error::", "```", "---\n", "\u2028", "\xff", "\x00"}).Draw(rt, name+" tail")
		}
		c := verdict(text("scenario"), text("profile"), 1, rapid.SampledFrom(judge.Results()).Draw(rt, "result"), judge.Failure{
			Requirement: text("requirement"), VM: text("vm"), Probe: text("probe"), Message: text("message"), Want: text("want"),
		})
		c.Title, c.File, c.Reason, c.Timeline = text("title"), text("file"), text("reason"), text("timeline")
		r := &report.Report{Cases: []report.Case{c}}
		dec := xml.NewDecoder(strings.NewReader(render(t, "junit", r)))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				rt.Fatalf("junit: %v", err)
			}
		}
		var v any
		if err := json.Unmarshal([]byte(render(t, "json", r)), &v); err != nil {
			rt.Fatalf("json: %v", err)
		}
		if err := yaml.Unmarshal([]byte(render(t, "yaml", r)), &v); err != nil {
			rt.Fatalf("yaml: %v", err)
		}
		if n := strings.Count(render(t, "github", r), "\n"); n > 1 {
			rt.Fatalf("github: %d lines", n)
		}
		for _, format := range []string{"text", "markdown", "html"} {
			render(t, format, r)
		}
	})
}

// many is a report of n failing cases with long texts.
func many(n int) *report.Report {
	r := sample()
	for i := range n {
		c := verdict(fmt.Sprintf("many-%05d", i), "kubevirt", 1, judge.Fail, judge.Failure{Requirement: "THR-FAILURE", Message: "ready -> false never happened"})
		c.Timeline = strings.Repeat(strings.Repeat("x", 99)+"\n", 20)
		r.Cases = append(r.Cases, c)
	}
	return r
}

// TestLimitsOfGitHub: a summary of more than 1 MiB is refused, and of more
// than ten annotations of a level the rest is not shown.
func TestLimitsOfGitHub(t *testing.T) {
	r := many(20000)
	summary := render(t, "markdown", r)
	if len(summary) > 1<<20 || len(summary) < 900<<10 {
		t.Errorf("the summary has %d bytes", len(summary))
	}
	if !strings.Contains(summary, "more, see the report") || !strings.Contains(summary, "\n- fail <code>many-") {
		t.Error("the summary does not say what is left out")
	}
	lines := strings.Split(strings.TrimSpace(render(t, "github", r)), "\n")
	levels := map[string]int{}
	for _, l := range lines {
		level, _, _ := strings.Cut(l, " ")
		levels[level]++
	}
	if levels["::error"] != 10 || levels["::notice"] != 2 {
		t.Errorf("annotations %v", levels)
	}
	if !strings.Contains(strings.Join(lines, "\n"), "::error title=vmprobe::19993 more cases did not pass") {
		t.Errorf("%.3000s", strings.Join(lines, "\n"))
	}
}
