package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/conformance/fleet"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/probes"
)

// member is a VM that was first Ready at an instant and then lost a second.
func member(digest string, result judge.Result, ready time.Duration) fleet.Member {
	return fleet.Member{
		Verdict: judge.Verdict{Case: "web@kubevirt", Result: result, Reason: "because"}, Digest: digest, Length: time.Hour, VMs: 1,
		Attempts: map[probes.Kind][5]int{probes.Readiness: {probes.Success: 3, probes.Failure: 1}}, Restarts: 2,
		ReadyAfter: []time.Duration{ready}, NotReady: []time.Duration{time.Second},
	}
}

func sum(members ...fleet.Member) fleet.Summary {
	var a fleet.Adder
	for i := range members {
		a.Add(&members[i])
	}
	return a.Summary()
}

func TestMembersAddUp(t *testing.T) {
	got := sum(member("v1:a", judge.Pass, 30*time.Second), member("v1:b", judge.Fail, 10*time.Second), member("v1:c", judge.Pass, 20*time.Second))
	want := fleet.Summary{
		Case: "web@kubevirt", Members: 3, VMs: 3, Simulated: 3 * time.Hour,
		Results:    map[judge.Result]int{judge.Pass: 2, judge.Fail: 1},
		Attempts:   map[string]fleet.ClassCounts{"readiness": {Success: 9, Failure: 3}},
		Restarts:   6,
		ReadyAfter: fleet.Percentiles{Min: 10 * time.Second, P50: 20 * time.Second, P99: 20 * time.Second, Max: 30 * time.Second},
		NotReady:   fleet.Percentiles{Min: time.Second, P50: time.Second, P99: time.Second, Max: time.Second},
		Failed:     []judge.Verdict{{Case: "web@kubevirt", Result: judge.Fail, Reason: "because"}},
		Digest:     got.Digest,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDigestKnowsMembersAndTheirOrder(t *testing.T) {
	a, b := member("v1:a", judge.Pass, 0), member("v1:b", judge.Pass, 0)
	seen := map[string]string{}
	for name, s := range map[string]fleet.Summary{"ab": sum(a, b), "ba": sum(b, a), "a": sum(a), "aa": sum(a, a)} {
		if other, ok := seen[s.Digest]; ok {
			t.Errorf("%s and %s have the digest %s", name, other, s.Digest)
		}
		seen[s.Digest] = name
	}
}

// TestFailuresAreCountedNotKept: a fleet in which everything fails needs no
// more memory than one in which nothing does.
func TestFailuresAreCountedNotKept(t *testing.T) {
	var a fleet.Adder
	for range 1000 {
		m := member("v1:a", judge.Fail, 0)
		a.Add(&m)
	}
	s := a.Summary()
	if len(s.Failed) != 100 || s.Results[judge.Fail] != 1000 {
		t.Errorf("%d verdicts kept, %d failures counted", len(s.Failed), s.Results[judge.Fail])
	}
	var text strings.Builder
	if err := fleet.WriteText(&text, []fleet.Summary{s}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "... and 995 more") {
		t.Errorf("the text does not count the failures:\n%s", &text)
	}
}
