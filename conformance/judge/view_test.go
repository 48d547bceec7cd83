package judge_test

import (
	"io/fs"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestLawfulFromOutside: whoever obeys the law is not rejected by those who see
// less of him.
func TestLawfulFromOutside(t *testing.T) {
	const seeds = 1 // vmprobe run --view guest --seeds N does more
	names, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	ran, silent := 0, 0
	for _, name := range names {
		data, err := fs.ReadFile(scenarios.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		file, list := scenarios.Load(name, data, scenarios.Options{})
		if file == nil {
			t.Fatal(list)
		}
		cases, _ := file.Cases(nil)
		for _, c := range cases {
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
	}
	if ran < 1000 {
		t.Errorf("only %d runs", ran)
	}
	t.Logf("%d runs judged from outside, %d of them with something left open", ran, silent)
}
