package judge_test

import (
	"slices"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestRecorderDrops: of more than 25 events of one object a cluster keeps 25, so
// that too few are no failure there. Fewer than that are, and so is every number
// that a prober reports itself.
func TestRecorderDrops(t *testing.T) {
	c := one(t, "validate-port-unknown-name")
	run, err := simbed.Bed{Bare: true}.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		view trace.View
		wall bool
		keep int
		want judge.Result
	}{
		{"a cluster keeps the burst", trace.ViewGuest, true, 25, judge.Pass},
		{"a cluster that keeps fewer", trace.ViewGuest, true, 24, judge.Fail},
		{"a guest in simulated time", trace.ViewGuest, false, 25, judge.Fail},
		{"a prober on a real machine", trace.ViewProber, true, 25, judge.Fail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := run.Seen(tt.view)
			seen.Wall = tt.wall
			n := 0
			seen.Events = slices.DeleteFunc(slices.Clone(seen.Events), func(e trace.Event) bool {
				if e.Kind != trace.ClusterEvent {
					return false
				}
				n++
				return n > tt.keep
			})
			seen.Seal()
			if v := judge.Judge(c, seen, judge.Options{}); v.Result != tt.want {
				t.Errorf("%s %q %+v, want %s", v.Result, v.Reason, v.Failures, tt.want)
			}
		})
	}
}
