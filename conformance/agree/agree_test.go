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
		differences, undecided := agree.Compare(c, base, tt.other)
		for _, d := range differences {
			got = append(got, d.What)
		}
		if undecided != "" {
			got = append(got, "undecided: "+undecided)
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

// TestParting: an attempt that was under way when the guest changed may come to
// either class, and so may what follows from it; nothing else may.
func TestParting(t *testing.T) {
	c := &scenarios.Case{Until: 60 * s, VMs: []scenarios.VM{{
		Name: "web", Resolved: spec.Resolved{Probes: []probes.Probe{{Kind: probes.Readiness, Period: 2 * s}}},
	}}}
	// The guest is well from 24 s on; attempt 1 begins at started and takes took.
	run := func(result judge.Result, started, took time.Duration, class probes.Class) *agree.Side {
		well := trace.Event{T: 24 * s, Kind: trace.GuestStep, Value: "exec"}
		try := trace.Event{T: started, Kind: trace.TryStarted, HasProbe: true, Attempt: 1, Try: 1}
		list := []trace.Event{{Kind: trace.ContainerStarted}, try, well, attempt(1, started+took, class)}
		if started+took < well.T {
			list[2], list[3] = list[3], list[2]
		}
		ready := started + took
		if class != probes.Success {
			ready += 2 * s
			list = append(list, attempt(2, ready, probes.Success))
		}
		return side(result, append(list, trace.Event{T: ready, Kind: trace.Ready, OK: true})...)
	}
	sim := run(judge.Pass, 23690*time.Millisecond, 0, probes.Failure)
	const undecided = "undecided: web: readiness attempt 1 of instance 1 was under way when the guest changed"
	for _, tt := range []struct {
		name  string
		other *agree.Side
		want  string
	}{
		{"both before the change", run(judge.Pass, 23700*time.Millisecond, s/10, probes.Failure), ""},
		{"it takes until after the change", run(judge.Pass, 23700*time.Millisecond, 560*time.Millisecond, probes.Success), undecided},
		{"it begins after the change", run(judge.Pass, 24010*time.Millisecond, 0, probes.Success), undecided},
		{"it is over before the change", run(judge.Pass, 23700*time.Millisecond, s/10, probes.Success), "web: readiness attempt 1 of instance 1"},
		{"it is another attempt", run(judge.Pass, 25690*time.Millisecond, 0, probes.Success), "web: readiness attempt 1 of instance 1"},
		{"another verdict", run(judge.Fail, 23700*time.Millisecond, 560*time.Millisecond, probes.Success), "verdict"},
	} {
		differences, got := agree.Compare(c, sim, tt.other)
		if got != "" {
			got = "undecided: " + got
		} else if len(differences) > 0 {
			got = differences[0].What
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	early := run(judge.Pass, 23700*time.Millisecond, 560*time.Millisecond, probes.Success)
	early.Trace.Events = append([]trace.Event{{T: s, VM: "web", Instance: 1, Kind: trace.Restart}}, early.Trace.Events...)
	if differences, got := agree.Compare(c, sim, early); len(differences) != 1 || got != "" {
		t.Errorf("a difference before the change: %v, undecided %q", differences, got)
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
		if got, _ := agree.Compare(c, sim, tt.real); (len(got) == 0) != tt.agree {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
