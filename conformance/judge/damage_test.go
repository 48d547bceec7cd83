package judge_test

import (
	"io/fs"
	"slices"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// A damage changes a true trace into one that no correct prober leaves behind.
var damages = map[string]func(list []trace.Event, i int) []trace.Event{
	"an attempt counts as its opposite": func(list []trace.Event, i int) []trace.Event {
		if list[i].Kind != trace.AttemptFinished {
			return nil
		}
		list[i].Class = opposite(list[i].Class)
		return list
	},
	"a try comes to its opposite": func(list []trace.Event, i int) []trace.Event {
		if list[i].Kind != trace.TryFinished {
			return nil
		}
		list[i].Class = opposite(list[i].Class)
		for k := i; k < len(list); k++ {
			if list[k].Kind == trace.AttemptFinished && sameAttempt(&list[k], &list[i]) {
				list[k].Class = list[i].Class
				return list
			}
		}
		return nil
	},
	"an attempt is left out": func(list []trace.Event, i int) []trace.Event {
		if list[i].Kind != trace.TryStarted {
			return nil
		}
		left := list[i]
		return slices.DeleteFunc(list, func(e trace.Event) bool { return sameAttempt(&e, &left) })
	},
	"Ready does not change": func(list []trace.Event, i int) []trace.Event {
		if list[i].Kind != trace.Ready {
			return nil
		}
		return slices.Delete(list, i, i+1)
	},
}

func sameAttempt(a, b *trace.Event) bool {
	return a.HasProbe && a.VM == b.VM && a.Instance == b.Instance && a.Probe == b.Probe && a.Attempt == b.Attempt
}

func opposite(c probes.Class) probes.Class {
	if c == probes.Failure {
		return probes.Success
	}
	return probes.Failure
}

// TestOracleNoticesDamage takes the author's expectations away from embedded
// cases and damages their true traces: the oracle alone must notice nearly
// always (not in windows that a fault or a migration excuses).
func TestOracleNoticesDamage(t *testing.T) {
	const perCase, least = 2, 90
	names, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	noticed, done := map[string]int{}, map[string]int{}
	for n, name := range names {
		data, err := fs.ReadFile(scenarios.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		file, list := scenarios.Load(name, data, scenarios.Options{})
		if file == nil {
			t.Fatal(list)
		}
		cases, _ := file.Cases([]probes.ProfileName{probes.ProfileNames()[n%4]})
		if len(cases) == 0 {
			continue
		}
		c := *cases[0]
		c.Expect, c.Findings = nil, nil
		run, err := simbed.Bed{}.Run(t.Context(), &c, 1)
		if err != nil || len(c.Rejected) > 0 || len(run.Events) == 0 {
			continue
		}
		if v := verdictOf(&c, run.Events); v.Result != judge.Pass {
			t.Errorf("%s, not damaged: %+v", c.ID(), v.Failures)
			continue
		}
		for what, damage := range damages {
			tried := 0
			for draw := uint64(0); draw < 400 && tried < perCase; draw++ {
				i := int(sim.Below(sim.Draw(1, uint64(n), draw), uint64(len(run.Events))))
				if at := run.Events[i].T; at < 0 || at > c.Until*8/10 {
					continue // its effect may fall behind the end
				}
				list := damage(slices.Clone(run.Events), i)
				if list == nil {
					continue
				}
				tried++
				done[what]++
				if verdictOf(&c, list).Result == judge.Fail {
					noticed[what]++
				}
			}
		}
	}
	for what := range damages {
		if done[what] < 10 || noticed[what]*100 < done[what]*least {
			t.Errorf("%s: %d of %d noticed", what, noticed[what], done[what])
		}
	}
	t.Log(noticed, done)
}

func verdictOf(c *scenarios.Case, list []trace.Event) judge.Verdict {
	r := trace.Recorder{Events: list}
	return judge.Judge(c, r.Trace(trace.Header{}), judge.Options{})
}
