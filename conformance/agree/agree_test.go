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

// TestDrift: a VM of a cluster whose domain starts later is ready later, and no
// more than that.
func TestDrift(t *testing.T) {
	c := &scenarios.Case{Until: 90 * s, VMs: []scenarios.VM{{Name: "web"}}}
	run := func(running, ready time.Duration) *agree.Side {
		list := []trace.Event{{Kind: trace.ContainerStarted}}
		if running > 0 {
			list = append(list, trace.Event{T: running, Kind: trace.VMIPhase, Value: "Running"})
		}
		if ready > 0 {
			list = append(list, trace.Event{T: ready, Kind: trace.Ready, OK: true})
		}
		return side(judge.Pass, list...)
	}
	sim := run(s, s)
	for _, tt := range []struct {
		name  string
		real  *agree.Side
		agree bool
	}{
		{"at once", run(s, s), true},
		{"as late as the domain", run(9*s, 9*s), true},
		{"as early as if the domain had not been late", run(9*s, s), true},
		{"later than the domain", run(9*s, 13*s), false},
		{"late, and nobody knows when the domain was", run(0, 9*s), false},
		{"never", run(9*s, 0), false},
		{"the end comes before the domain", run(89*s, 0), true},
	} {
		tt.real.Free = true
		if got := agree.Compare(c, sim, tt.real); (len(got) == 0) != tt.agree {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
