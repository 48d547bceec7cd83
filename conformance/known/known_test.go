package known_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/known"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

const header = "apiVersion: vmprobe.dev/v1alpha1\nkind: KnownFailing\n"

// embedded are all cases that exist.
func embedded(t testing.TB) []*scenarios.Case {
	t.Helper()
	files, err := suite.Load([]string{"http-*"}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	list, diags, _ := suite.Cases(files, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return list
}

const flaky = "http-flaky-readiness@kubevirt"

func run(id string, seed uint64, r judge.Result, failures ...judge.Failure) judge.Verdict {
	return judge.Verdict{Case: id, Seed: seed, Result: r, Failures: failures}
}

func breach(requirement, message string) judge.Failure {
	return judge.Failure{Requirement: requirement, Message: message}
}

var never = breach("THR-FAILURE", "ready -> false never happened")

// TestExplanations: the failing example of each code shows it, the fixed one
// shows nothing.
func TestExplanations(t *testing.T) {
	cases := embedded(t)
	results := map[diag.Code][]judge.Verdict{
		diag.PassesNow: {run(flaky, 1, judge.Pass)},
		diag.NotJudged: {{Case: flaky, Seed: 1, Result: judge.NotClaimed, Reason: "needs http"}},
	}
	for _, code := range diag.KnownCodes() {
		e, ok := diag.Explain(string(code))
		if !ok || e.Title == "" || e.Text == "" || e.Severity != diag.Error {
			t.Errorf("%s is not explained", code)
			continue
		}
		runs, ok := results[code]
		if !ok {
			runs = []judge.Verdict{run(flaky, 1, judge.Fail, never)}
		}
		for text, want := range map[string]bool{e.Failing: true, e.Fixed: false} {
			list := everything(text, cases, runs)
			if got := has(list, code); got != want || !want && len(list) > 0 {
				t.Errorf("%s: %v in\n%s", code, list, text)
			}
		}
	}
}

// everything is what a run would say.
func everything(text string, cases []*scenarios.Case, runs []judge.Verdict) diag.List {
	f, list := known.Load("known.yaml", []byte(header+text))
	if !list.HasErrors() {
		list = append(list, f.Check("2026-11-29", "devel", cases)...)
		list = append(list, f.Stale(runs)...)
	}
	return list
}

func has(list diag.List, code diag.Code) bool {
	return slices.ContainsFunc(list, func(d diag.Diagnostic) bool { return d.Code == code })
}

// TestShape: mistakes of the shape have the codes and places of scenario files.
func TestShape(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "known.yaml: error[S005]: the file is empty"},
		{"\xff\xfe", "known.yaml:1:1: error[S001]"},
		{"[", "known.yaml:2:1: error[S002]"},
		{"- 1", "known.yaml:1:1: error[S010]: expected a mapping, found a list"},
		{header + "entries: []\n---\n" + header, "known.yaml:5:1: error[S005]: a second document"},
		{"apiVersion: v1\nkind: KnownFailing\nentries: []\n", `known.yaml:1:13: error[S007]: unknown apiVersion "v1"`},
		{"apiVersion: vmprobe.dev/v1alpha1\nkind: KnownFailure\nentries: []\n", `known.yaml:2:7: error[S007]: unknown kind "KnownFailure"`},
		{header, `known.yaml:1:1: error[S012]: field "entries" is missing`},
		{header + "entries:\n- {case: a}\n", `known.yaml:4:3: error[S012]: field "expires" is missing`},
		{header + "entries:\n- {case: a}\n", `known.yaml:4:3: error[S012]: field "reason" is missing`},
		{header + "entries:\n- {case: a, reqirement: b}\n", `known.yaml:4:13: error[S014]: unknown field "reqirement"`},
		{header + "entries:\n- {case: 1}\n", `known.yaml:4:10: error[S010]: expected text, found the number 1`},
		{header + "entries:\n- {case: a, case: b}\n", `known.yaml:4:13: error[S011]: "case" is already given in line 4`},
		{header + "entries:\n- {case: a, expires: [1]}\n", `known.yaml:4:22: error[S010]: expected a day as in 2027-01-31, found a list`},
		{header + "entries:\n- {case: a, requirement: THR-FAILUER}\n", `known.yaml:4:26: error[S022]: unknown requirement "THR-FAILUER"`},
		{header + "entries:\n- {issue: 'javascript:alert(1)'}\n", `known.yaml:4:11: error[K002]: the issue`},
		{header + "suite: {digset: x}\nentries: []\n", `known.yaml:3:9: error[S014]: unknown field "digset"`},
	} {
		f, list := known.Load("known.yaml", []byte(tt.text))
		var lines []string
		for _, d := range list {
			lines = append(lines, d.String())
		}
		if f == nil || !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, tt.want) }) {
			t.Errorf("%q: %q, want %s", tt.text, lines, tt.want)
		}
	}
}

func entries(t *testing.T, list ...[3]string) *known.File {
	t.Helper()
	var b strings.Builder
	b.WriteString(header + "entries:\n")
	for _, e := range list {
		fmt.Fprintf(&b, "- {case: %q, requirement: %s, message: %q, reason: because, issue: \"https://x.example/1\", expires: 2999-01-01}\n", e[0], e[1], e[2])
	}
	f, diags := known.Load("known.yaml", []byte(b.String()))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return f
}

// TestExcuse: which failures a list accepts, and what it says of itself then.
func TestExcuse(t *testing.T) {
	late := breach("THR-FAILURE", "ready -> false at 131s")
	other := breach("TIM-NO-OVERLAP", "two tries at once")
	for _, tt := range []struct {
		name    string
		entries [][3]string
		runs    []judge.Verdict
		want    string // a letter a run: . pass, F fail, x exempt
		stale   diag.Code
	}{
		{"accepted", [][3]string{{flaky, "THR-FAILURE", "never happened"}}, []judge.Verdict{run(flaky, 1, judge.Fail, never)}, "x", ""},
		{"its consequences", [][3]string{{flaky, "THR-FAILURE", "never happened"}}, []judge.Verdict{run(flaky, 1, judge.Fail, never, late)}, "x", ""},
		{"not the first", [][3]string{{flaky, "THR-FAILURE", "never happened"}}, []judge.Verdict{run(flaky, 1, judge.Fail, late, never)}, "F", diag.FailsOtherwise},
		{"another rule", [][3]string{{flaky, "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.Fail, other)}, "F", diag.FailsOtherwise},
		{"one more rule", [][3]string{{flaky, "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.Fail, never, other)}, "F", ""},
		{"both rules", [][3]string{{flaky, "THR-FAILURE", "never"}, {flaky, "TIM-NO-OVERLAP", "two"}}, []judge.Verdict{run(flaky, 1, judge.Fail, never, other)}, "x", ""},
		{"some seeds", [][3]string{{flaky, "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.Pass), run(flaky, 2, judge.Fail, never)}, ".x", ""},
		{"another seed in another way", [][3]string{{flaky, "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.Fail, never), run(flaky, 2, judge.Fail, late)}, "xF", ""},
		{"any number", [][3]string{{flaky, "THR-FAILURE", "false at *s"}}, []judge.Verdict{run(flaky, 1, judge.Fail, late)}, "x", ""},
		{"passes", [][3]string{{flaky, "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.Pass), run(flaky, 2, judge.Pass)}, "..", diag.PassesNow},
		{"broke", [][3]string{{flaky, "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.Error)}, "E", ""},
		{"interrupted", [][3]string{{flaky, "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.Pass), run(flaky, 2, judge.NotRun)}, ".-", ""},
		{"not claimed", [][3]string{{flaky, "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.NotClaimed)}, "?", diag.NotJudged},
		{"not run here", [][3]string{{flaky, "THR-FAILURE", "never"}}, []judge.Verdict{run("other@kubevirt", 1, judge.Pass)}, ".", ""},
		{"any profile", [][3]string{{"http-flaky-readiness", "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.Fail, never), run("http-flaky-readiness@kubernetes", 1, judge.Fail, never)}, "xx", ""},
		{"not every profile", [][3]string{{"http-flaky-readiness", "THR-FAILURE", "never"}}, []judge.Verdict{run(flaky, 1, judge.Fail, never), run("http-flaky-readiness@kubernetes", 1, judge.Pass)}, "x.", diag.PassesNow},
		{"any values", [][3]string{{"a@kubevirt", "THR-FAILURE", "never"}}, []judge.Verdict{run("a[n=1]@kubevirt", 1, judge.Fail, never), run("a[n=2]@kubevirt", 1, judge.Fail, never)}, "xx", ""},
		{"brackets are brackets", [][3]string{{"a[n=1]", "THR-FAILURE", "never"}}, []judge.Verdict{run("a[n=1]@kubevirt", 1, judge.Fail, never), run("an@kubevirt", 1, judge.Fail, never)}, "xF", ""},
	} {
		f := entries(t, tt.entries...)
		got := ""
		var after []judge.Verdict
		for _, v := range tt.runs {
			v = f.Excuse(v)
			got += map[judge.Result]string{
				judge.Pass: ".", judge.Fail: "F", judge.Exempt: "x", judge.Error: "E", judge.NotRun: "-", judge.NotClaimed: "?",
			}[v.Result]
			if v.Result == judge.Exempt && (v.Reason != "because (https://x.example/1, until 2999-01-01)" || len(v.Exemptions) == 0 || len(v.Failures) == 0) {
				t.Errorf("%s: %+v", tt.name, v)
			}
			after = append(after, v)
		}
		stale := f.Stale(after)
		if got != tt.want || (len(stale) == 0) != (tt.stale == "") || tt.stale != "" && !has(stale, tt.stale) {
			t.Errorf("%s: %s, want %s; stale: %v", tt.name, got, tt.want, stale)
		}
	}
}

// TestWrite: what is written accepts what it was written for, keeps what people
// wrote, and drops what no longer holds.
func TestWrite(t *testing.T) {
	cases := embedded(t)
	second, third := "http-flaky-readiness@kubernetes", "http-flaky-readiness@openshift-doc"
	old := entries(t,
		[3]string{flaky, "THR-FAILURE", "never happened"},                     // holds
		[3]string{second, "THR-FAILURE", "never happened"},                    // passes now
		[3]string{third, "THR-FAILURE", "never happened"},                     // another message
		[3]string{"http-body-error-between", "THR-FAILURE", "never happened"}, // not run
		[3]string{"http-gone", "THR-FAILURE", "never happened"},               // no such case
	)
	runs := []judge.Verdict{
		run(flaky, 1, judge.Fail, never), run(second, 1, judge.Pass),
		run(third, 1, judge.Fail, breach("THR-FAILURE", "ready -> false at 131s"), breach("TIM-NO-OVERLAP", "two: \"a\" # b")),
		run(third, 2, judge.Fail, breach("THR-FAILURE", "ready -> false at 132.5s")),
	}
	w, err := known.Write(old, runs, "v1.2.0", cases)
	if err != nil {
		t.Fatal(err)
	}
	if w.Kept != 2 || w.New != 2 || w.Dropped != 3 {
		t.Errorf("kept %d, new %d, dropped %d", w.Kept, w.New, w.Dropped)
	}
	head, body, _ := strings.Cut(string(w.Text), "entries:\n")
	if !strings.HasPrefix(head, header+"suite:\n  version: v1.2.0\n  digest: sha256:") {
		t.Error(head)
	}
	want := `  - case: http-body-error-between
    requirement: THR-FAILURE
    message: never happened
    reason: because
    issue: https://x.example/1
    expires: 2999-01-01
  - case: http-flaky-readiness@kubevirt
    requirement: THR-FAILURE
    message: never happened
    reason: because
    issue: https://x.example/1
    expires: 2999-01-01
  - case: http-flaky-readiness@openshift-doc
    requirement: THR-FAILURE
    message: ready -> false at *s
    reason: because
    issue: https://x.example/1
    expires: 2999-01-01
  - case: http-flaky-readiness@openshift-doc
    requirement: TIM-NO-OVERLAP
    message: 'two: "a" # b'
    reason: TODO
    issue: TODO
    expires: TODO
`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
	filled := strings.NewReplacer("reason: TODO", "reason: r", "issue: TODO", "issue: http://x.example", "expires: TODO", "expires: 2026-11-29").Replace(string(w.Text))
	f, list := known.Load("k", []byte(filled))
	list = append(list, f.Check("2026-11-29", "v1.2.0", cases)...)
	for _, v := range runs {
		if v = f.Excuse(v); v.Result == judge.Fail {
			t.Errorf("%s is not excused", v.Case)
		}
	}
	if list = append(list, f.Stale(runs)...); len(list) > 0 {
		t.Error(list)
	}
	if list := f.Check("2026-11-30", "v1.2.0", cases); len(list) != 1 || list[0].Code != diag.Expired {
		t.Errorf("the day after: %v", list)
	}
	if w, err := known.Write(nil, nil, "devel", cases); err != nil || !strings.HasSuffix(string(w.Text), "entries: []\n") {
		t.Errorf("%s, %v", w.Text, err)
	}
}

// TestWriteAnyMessage: whatever a message holds, what is written accepts it.
func TestWriteAnyMessage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.StringN(1, 20, -1), rapid.SampledFrom([]string{"~", "a: b", "- x", "'", `"`, "#", "2027-01-01", "yes", "{", "*", "\u2028", "TODOs", " x ", "a\nb"}))
		v := run(flaky, 1, judge.Fail, breach("THR-FAILURE", "m"+text.Draw(rt, "message")))
		w, err := known.Write(nil, []judge.Verdict{v}, text.Draw(rt, "version"), nil)
		if err != nil {
			rt.Fatal(err)
		}
		f, list := known.Load("k", w.Text)
		if len(list) != 1 || f.Excuse(v).Result != judge.Exempt {
			rt.Fatalf("%v\n%s", list, w.Text)
		}
	})
}

func FuzzLoad(f *testing.F) {
	for _, code := range diag.KnownCodes() {
		e, _ := diag.Explain(string(code))
		f.Add([]byte(header + e.Failing))
		f.Add([]byte(header + e.Fixed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		known.Is(data)
		file, list := known.Load("k", data)
		if file == nil {
			t.Fatal("no file")
		}
		if list.HasErrors() {
			return
		}
		v := run(flaky, 1, judge.Fail, never)
		file.Check("2026-11-29", "devel", nil)
		file.Stale([]judge.Verdict{file.Excuse(v)})
	})
}
