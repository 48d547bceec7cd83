package judge_test

import (
	"testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestLawfulFromOutside: whoever obeys the law is not rejected by those who see
// less of him.
func TestLawfulFromOutside(t *testing.T) {
	const seeds = 1 // vmprobe run --view guest --seeds N does more
	ran, silent := 0, 0
	for _, c := range scenariotest.Embedded(t, "*") {
		for seed := uint64(1); seed <= seeds; seed++ {
			run, err := simbed.Bed{Bare: true}.Run(t.Context(), c, seed)
			if err != nil {
				t.Fatal(err)
			}
			for _, view := range []trace.View{trace.ViewWire, trace.ViewGuest} {
				v := judge.Judge(c, run.Seen(view), judge.Options{})
				ran++
				if len(v.Silent) > 0 {
					silent++
				}
				if v.Result != judge.Pass {
					t.Errorf("%s seed %d, view %s: %+v", c.ID(), seed, view, v.Failures)
				}
			}
		}
	}
	if ran < 1000 {
		t.Errorf("only %d runs", ran)
	}
	t.Logf("%d runs judged from outside, %d of them with something left open", ran, silent)
}
