package oracle

import (
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// killLatency is what a kubelet may take from a verdict to the first signal.
const killLatency = 2 * time.Second

// liveKill: LIVE-KILL. A failed liveness or startup probe gives a verdict, a
// verdict has a failed probe, and a kill follows.
func liveKill(c *court) {
	c.stints(func(s *history.Stint) {
		if s.Probe.Kind == probes.Readiness {
			return
		}
		c.stateWithoutVerdict(s)
		for _, m := range s.Verdicts {
			if c.run.View.ShowsAttempts() && !failedBy(s, m, c.slack) {
				c.failStint(s, Failure{
					At: m.T, Event: m.Index, Message: "a verdict while the probe is not failed",
					Want: "a liveness failure only when the probe's state turns to failed",
				})
				return
			}
		}
		if len(s.Verdicts) == 0 {
			return
		}
		m := s.Verdicts[0]
		deadline := m.T + killLatency + c.slack
		if deadline >= c.run.End || s.Container.Stop <= deadline || terminating(s.VM, s.Container.Instance) <= m.T {
			return
		}
		for _, k := range s.VM.Of(trace.Kill) {
			if k.Instance == s.Container.Instance && k.T <= deadline {
				return
			}
		}
		c.failStint(s, Failure{
			At: deadline, Event: m.Index,
			Message: fmt.Sprintf("the liveness failure of %s has no consequence", Seconds(m.T)),
			Want:    "the container is killed",
		})
	})
}

// failedBy tells whether the probe's state is failed at the verdict or turns
// failed within the slack.
func failedBy(s *history.Stint, verdict history.Mark, slack time.Duration) bool {
	for _, m := range s.States {
		if !m.OK && m.T <= verdict.T+slack {
			return true
		}
	}
	return false
}

func (c *court) stateWithoutVerdict(s *history.Stint) {
	for _, m := range s.States {
		begun := len(s.Attempts) > 0 && s.Attempts[0].Ended() && s.Attempts[0].EndEvent < m.Index
		if m.OK || !begun || m.T >= s.Container.Stop || m.T+c.slack >= c.obligation(s) && len(s.Verdicts) == 0 {
			continue
		}
		if len(s.Verdicts) == 0 || s.Verdicts[0].T > m.T+c.slack {
			c.failStint(s, Failure{
				At: m.T, Event: m.Index, Message: fmt.Sprintf("the %s probe failed and nobody asked for a kill", s.Probe.Kind),
				Want: "a verdict with the failed state",
			})
		}
		return
	}
}

// neverKills: READY-NEVER-KILLS. A kill needs a liveness failure, a deletion
// or a cause in the story.
func neverKills(c *court) {
	for _, v := range c.run.VMs {
		for _, k := range v.Of(trace.Kill) {
			if c.killCause(v, k) {
				continue
			}
			c.fail(Failure{
				At: k.T, VM: v.Name, Instance: k.Instance, Event: k.Index,
				Message: fmt.Sprintf("killed (%s) without a liveness failure", k.Value),
				Want:    "a failed readiness probe only makes the VM not ready",
			})
			break
		}
	}
}

func (c *court) killCause(v *history.VM, k history.Mark) bool {
	for _, kind := range []trace.Kind{trace.LivenessFailed, trace.Terminating} {
		for _, m := range v.Of(kind) {
			if m.Index < k.Index && (m.Instance == k.Instance || m.Instance == 0) {
				return true
			}
		}
	}
	if c.happens(v.Name, k.T, scenarios.DeleteVMI, scenarios.StopContainer, scenarios.Migrate) {
		return true
	}
	for _, program := range []*fakevm.Program{&v.Spec.Program, &v.Spec.EveryBoot} {
		if program.Watchdog != nil {
			return true
		}
		for _, p := range program.Power {
			if p.Do == fakevm.Crash || p.Do == fakevm.PowerOff {
				return true
			}
		}
	}
	return false
}
