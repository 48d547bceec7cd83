package agree_test

import (
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/agree"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

const s = time.Second

func side(result judge.Result, list ...trace.Event) *agree.Side {
	for i := range list {
		list[i].VM, list[i].Instance = "web", 1
	}
	return &agree.Side{Trace: &trace.Trace{Events: list}, Verdict: judge.Verdict{Result: result}}
}

func attempt(n int32, at time.Duration, c probes.Class) trace.Event {
	return trace.Event{T: at, Kind: trace.AttemptFinished, HasProbe: true, Attempt: n, Class: c}
}

func TestCompare(t *testing.T) {
	c := &scenarios.Case{Until: 60 * s, VMs: []scenarios.VM{{
		Name: "web", Resolved: spec.Resolved{Probes: []probes.Probe{{Kind: probes.Readiness}}},
	}}}
	start := trace.Event{Kind: trace.ContainerStarted}
	ready := func(at time.Duration, ok bool) trace.Event { return trace.Event{T: at, Kind: trace.Ready, OK: ok} }
	base := side(judge.Pass, start, attempt(1, 5*s, probes.Success), ready(5*s, true), attempt(2, 15*s, probes.Failure))
	for _, tt := range []struct {
		name  string
		other *agree.Side
		want  []string
	}{
		{"the same, a moment later", side(judge.Pass, start, attempt(1, 5*s+s/2, probes.Success), ready(6*s, true), attempt(2, 15*s, probes.Failure)), nil},
		{
			"another class", side(judge.Pass, start, attempt(1, 5*s, probes.Success), ready(5*s, true), attempt(2, 15*s, probes.Errored)),
			[]string{"web: readiness attempt 2 of instance 1"},
		},
		{
			"another verdict and no change", side(judge.Fail, start, attempt(1, 5*s, probes.Success), attempt(2, 15*s, probes.Failure)),
			[]string{"verdict", "web: change 1 of ready"},
		},
		{
			"too late", side(judge.Pass, start, attempt(1, 5*s, probes.Success), ready(7*s, true), attempt(2, 15*s, probes.Failure)),
			[]string{"web: change 1 of ready"},
		},
		{
			"one more", side(judge.Pass, start, attempt(1, 5*s, probes.Success), ready(5*s, true), attempt(2, 15*s, probes.Failure), ready(30*s, false)),
			[]string{"web: change 2 of ready"},
		},
		{"one more at the end", side(judge.Pass, start, attempt(1, 5*s, probes.Success), ready(5*s, true), attempt(2, 15*s, probes.Failure), ready(59*s+s/2, false)), nil},
	} {
		var got []string
		for _, d := range agree.Compare(c, base, tt.other) {
			got = append(got, d.What)
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			}
		}
	}
}
