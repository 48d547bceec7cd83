package attest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/vmprobe/vmprobe/conformance/artifact"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/report/attest"
)

// digest is one of the right length.
func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

func of(results ...judge.Result) *report.Report {
	r := &report.Report{
		Tool: report.Tool{Version: "v1.2.0", Requirements: "v1", Cases: len(results), Digest: digest("a")},
		Implementation: report.Implementation{
			Name: "acme", Files: []artifact.File{{Name: "python3", Digest: digest("b")}, {Name: "./prober.py", Digest: digest("c")}},
		},
		Run: report.Run{Shard: "all", Mode: "virtual", Seeds: 1, FirstSeed: 1, Claimed: []string{"core", "exec"}},
	}
	for i, res := range results {
		r.Cases = append(r.Cases, report.Case{Verdict: judge.Verdict{Case: fmt.Sprintf("case-%d@kubevirt", len(results)-i), Profile: "kubevirt", Seed: 1, Result: res}})
	}
	return r
}

// TestStatement holds statements to the framework's own reader of them.
func TestStatement(t *testing.T) {
	for _, tt := range []struct {
		r                      *report.Report
		result                 string
		passed, warned, failed string
	}{
		{of(judge.Pass, judge.Pass), "PASSED", "case-1@kubevirt case-2@kubevirt", "", ""},
		{of(judge.Pass, judge.NotClaimed), "PASSED", "case-2@kubevirt", "", ""},
		{of(judge.Pass, judge.Exempt, judge.NotRun), "WARNED", "case-3@kubevirt", "case-1@kubevirt case-2@kubevirt", ""},
		{of(judge.Pass, judge.Exempt, judge.Fail), "FAILED", "case-3@kubevirt", "case-2@kubevirt", "case-1@kubevirt"},
	} {
		s, err := attest.Of(tt.r, "https://ci.example/1")
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := attest.Write(&b, s); err != nil {
			t.Fatal(err)
		}
		statement := &intoto.Statement{}
		if err := protojson.Unmarshal(b.Bytes(), statement); err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if err := statement.Validate(); err != nil {
			t.Errorf("%v\n%s", err, b.String())
		}
		data, err := statement.GetPredicate().MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		predicate := &testresult.TestResult{}
		if err := protojson.Unmarshal(data, predicate); err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		got := []string{
			predicate.GetResult(), strings.Join(predicate.GetPassedTests(), " "), strings.Join(predicate.GetWarnedTests(), " "),
			strings.Join(predicate.GetFailedTests(), " "), predicate.GetUrl(), statement.GetPredicateType(),
			statement.GetSubject()[1].GetName(), statement.GetSubject()[1].GetDigest()["sha256"], predicate.GetConfiguration()[0].GetDigest()["sha256"],
		}
		want := []string{
			tt.result, tt.passed, tt.warned, tt.failed, "https://ci.example/1", attest.PredicateType,
			"./prober.py", strings.Repeat("c", 64), strings.Repeat("a", 64),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, c := range predicate.GetConfiguration() {
			if err := c.Validate(); err != nil {
				t.Errorf("%s: %v", c.GetName(), err)
			}
		}
	}
}

// TestNothingToAttest: what is no whole verdict on something known by digest is
// not put into words that somebody signs.
func TestNothingToAttest(t *testing.T) {
	edit := func(change func(*report.Report)) *report.Report {
		r := of(judge.Pass)
		change(r)
		return r
	}
	for want, r := range map[string]*report.Report{
		"its result is error":                          of(judge.Pass, judge.Error),
		"its result is not-claimed":                    of(judge.NotClaimed),
		"was interrupted":                              edit(func(r *report.Report) { r.Run.Interrupted = true }),
		"it is shard 1/2 alone":                        edit(func(r *report.Report) { r.Run.Shard = "1/2" }),
		"only a prober that is a program has a digest": edit(func(r *report.Report) { r.Implementation.Files = nil }),
	} {
		if s, err := attest.Of(r, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v; want %s", s, err, want)
		}
	}
}

// TestSameBytes: and lists are lists when they are empty.
func TestSameBytes(t *testing.T) {
	var texts [2]bytes.Buffer
	for i := range texts {
		s, err := attest.Of(of(judge.Pass), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := attest.Write(&texts[i], s); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(texts[0].Bytes(), texts[1].Bytes()) || !json.Valid(texts[0].Bytes()) ||
		!strings.Contains(texts[0].String(), `"failedTests": []`) || strings.Contains(texts[0].String(), `"url"`) {
		t.Error(texts[0].String())
	}
}
