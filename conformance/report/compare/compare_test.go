package compare_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/report/compare"
)

// of makes a report of cases "a", "b", ... with these results; a failure has
// its message after a colon, "." is no such case.
func of(results ...string) *report.Report {
	r := &report.Report{Run: report.Run{Shard: "all"}}
	for i, text := range results {
		result, message, _ := strings.Cut(text, ":")
		if text == "." {
			continue
		}
		v := judge.Verdict{Case: string(rune('a'+i)) + "@kubevirt", Profile: "kubevirt", Seed: 1, Result: judge.Result(result)}
		if message != "" {
			v.Failures = []judge.Failure{{Requirement: "THR-FAILURE", Message: message}}
		}
		r.Cases = append(r.Cases, report.Case{Verdict: v})
	}
	return r
}

// TestKinds: every pair of states.
func TestKinds(t *testing.T) {
	tests := []struct {
		old, now string
		want     compare.Kind // empty: unchanged
	}{
		{"pass", "pass", ""},
		{"fail:x", "fail:x", ""},
		{"not-run", "not-run", ""},
		{"pass", "fail:x", compare.Broken},
		{"pass", "error", compare.Broken},
		{"pass", "not-run", compare.Broken},
		{"pass", "exempt:x", compare.Broken},
		{"pass", "not-claimed", compare.Broken},
		{"fail:x", "pass", compare.Fixed},
		{"not-run", "pass", compare.Fixed},
		{"error", "pass", compare.Fixed},
		{"fail:x", "fail:y", compare.Differs},
		{"exempt:x", "exempt:y", compare.Differs},
		{"fail:x", "not-run", compare.Changed},
		{"not-run", "fail:x", compare.Changed},
		{"error", "fail:x", compare.Changed},
		{"fail:x", "exempt:x", compare.Changed},
		{".", "pass", compare.New},
		{".", "fail:x", compare.New},
		{"pass", ".", compare.Gone},
		{"fail:x", ".", compare.Gone},
	}
	for _, tt := range tests {
		d := compare.Reports(of(tt.old), of(tt.now))
		var got compare.Kind
		if len(d.Changes) == 1 {
			got = d.Changes[0].Kind
		}
		if got != tt.want || d.Worse() != (tt.want == compare.Broken) {
			t.Errorf("%s, then %s: %q (worse: %v), want %q", tt.old, tt.now, got, d.Worse(), tt.want)
		}
	}
}

// TestTotalsHideNothing: one broken and one fixed case are not "unchanged".
func TestTotalsHideNothing(t *testing.T) {
	before, after := of("pass", "fail:x", "pass", "."), of("fail:x", "pass", ".", "pass")
	d := compare.Reports(before, after)
	if !d.Worse() || d.Unchanged != 0 {
		t.Errorf("%+v", d)
	}
	want := map[compare.Kind]int{compare.Broken: 1, compare.Fixed: 1, compare.New: 1, compare.Gone: 1}
	if diff := cmp.Diff(want, d.Counts); diff != "" {
		t.Error(diff)
	}
	for _, format := range compare.Formats() {
		var a, b bytes.Buffer
		if err := compare.Write(format, &a, d); err != nil {
			t.Fatal(err)
		}
		if err := compare.Write(format, &b, compare.Reports(before, after)); err != nil {
			t.Fatal(err)
		}
		if a.String() != b.String() {
			t.Errorf("%s is not the same twice", format)
		}
		if format == "json" && !json.Valid(a.Bytes()) {
			t.Error(a.String())
		}
	}
}

// TestMarkdownStaysSmall: the summary of a CI job has a limit, and a cell is
// one cell.
func TestMarkdownStaysSmall(t *testing.T) {
	before, after := &report.Report{}, &report.Report{}
	for i := range 3000 {
		v := judge.Verdict{Case: strings.Repeat("x", i%50) + "|<b>@" + string(rune('a'+i%26)) + strings.Repeat("y", i/26), Seed: 1, Result: judge.Pass}
		before.Cases = append(before.Cases, report.Case{Verdict: v})
		v.Result, v.Failures = judge.Fail, []judge.Failure{{Requirement: "R", Message: strings.Repeat("z|\n", 4000)}}
		after.Cases = append(after.Cases, report.Case{Verdict: v})
	}
	var b bytes.Buffer
	if err := compare.Write("markdown", &b, compare.Reports(before, after)); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if len(text) > 1<<20 || !strings.Contains(text, "and 2500 more") || strings.Contains(text, "<b>") {
		t.Errorf("%d bytes: %.300s", len(text), text)
	}
}
