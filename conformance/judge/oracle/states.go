package oracle

import (
	"fmt"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// stateInit: STATE-INIT. Before the first result readiness is false and
// liveness is true. A prober that began anew may keep what it finds
// (PROBER-RESTART).
func stateInit(c *court) {
	c.stints(func(s *history.Stint) {
		initial := s.Probe.Kind == probes.Liveness
		firstEnd := len(c.run.Events)
		for _, a := range s.Attempts {
			if a.Ended() {
				firstEnd = min(firstEnd, a.EndEvent)
			}
		}
		if len(s.States) == 0 {
			return
		}
		m := s.States[0]
		known := s.Probe.Kind != probes.Startup || m.Value == unknown
		if m.Index > firstEnd || m.OK == initial && known || m.T >= s.Container.Stop {
			return
		}
		if _, anew := c.lastRestart(s.Container.Start, m.T); anew {
			return
		}
		want := fmt.Sprint(initial)
		if s.Probe.Kind == probes.Startup {
			want = unknown
		}
		c.failStint(s, Failure{
			At: m.T, Event: m.Index,
			Message: fmt.Sprintf("the %s probe was %v before its first result", s.Probe.Kind, m.OK),
			Want:    want + " from the start of the container until a threshold is reached",
		})
	})
}

// unknown is the value of the state of a startup probe without a verdict.
const unknown = "unknown"

// neverUnknown: STATE-INIT. The other probes have a state from the first
// moment on, and a startup probe keeps its verdict.
func neverUnknown(c *court) {
	c.stints(func(s *history.Stint) {
		for i, m := range s.States {
			if m.Value != unknown || s.Probe.Kind == probes.Startup && i == 0 {
				continue
			}
			if _, anew := c.lastRestart(s.Container.Start, m.T); anew {
				continue
			}
			c.failStint(s, Failure{
				At: m.T, Event: m.Index,
				Message: fmt.Sprintf("the state of the %s probe was unknown", s.Probe.Kind),
				Want:    "unknown is a startup probe before its verdict, nothing else",
			})
			return
		}
	})
}

// noLeak: THR-NO-HYSTERESIS-LEAK.
func noLeak(c *court) {
	c.stints(func(s *history.Stint) {
		for i, m := range s.States {
			if i == 0 || m.OK != s.States[i-1].OK || m.T >= s.Container.Stop {
				continue
			}
			if m.Value != s.States[i-1].Value {
				continue // a startup probe begins as "unknown": its failure is news (STATE-INIT)
			}
			if _, anew := c.lastRestart(s.States[i-1].T-1, m.T); anew {
				continue
			}
			c.failStint(s, Failure{
				At: m.T, Event: m.Index,
				Message: fmt.Sprintf("the state was published again without a change: %v", m.OK),
				Want:    "an update only when the state changes",
			})
			return
		}
	})
}

// liveHold: LIVE-HOLD.
func liveHold(c *court) {
	c.stints(func(s *history.Stint) {
		if len(s.Verdicts) == 0 {
			return
		}
		verdict := s.Verdicts[0]
		for _, a := range s.Attempts {
			if a.StartEvent > verdict.Index {
				c.failStint(s, Failure{
					At: a.Start, Event: a.StartEvent,
					Message: fmt.Sprintf("attempt %d started at %s, after the verdict of %s", a.Number, Seconds(a.Start), Seconds(verdict.T)),
					Want:    "no attempt until there is a new container",
				})
				return
			}
		}
		if len(s.Verdicts) > 1 {
			second := s.Verdicts[1]
			c.failStint(s, Failure{
				At: second.T, Event: second.Index, Message: "a second verdict on the same container",
				Want: "one liveness failure a container",
			})
		}
		for _, m := range s.States {
			if _, anew := c.lastRestart(verdict.T, m.T); m.OK && m.Index > verdict.Index && !anew {
				c.failStint(s, Failure{
					At: m.T, Event: m.Index,
					Message: fmt.Sprintf("%s again at %s, after the verdict of %s", s.Probe.Kind, Seconds(m.T), Seconds(verdict.T)),
					Want:    "the verdict stands until there is a new container",
				})
				return
			}
		}
	})
}

// restartFresh: TIM-RESTART-FRESH. The delay counts again, and in the VM
// profiles a new pod has new workers, which count attempts from 1. Runs are
// looked at by thresholds.
func restartFresh(c *court) {
	c.stints(func(s *history.Stint) {
		if previous(s) == nil {
			return
		}
		c.early(s)
		if !c.profile().VM || len(s.Attempts) == 0 || s.Attempts[0].Number == 1 {
			return
		}
		a := s.Attempts[0]
		c.failStint(s, Failure{
			At: a.Start, Event: a.StartEvent,
			Message: fmt.Sprintf("the first attempt of instance %d has number %d", s.Container.Instance, a.Number),
			Want:    "a new worker for each instance, counting from 1",
		})
	})
}

// startupGate: STARTUP-GATE.
func startupGate(c *court) {
	c.stints(func(s *history.Stint) {
		startup := s.Container.Stint(probes.Startup)
		if startup == nil {
			return
		}
		for _, a := range s.Attempts {
			open := stateBefore(startup, a.StartEvent)
			if open != (s.Probe.Kind == probes.Startup) {
				continue
			}
			f := Failure{
				At: a.Start, Event: a.StartEvent,
				Message: fmt.Sprintf("attempt %d started at %s, before the startup probe succeeded", a.Number, Seconds(a.Start)),
				Want:    "no attempt before the startup probe succeeds",
			}
			if open {
				f.Message = fmt.Sprintf("attempt %d started at %s, after the startup probe succeeded", a.Number, Seconds(a.Start))
				f.Want = "no startup attempt after its verdict"
			}
			c.failStint(s, f)
			return
		}
	})
}

// termLivenessOff: TERM-LIVENESS-OFF. An attempt in flight goes on, so its
// verdict is legal. Whether a startup probe that has not passed is reported as
// success is open: the kubelet's worker would, but its manager ends the worker
// before it gets there.
func termLivenessOff(c *court) {
	c.stints(func(s *history.Stint) {
		since := terminating(s.VM, s.Container.Instance)
		if s.Probe.Kind == probes.Readiness || since == history.Never {
			return
		}
		inFlight := false
		for _, a := range s.Attempts {
			inFlight = inFlight || a.Start <= since && a.End >= since
			if a.Start > since {
				c.failStint(s, Failure{
					At: a.Start, Event: a.StartEvent,
					Message: fmt.Sprintf("attempt %d started at %s, the pod terminates since %s", a.Number, Seconds(a.Start), Seconds(since)),
					Want:    fmt.Sprintf("no %s attempt of a terminating pod", s.Probe.Kind),
				})
				return
			}
		}
		for _, m := range s.Verdicts {
			if m.T > since && !inFlight {
				c.failStint(s, Failure{
					At: m.T, Event: m.Index, Message: "a liveness verdict on a terminating pod",
					Want: "liveness counts as success while the pod terminates",
				})
			}
		}
	})
}

// nonRunning: NONRUNNING-FAIL. A stopped container loses readiness without a
// threshold, and nobody probes what does not run.
func nonRunning(c *court) {
	c.stints(func(s *history.Stint) {
		stop := s.Container.Stop
		for _, a := range s.Attempts {
			if stop != history.Never && a.Start > stop+c.slack {
				c.failStint(s, Failure{
					At: a.Start, Event: a.StartEvent,
					Message: fmt.Sprintf("attempt %d started at %s, the container stopped at %s", a.Number, Seconds(a.Start), Seconds(stop)),
					Want:    "no attempt on a container that does not run",
				})
				return
			}
		}
		for i, m := range s.States {
			if m.OK && c.afterStop(s, i) {
				c.failStint(s, Failure{
					At: m.T, Event: m.Index,
					Message: fmt.Sprintf("the %s probe passed at %s, the container stopped at %s", s.Probe.Kind, Seconds(m.T), Seconds(stop)),
					Want:    "a container that does not run has failed",
				})
				return
			}
		}
		if stop == history.Never || s.Probe.Kind != probes.Readiness || stop+c.slack >= c.run.End {
			return
		}
		if stateBefore(s, s.Container.StopEvent) && !c.unready(s, s.Container.StopEvent) {
			c.failStint(s, Failure{
				At: stop + c.slack, Event: s.Container.StopEvent,
				Message: fmt.Sprintf("still ready after the container stopped at %s", Seconds(stop)),
				Want:    "not ready at once, without a threshold",
			})
		}
	})
	for _, v := range c.run.VMs {
		for _, a := range v.Strays {
			c.fail(Failure{
				At: a.Start, VM: v.Name, Event: a.StartEvent,
				Message: fmt.Sprintf("attempt %d of a container that never started", a.Number),
				Want:    "no attempt on a container that does not run",
			})
		}
	}
}

// afterStop tells whether state i holds when the slack after the container
// stopped is over, and was published after it stopped.
func (c *court) afterStop(s *history.Stint, i int) bool {
	limit := s.Container.Stop
	if limit == history.Never || s.States[i].Index < s.Container.StopEvent {
		return false
	}
	limit += c.slack
	return s.States[i].T > limit || i+1 == len(s.States) || s.States[i+1].T > limit
}

// unready tells whether the probe, or the VM's Ready condition, is false by
// the slack after the container stopped. A new container that is ready by
// then cannot be: its probe begins anew.
func (c *court) unready(s *history.Stint, stopEvent int) bool {
	limit := s.Container.Stop + c.slack
	for _, m := range s.States {
		if m.Index > stopEvent && m.T <= limit && !m.OK {
			return true
		}
	}
	ready := false
	for _, m := range s.VM.Of(trace.Ready) {
		if m.T > limit {
			break
		}
		if ready = m.OK; !ready && m.Index > stopEvent {
			return true
		}
	}
	return !ready
}
