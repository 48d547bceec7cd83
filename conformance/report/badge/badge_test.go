package badge_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/report/badge"
)

func of(shard string, results ...judge.Result) *report.Report {
	r := &report.Report{Tool: report.Tool{Requirements: "v1"}, Run: report.Run{Shard: shard}}
	for i, res := range results {
		r.Cases = append(r.Cases, report.Case{Verdict: judge.Verdict{Case: fmt.Sprint(i), Seed: 1, Result: res}})
	}
	return r
}

func interrupted(r *report.Report) *report.Report {
	r.Run.Interrupted = true
	return r
}

// TestNothingIsHidden: what did not pass is in the message, and no such badge
// is green.
func TestNothingIsHidden(t *testing.T) {
	tests := []struct {
		r             *report.Report
		message, tone string
	}{
		{of("all", judge.Pass, judge.Pass), "2/2", "#1a7f37"},
		{of("all", judge.Pass, judge.Exempt), "1/2, 1 exempt", "#9a6700"},
		{of("all", judge.Pass, judge.NotRun), "1/2, 1 not-run", "#9a6700"},
		{of("all", judge.Pass, judge.Fail, judge.Exempt), "1/3, 1 fail, 1 exempt", "#c4202b"},
		{of("all", judge.Fail, judge.Error), "0/2, 1 fail, 1 error", "#7a3ec8"},
		{of("all"), "0/0", "#7a3ec8"},
		{of("2/8", judge.Pass), "1/1, shard 2/8", "#1a7f37"},
		{interrupted(of("all", judge.Pass)), "1/1, interrupted", "#9a6700"},
		{interrupted(of("all", judge.Pass, judge.Fail)), "1/2, 1 fail, interrupted", "#c4202b"},
	}
	for _, tt := range tests {
		if b := badge.Of(tt.r); b.Message != tt.message || b.Color != tt.tone || b.Version != 1 || b.Label != "vmprobe v1" {
			t.Errorf("%+v, want %s %s", b, tt.message, tt.tone)
		}
	}
}

func TestFormats(t *testing.T) {
	r := of("all", judge.Pass)
	r.Tool.Requirements = `"><script>&`
	for _, format := range badge.Formats() {
		var b bytes.Buffer
		if err := badge.Write(format, &b, badge.Of(r)); err != nil {
			t.Fatal(err)
		}
		if format == "json" {
			if !json.Valid(b.Bytes()) {
				t.Error(b.String())
			}
			continue
		}
		dec := xml.NewDecoder(strings.NewReader(b.String()))
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v\n%s", err, b.String())
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "script" {
				t.Error(b.String())
			}
		}
	}
}
