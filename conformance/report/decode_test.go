package report_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/scenarios"
)

// TestReadBack decodes what was written and writes it again: the same bytes in
// every format that needs no trace.
func TestReadBack(t *testing.T) {
	for name, make := range samples() {
		t.Run(name, func(t *testing.T) { testReadBack(t, make()) })
	}
}

func testReadBack(t *testing.T, r *report.Report) {
	t.Helper()
	for i := range r.Cases {
		r.Cases[i].Timeline, r.Cases[i].Styled, r.Cases[i].Picture = "", "", nil
	}
	for _, form := range []string{"yaml", "json"} {
		again, err := report.Decode("r", []byte(render(t, form, r)))
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		for _, format := range report.Formats() {
			if diff := cmp.Diff(render(t, format, r), render(t, format, again)); diff != "" {
				t.Errorf("%s from %s: %s", format, form, diff)
			}
		}
	}
}

// TestProvenanceIsNoPartOfTheDigest: it survives, and who reads it must not
// trust it.
func TestProvenanceIsNoPartOfTheDigest(t *testing.T) {
	r := sample()
	plain := render(t, "yaml", r)
	r.Provenance = &report.Provenance{Started: "2026-11-28T23:00:00Z", Seconds: "2.3", Platform: "linux/amd64", Go: "go1.26"}
	text := render(t, "yaml", r)
	rest, found := strings.CutPrefix(text, plain)
	if !found || !strings.HasPrefix(rest, "provenance:\n") {
		t.Fatalf("the provenance does not come last: %s", rest)
	}
	again, err := report.Decode("r", []byte(strings.Replace(text, "2.3", "9.9", 1)))
	if err != nil || again.Provenance.Seconds != "9.9" {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestReadBackAnything: any texts survive.
func TestReadBackAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "yes", "1e3", "0x1", "~", "2026-01-01", " x ", "a: b", "\u2028", "\x00", "\xff", "- x\n", "\t", "#", "'", `"`}))
		r := &report.Report{Run: report.Run{Shard: "all", Claimed: rapid.SliceOf(text).Draw(rt, "claimed")}, Excluded: []string{text.Draw(rt, "excluded")}}
		for i := range rapid.IntRange(0, 3).Draw(rt, "cases") {
			c := verdict("case"+string(rune('a'+i)), "kubevirt", 1, rapid.SampledFrom(judge.Results()).Draw(rt, "result"), judge.Failure{
				Requirement: text.Draw(rt, "requirement"), At: time.Duration(rapid.Int64().Draw(rt, "at")), Message: text.Draw(rt, "message"), Event: -1,
			})
			c.Title, c.Reason, c.File = text.Draw(rt, "title"), text.Draw(rt, "reason"), text.Draw(rt, "file")
			c.Vary = []scenarios.Binding{{Name: "n", Value: text.Draw(rt, "value")}}
			r.Cases = append(r.Cases, c)
		}
		for _, form := range []string{"yaml", "json"} {
			first := render(t, form, r)
			again, err := report.Decode("r", []byte(first))
			if err != nil {
				rt.Fatalf("%s: %v\n%s", form, err, first)
			}
			if diff := cmp.Diff(first, render(t, form, again)); diff != "" {
				rt.Fatalf("%s: %s", form, diff)
			}
		}
	})
}

func TestDecodeErrors(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "sample.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, text string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("the sample has no %q", old)
		}
		return strings.Replace(string(good), old, text, 1)
	}
	tests := []struct{ name, data, want string }{
		{"empty", "", "r: not a ConformanceReport: it is empty"},
		{"text", "hello", "r: not a ConformanceReport"},
		{"list", "- 1", "r: not a ConformanceReport"},
		{"other kind", "kind: Scenario", `r: not a ConformanceReport: its kind is "Scenario"`},
		{"no kind", "apiVersion: vmprobe.dev/v1alpha1", "it has no kind"},
		{"version", edit("v1alpha1", "v2"), `r: version "vmprobe.dev/v2" of the report; this program reads vmprobe.dev/v1alpha1`},
		{"not YAML", "kind: ConformanceReport\nrun: [", "r:3:1: did not find expected node content"},
		{"a trace", `{"format":"vmprobe-trace"}`, "r: not a ConformanceReport"},
		{"unknown field", edit("  testbed: sim", "  testbde: sim"), `r:12:3: unknown field "testbde": did you mean "testbed"?`},
		{"twice", edit("result: error\n", "result: error\nresult: error\n"), "r:18:1: mapping key"},
		{"wrong type", edit("required: 3", "required: [3]"), "r:29:15: cannot construct seq into int"},
		{"bad result", edit("    result: not-run", "    result: notrun"), `did you mean "not-run"`},
		{"bad time", edit("at: 103.4s", "at: 103.40s"), `time "103.40s": want seconds`},
		{"second document", string(good) + "---\nkind: x\n", "something follows the report"},
		{"changed", edit("disk full", "disk fine"), "r: the report was changed: its content has digest sha256:"},
		{"JSON field", `{"apiVersion": "vmprobe.dev/v1alpha1", "kind": "ConformanceReport",` + "\n" + ` "suit": {}}`, `r:2:2: unknown field "suit": did you mean "suite"?`},
		{"JSON cut off", `{"kind": "ConformanceReport",` + "\n" + ` "suite"`, "r:1:1: unexpected EOF"},
		{"JSON type", `{"apiVersion": "vmprobe.dev/v1alpha1", "kind": "ConformanceReport",` + "\n" + ` "cases": 3}`, "r:2:"},
		{"JSON twice", `{"apiVersion": "vmprobe.dev/v1alpha1", "kind": "ConformanceReport"} {}`, "something follows the report"},
		{"no digest", edit("digest: sha256:", "#"), "r: the report was changed"},
	}
	for _, tt := range tests {
		_, err := report.Decode("r", []byte(tt.data))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	r, err := report.Decode("r", []byte(edit("disk full", "disk fine")))
	if _, ok := errors.AsType[*report.DigestError](err); !ok || r == nil {
		t.Errorf("a changed report is not given: %v", err)
	}
}

// TestSumsMustFit: who changes a sum and seals the report again is found out.
func TestSumsMustFit(t *testing.T) {
	tests := []struct{ old, text, want string }{
		{"passed: 0\n    failed: 1", "passed: 1\n    failed: 0", "profiles does not follow from the runs"},
		{"result: error\nprofiles", "result: conformant\nprofiles", "result does not follow from the runs"},
		{"    result: fail\n    runs", "    result: pass\n    runs", "cases[5] does not follow from the runs"},
		{"        seed: 7\n        at: 112s", "        seed: 9\n        at: 112s", "cases[5] does not follow from the runs"},
		{"    - THR-FAILURE\n    - TIM-TIMEOUT-ATTEMPT\n", "    - THR-FAILURE\n", "requirements does not follow"},
	}
	good := render(t, "yaml", sample())
	for _, tt := range tests {
		if !strings.Contains(good, tt.old) {
			t.Fatalf("the sample has no %q", tt.old)
		}
		forged := strings.Replace(good, tt.old, tt.text, 1)
		_, err := report.Decode("r", []byte(forged))
		damage, ok := errors.AsType[*report.DigestError](err)
		if !ok {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		forged = strings.Replace(forged, damage.Say, damage.Has, 1)
		if _, err := report.Decode("r", []byte(forged)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %s", tt.text, err, tt.want)
		}
	}
}

// FuzzDecode: no bytes make it panic, and what it accepts it writes again.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"sample.yaml", "sample.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("kind: ConformanceReport\napiVersion: vmprobe.dev/v1alpha1\ncases: [&a {id: x}, *a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := report.Decode("f", data)
		if err != nil {
			return
		}
		var a, b bytes.Buffer
		if err := report.Write("yaml", &a, r); err != nil {
			t.Fatal(err)
		}
		again, err := report.Decode("f", a.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, a.Bytes())
		}
		if err := report.Write("yaml", &b, again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatalf("%s\n%s", a.Bytes(), b.Bytes())
		}
	})
}
