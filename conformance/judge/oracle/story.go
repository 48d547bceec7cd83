package oracle

import (
	"sort"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// lastRestart returns the last restart of the prober in (after, until].
func (c *court) lastRestart(after, until time.Duration) (time.Duration, bool) {
	at, ok := time.Duration(0), false
	for _, m := range c.run.Of(trace.ProberRestarted) {
		if m.T > after && m.T <= until {
			at, ok = m.T, true
		}
	}
	return at, ok
}

// clockSteps sums the steps of the wall clock in (after, until]. Only the
// initial delay is measured on it (TIM-DELAY-ONCE).
func (c *court) clockSteps(after, until time.Duration) time.Duration {
	var sum time.Duration
	for _, e := range c.run.Case.Events {
		if e.Kind == scenarios.StepClock && e.At > after && e.At <= until {
			sum += e.By
		}
	}
	return sum
}

// happens tells whether the story has such an event for the VM at or before t.
func (c *court) happens(vm string, t time.Duration, kinds ...scenarios.EventKind) bool {
	for _, e := range c.run.Case.Events {
		for _, k := range kinds {
			if e.Kind == k && e.VM == vm && e.At <= t {
				return true
			}
		}
	}
	return false
}

// terminating returns when the pod of that instance began to be deleted.
func terminating(v *history.VM, instance int32) time.Duration {
	for _, m := range v.Of(trace.Terminating) {
		if m.Instance == instance || m.Instance == 0 {
			return m.T
		}
	}
	return history.Never
}

// obligation returns the instant until which a stint must be probed: the end
// of the run, of its container, or the end that its kind has.
func (c *court) obligation(s *history.Stint) time.Duration {
	end := min(c.run.End, s.Container.Stop)
	if s.Probe.Kind == probes.Readiness {
		return end
	}
	end = min(end, terminating(s.VM, s.Container.Instance))
	if len(s.Verdicts) > 0 {
		end = min(end, s.Verdicts[0].T)
	}
	if s.Probe.Kind == probes.Startup {
		end = min(end, firstTrue(s))
	}
	return end
}

// firstTrue is the instant at which the probe first published true.
func firstTrue(s *history.Stint) time.Duration {
	for _, m := range s.States {
		if m.OK {
			return m.T
		}
	}
	return history.Never
}

// gate returns the instant from which readiness and liveness may be probed:
// the success of the container's startup probe, or its start.
func gate(s *history.Stint) time.Duration {
	if s.Probe.Kind == probes.Startup {
		return s.Container.Start
	}
	if startup := s.Container.Stint(probes.Startup); startup != nil {
		return firstTrue(startup)
	}
	return s.Container.Start
}

// lastClockStep is the last instant in (after, until] at which the wall clock
// was stepped, or after.
func (c *court) lastClockStep(after, until time.Duration) time.Duration {
	last := after
	for _, e := range c.run.Case.Events {
		if e.Kind == scenarios.StepClock && e.At > after && e.At <= until {
			last = max(last, e.At)
		}
	}
	return last
}

// due returns when probing may begin: after the delay on the wall clock, as
// seen at the instant now, just before or after a step of that instant.
func (c *court) due(s *history.Stint, now time.Duration) time.Duration {
	start := s.Container.Start
	return start + s.Probe.InitialDelay - max(c.clockSteps(start, now), c.clockSteps(start, now-1))
}

// tryBound is the longest that a try may take (TIM-TIMEOUT-ATTEMPT): its
// timeout, and what the profile's executor adds to it.
func tryBound(p *probes.Probe, prof *probes.Profile) time.Duration {
	switch p.Handler {
	case probes.TCPSocket:
		return p.Timeout + time.Second // closing may block so long (TCP-LINGER)
	case probes.GuestAgentPing, probes.Exec:
		return p.Timeout + prof.ExecOuterExtra // GA-TIMEOUT-KUBELET, EX-MAP-KV
	default:
		return p.Timeout
	}
}

// maxTries is the largest number of tries of an attempt. The guide does not
// speak of tries: one to three are legal there.
func maxTries(prof *probes.Profile) int32 {
	if prof.Name == probes.OpenShiftDoc {
		return 3
	}
	return prof.Tries
}

// stateBefore is the published state of a stint before an event of the trace.
func stateBefore(s *history.Stint, event int) bool {
	n := sort.Search(len(s.States), func(i int) bool { return s.States[i].Index >= event })
	if n == 0 {
		return s.Probe.Kind == probes.Liveness // STATE-INIT
	}
	return s.States[n-1].OK
}

// previous is the work of the same probe on the container before.
func previous(s *history.Stint) *history.Stint {
	var last *history.Stint
	for _, k := range s.VM.Containers {
		if k == s.Container {
			return last
		}
		if p := k.Stint(s.Probe.Kind); p != nil {
			last = p
		}
	}
	return nil
}
