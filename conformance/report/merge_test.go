package report_test

import (
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
)

// TestMergeInterrupted: with one shard that did not come to its end the whole
// did not, whichever comes first, and does not conform.
func TestMergeInterrupted(t *testing.T) {
	digest := report.SelectionDigest(map[string]string{"a@kubevirt": "sha256:0123", "b@kubevirt": "sha256:0123"})
	shard := func(name, of string, broken bool) report.Named {
		return report.Named{Name: of, Report: &report.Report{
			Tool: report.Tool{Cases: 2, Digest: digest}, Run: report.Run{Shard: of, Interrupted: broken},
			Cases: []report.Case{verdict(name, "kubevirt", 1, judge.Pass)},
		}}
	}
	for _, which := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		whole, err := report.Merge([]report.Named{shard("a", "1/2", which[0]), shard("b", "2/2", which[1])})
		if err != nil || !whole.Run.Interrupted || whole.Result() != report.Partial {
			t.Errorf("%v: %+v, %v", which, whole, err)
		}
	}
	whole, err := report.Merge([]report.Named{shard("a", "1/2", false), shard("b", "2/2", false)})
	if err != nil || whole.Run.Interrupted || whole.Result() != report.Conformant {
		t.Errorf("%+v, %v", whole, err)
	}
	other := shard("b", "2/2", false)
	other.Run.KnownFailing = &report.KnownFailing{Entries: 1, Digest: "sha256:01"}
	if _, err := report.Merge([]report.Named{shard("a", "1/2", false), other}); err == nil || !strings.Contains(err.Error(), "knownFailing") {
		t.Errorf("shards with different lists: %v", err)
	}
	// A shard in which nothing was run was watched from nowhere.
	seen := shard("b", "2/2", false)
	seen.Run.View = "guest"
	for _, both := range [][]report.Named{{shard("a", "1/2", false), seen}, {seen, shard("a", "1/2", false)}} {
		if whole, err := report.Merge(both); err != nil || whole.Run.View != "guest" {
			t.Errorf("%+v, %v", whole, err)
		}
	}
	wire := shard("a", "1/2", false)
	wire.Run.View = "wire"
	if _, err := report.Merge([]report.Named{wire, seen}); err == nil {
		t.Error("shards that were watched from two places are one run")
	}
}
