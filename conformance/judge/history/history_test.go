package history_test

import (
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

const s = time.Second

func build(list ...trace.Event) *history.Run {
	c := &scenarios.Case{Until: 100 * s, VMs: []scenarios.VM{
		{Name: "web", Resolved: spec.Resolved{Probes: []probes.Probe{{Kind: probes.Readiness}, {Kind: probes.Liveness}}}},
		{Name: "db"},
	}}
	for i := range list {
		if list[i].VM == "" && list[i].Kind != trace.ProberRestarted {
			list[i].VM = "web"
		}
		if list[i].Instance == 0 {
			list[i].Instance = 1
		}
	}
	return history.New(c, &trace.Trace{Events: list})
}

func try(at time.Duration, kind trace.Kind, attempt, n int32, c probes.Class) trace.Event {
	return trace.Event{T: at, Kind: kind, HasProbe: true, Attempt: attempt, Try: n, Class: c}
}

func TestAttemptsHoldTheirTries(t *testing.T) {
	r := build(
		trace.Event{Kind: trace.ContainerStarted},
		try(5*s, trace.TryStarted, 1, 1, 0), try(6*s, trace.TryFinished, 1, 1, probes.Errored),
		try(6*s, trace.TryStarted, 1, 2, 0), try(7*s, trace.TryFinished, 1, 2, probes.Success),
		try(7*s, trace.AttemptFinished, 1, 0, probes.Success),
		try(15*s, trace.TryStarted, 2, 1, 0),
	)
	list := r.VM("web").Attempts(probes.Readiness)
	if len(list) != 2 {
		t.Fatalf("%d attempts", len(list))
	}
	a, b := list[0], list[1]
	if a.Start != 5*s || a.End != 7*s || a.Class != probes.Success || len(a.Tries) != 2 || a.Tries[0].Class != probes.Errored || a.EndEvent != 5 {
		t.Errorf("%+v", a)
	}
	if b.Ended() || b.End != history.Never || b.Tries[0].Ended() {
		t.Errorf("%+v", b)
	}
	if len(r.VM("web").Attempts(probes.Liveness)) != 0 || r.VM("nobody") != nil {
		t.Error("what did not happen is there")
	}
}

func TestContainersHaveStints(t *testing.T) {
	second := try(50*s, trace.AttemptFinished, 1, 0, probes.Failure)
	second.Instance = 2
	stray := try(60*s, trace.TryStarted, 1, 1, 0)
	stray.Instance = 3
	r := build(
		trace.Event{Kind: trace.ContainerStarted},
		try(5*s, trace.AttemptFinished, 1, 0, probes.Success),
		trace.Event{T: 5 * s, Kind: trace.ProbeState, HasProbe: true, OK: true},
		trace.Event{T: 20 * s, Kind: trace.LivenessFailed, HasProbe: true, Probe: probes.Liveness},
		trace.Event{T: 30 * s, Kind: trace.ContainerStopped},
		trace.Event{T: 40 * s, Kind: trace.ContainerStarted, Instance: 2},
		second, stray,
		trace.Event{T: 70 * s, Kind: trace.ProberRestarted},
	)
	v := r.VM("web")
	if len(v.Containers) != 2 || v.Containers[0].Stop != 30*s || v.Containers[1].Stop != history.Never {
		t.Fatalf("%+v", v.Containers)
	}
	first := v.Containers[0].Stint(probes.Readiness)
	if len(first.Attempts) != 1 || len(first.States) != 1 || len(v.Containers[0].Stint(probes.Liveness).Verdicts) != 1 {
		t.Errorf("%+v", first)
	}
	if got := v.Containers[1].Stint(probes.Readiness).Attempts; len(got) != 1 || got[0].Class != probes.Failure || len(got[0].Tries) != 0 {
		t.Errorf("an attempt without tries: %+v", got)
	}
	if len(v.Strays) != 1 || v.Strays[0].Start != 60*s {
		t.Errorf("strays %+v", v.Strays)
	}
	if len(r.Of(trace.ProberRestarted)) != 1 || len(v.Stints(probes.Readiness)) != 2 || v.Containers[0].Stint(probes.Startup) != nil {
		t.Error("the rest is wrong")
	}
}

// TestNumbersBeginAnew: a prober that was restarted counts from 1 again, over
// an attempt that it left unfinished.
func TestNumbersBeginAnew(t *testing.T) {
	r := build(
		trace.Event{Kind: trace.ContainerStarted},
		try(5*s, trace.TryStarted, 1, 1, 0),
		try(8*s, trace.TryStarted, 1, 1, 0), try(9*s, trace.TryFinished, 1, 1, probes.Success), try(9*s, trace.AttemptFinished, 1, 0, probes.Success),
		try(18*s, trace.TryStarted, 2, 1, 0), try(19*s, trace.TryFinished, 2, 1, probes.Success), try(19*s, trace.AttemptFinished, 2, 0, probes.Success),
		try(25*s, trace.TryStarted, 2, 1, 0),
	)
	got := r.VM("web").Containers[0].Stint(probes.Readiness).Attempts
	if len(got) != 4 || got[0].Ended() || got[1].End != 9*s || got[2].End != 19*s || got[3].Start != 25*s || got[3].Ended() {
		for _, a := range got {
			t.Errorf("%+v", a)
		}
	}
}
