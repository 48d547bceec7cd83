package judge

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// moments tells the formulas of a case what happened in a run. It implements
// scenarios.Runtime.
type moments struct {
	run    *history.Run
	unseen bool // it was asked for an attempt that the view does not show
}

// Instant is the n-th such moment of a VM, n from 1.
func (r *moments) Instant(vm string, m scenarios.Moment, n int) (time.Duration, bool) {
	v := r.run.VM(vm)
	if v == nil || n < 1 {
		return 0, false
	}
	if !r.run.View.ShowsAttempts() {
		switch m {
		case scenarios.ReadinessEnd, scenarios.LivenessEnd, scenarios.StartupEnd:
			r.unseen = true
			return 0, false
		default:
		}
	}
	switch m {
	case scenarios.ReadinessEnd:
		return attemptEnd(v, probes.Readiness, n)
	case scenarios.LivenessEnd:
		return attemptEnd(v, probes.Liveness, n)
	case scenarios.StartupEnd:
		return attemptEnd(v, probes.Startup, n)
	case scenarios.BootStart:
		return nth(v.Of(trace.GuestBoot), n)
	case scenarios.Container:
		return nth(v.Of(trace.ContainerStarted), n)
	case scenarios.LiveFailed:
		return nth(v.Of(trace.LivenessFailed), n)
	case scenarios.TurnedReady:
		return nth(transitions(v.Of(trace.Ready), true), n)
	case scenarios.TurnedNot:
		return nth(transitions(v.Of(trace.Ready), false), n)
	}
	return 0, false
}

func attemptEnd(v *history.VM, k probes.Kind, n int) (time.Duration, bool) {
	list := v.Attempts(k)
	if n > len(list) || !list[n-1].Ended() {
		return 0, false
	}
	return list[n-1].End, true
}

func nth(list []history.Mark, n int) (time.Duration, bool) {
	if n > len(list) {
		return 0, false
	}
	return list[n-1].T, true
}

// transitions returns the changes to a value of something that begins false.
func transitions(list []history.Mark, to bool) []history.Mark {
	value := false
	var out []history.Mark
	for _, m := range list {
		if m.OK != value && m.OK == to {
			out = append(out, m)
		}
		value = m.OK
	}
	return out
}
