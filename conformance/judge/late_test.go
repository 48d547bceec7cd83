package judge_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestLateness: in a run that was late, a failure that the lateness may explain
// is no verdict, one that it cannot explain is; and who passes has passed.
func TestLateness(t *testing.T) {
	c := one(t, "http-flaky-readiness")
	lawful, err := simbed.Bed{Bare: true}.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	sticky, err := simbed.Bed{Bare: true, Deviation: &simbed.Deviation{Engine: &engine.Rules{StaysHealthy: true}}}.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		run    *trace.Trace
		delay  time.Duration // of every Ready that turns true
		late   time.Duration
		want   judge.Result
		reason string
	}{
		{"in time", lawful, 0, 0, judge.Pass, ""},
		{"late, and nothing to see", lawful, 0, 5 * time.Second, judge.Pass, ""},
		{"a slow prober on a fast machine", lawful, 12 * time.Second, 250 * time.Millisecond, judge.Fail, ""},
		{"slower than the machine", lawful, 12 * time.Second, 900 * time.Millisecond, judge.Fail, ""},
		{"nobody knows", lawful, 12 * time.Second, 1001 * time.Millisecond, judge.Error, "harness: late by 1001 ms, which is too much to tell (at most 250 ms)"},
		{"a wrong prober on a busy machine", sticky, 0, 900 * time.Millisecond, judge.Fail, ""},
		{"as late as an attempt may take", sticky, 0, time.Second, judge.Error, "harness: late by 1000 ms, which is too much to tell (at most 250 ms)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := judge.Judge(c, delayed(tt.run, tt.delay, tt.late), judge.Options{})
			if v.Result != tt.want || !strings.HasPrefix(v.Reason, tt.reason) {
				t.Errorf("%s %q %+v", v.Result, v.Reason, v.Failures)
			}
		})
	}
}

// delayed is a run in wall time whose every Ready that turns true is later.
func delayed(run *trace.Trace, by, late time.Duration) *trace.Trace {
	seen := run.Seen(trace.ViewGuest)
	seen.Wall, seen.Late = true, late
	for i := range seen.Events {
		if e := &seen.Events[i]; e.Kind == trace.Ready && e.OK {
			e.T += by
		}
	}
	seen.Seal()
	return seen
}

// TestLatenessExplains moves Ready further and further: it is in time, then it
// is late by no more than the machine was, then by more.
func TestLatenessExplains(t *testing.T) {
	c := one(t, "http-flaky-readiness")
	run, err := simbed.Bed{Bare: true}.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	const late = 900 * time.Millisecond
	begins := map[judge.Result]time.Duration{}
	var order []judge.Result
	for by := time.Duration(0); by <= 15*time.Second; by += 50 * time.Millisecond {
		v := judge.Judge(c, delayed(run, by, late), judge.Options{})
		if n := len(order); n == 0 || order[n-1] != v.Result {
			order = append(order, v.Result)
			begins[v.Result] = by
		}
	}
	if !slices.Equal(order, []judge.Result{judge.Pass, judge.Error, judge.Fail}) {
		t.Fatalf("the verdicts are %v", order)
	}
	if band := begins[judge.Fail] - begins[judge.Error]; band < late-100*time.Millisecond || band > late+100*time.Millisecond {
		t.Errorf("there is no verdict for a band of %v, and the machine was late by %v", band, late)
	}
}

// TestSlack: a trace says itself how loose windows are where it was made, so a
// file is judged as the run was.
func TestSlack(t *testing.T) {
	c := one(t, "http-flaky-readiness")
	run, err := simbed.Bed{Bare: true}.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	last := map[time.Duration]time.Duration{} // the latest that passes, by slack
	for by := time.Duration(0); by <= 15*time.Second; by += 100 * time.Millisecond {
		for _, slack := range []time.Duration{0, 3 * time.Second} {
			late := delayed(run, by, 0)
			late.Slack = slack
			if v := judge.Judge(c, late, judge.Options{}); v.Result == judge.Pass {
				last[slack] = by
			}
		}
	}
	if more := last[3*time.Second] - last[0]; more != 3*time.Second-judge.DefaultSlack {
		t.Errorf("a slack of 3 s allows %v more than that of %v", more, judge.DefaultSlack)
	}
}

// TestRunEndsInSlack: what has not happened when a run in wall time ends may
// still be in time when only the slack of its window is left.
func TestRunEndsInSlack(t *testing.T) {
	for _, tt := range []struct {
		hi     string
		wall   bool
		want   judge.Result
		silent int
	}{
		{"68s", true, judge.Fail, 0}, // and slack until 71 s; the run ends at 72 s
		{"69s", true, judge.Fail, 0},
		{"69001ms", true, judge.Pass, 1},
		{"72s", true, judge.Pass, 1},
		{"72001ms", true, judge.Fail, 0}, // the author wants it in the run
		{"72s", false, judge.Fail, 0},
	} {
		c, list := base()
		c.Expect["web"].Ready = &scenarios.History{Changes: []scenarios.Change{
			{To: true, Window: in(t, "initialDelay", "initialDelay+period")},
			{To: false, Window: in(t, "sick#1+period", "sick#1+failureThreshold*period")},
			{To: true, Window: in(t, "60s", tt.hi)},
		}}
		h := trace.Header{Seed: 7, VMs: []string{"web"}}
		if tt.wall {
			h.Wall, h.Slack = true, 3*time.Second
		}
		slices.SortStableFunc(list, func(a, b trace.Event) int { return int(a.T - b.T) })
		run := (&trace.Recorder{Events: list}).Trace(h)
		v := judge.Judge(c, run, judge.Options{})
		if v.Result != tt.want || len(v.Silent) != tt.silent {
			t.Errorf("until %s, in wall time: %t: %s, want %s: %+v, silent: %+v", tt.hi, tt.wall, v.Result, tt.want, v.Failures, v.Silent)
		}
	}
}

// one is an embedded case in the profile kubevirt.
func one(t *testing.T, name string) *scenarios.Case {
	t.Helper()
	return scenariotest.Embedded(t, name, probes.KubeVirt)[0]
}
