package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// pauseAPI: PAUSE-API.
func pauseAPI(c *court) {
	if !kubeVirt(c.profile()) {
		return
	}
	for _, v := range c.run.VMs {
		live := v.Probe(probes.Liveness)
		refuse := live != nil && (live.Handler != probes.GuestAgentPing || !c.profile().PauseAnnotation)
		for _, m := range v.Of(trace.Pause) {
			if !m.OK || !refuse {
				continue // any other refusal has its own reason
			}
			c.fail(Failure{
				At: m.T, VM: v.Name, Instance: m.Instance, Event: m.Index,
				Message: "the pause was accepted",
				Want:    "refused: liveness by " + live.Handler.String() + " would kill the paused VM",
			})
		}
		if refuse {
			continue
		}
		for _, m := range v.Of(trace.Pause) {
			if k := v.Container(m.Instance); !m.OK && k != nil && k.Stop > m.T && live == nil {
				c.fail(Failure{
					At: m.T, VM: v.Name, Instance: m.Instance, Event: m.Index,
					Message: "the pause was refused: " + m.Msg, Want: "accepted: nothing would kill the paused VM",
				})
			}
		}
	}
}

// agentEndpoint is the Value of what the guest agent saw.
const agentEndpoint = "agent"

// agentTry is a try of a probe that asks the guest agent.
type agentTry struct {
	s *history.Stint
	a *history.Attempt
	t *history.Try
}

func agentTries(v *history.VM) []agentTry {
	var list []agentTry
	for _, k := range v.Containers {
		for _, s := range k.Stints {
			if s.Probe.Handler != probes.GuestAgentPing && s.Probe.Handler != probes.Exec {
				continue
			}
			list = slices.Grow(list, len(s.Attempts))
			for _, a := range s.Attempts {
				for i := range a.Tries {
					list = append(list, agentTry{s, a, &a.Tries[i]})
				}
			}
		}
	}
	return list
}

func inFlight(list []agentTry, t time.Duration) []agentTry {
	var found []agentTry
	for _, x := range list {
		if x.t.Start <= t && x.t.End > t {
			found = append(found, x)
		}
	}
	return found
}

// singleFlight: GA-SINGLE-FLIGHT. The guest must not see a command while it
// still owes the reply to another one whose asker waits.
func singleFlight(c *court) {
	for _, v := range c.run.VMs {
		var tries []agentTry // searched for when there is a doubt
		var before *trace.Event
		for _, m := range v.Of(trace.GuestSaw) {
			if m.Value != agentEndpoint || !strings.HasPrefix(m.Msg, "{") {
				continue // a sync goes with its command
			}
			if before != nil && m.T < before.T+c.lore.replyDelay(before.Msg) {
				if tries == nil {
					tries = agentTries(v)
				}
				asker, now := inFlight(tries, before.T), inFlight(tries, m.T)
				// Only where there is no doubt who asked what.
				if len(asker) == 1 && len(now) == 2 && (now[0].t == asker[0].t || now[1].t == asker[0].t) {
					c.fail(Failure{
						At: m.T, VM: v.Name, Instance: m.Instance, Event: m.Index,
						Message: fmt.Sprintf("the agent got a command while it worked on the one of %s", Seconds(before.T)),
						Want:    "one agent command at a time; others wait for the job lock",
					})
					break
				}
			}
			before = m.Event
		}
	}
}

func (l *Lore) replyDelay(msg string) time.Duration {
	if r := l.parse(msg); r != nil && r.Agent != nil {
		return r.Agent.Delay
	}
	return 0
}

// annotationLatency is what a launcher may take to see an annotation.
const annotationLatency = 10 * time.Second

// annotation is the VMI annotation that pauses agent probes.
const annotation = "kubevirt.io/pause-guest-agent-probes"

// pauseAnnotation: GA-PAUSE-ANNOT.
func pauseAnnotation(c *court) {
	if !c.profile().PauseAnnotation {
		return
	}
	for _, v := range c.run.VMs {
		if !onlyPings(v) {
			continue
		}
		for _, w := range c.annotated(v) {
			for _, m := range v.Of(trace.GuestSaw) {
				if m.Value == agentEndpoint && m.T > w.lo && m.T < w.hi {
					c.fail(Failure{
						At: m.T, VM: v.Name, Instance: m.Instance, Event: m.Index,
						Message: "the agent was asked while its probes are paused",
						Want:    "success without contacting the agent while " + annotation + " is true",
					})
					break
				}
			}
			c.pausedFailures(v, w)
		}
	}
}

// pausedFailures reports pings that fail although they are paused.
func (c *court) pausedFailures(v *history.VM, w interval) {
	for _, x := range agentTries(v) {
		if x.s.Probe.Handler == probes.GuestAgentPing && x.t.Start > w.lo && x.t.End < w.hi && !x.t.Class.Passed() {
			c.failStint(x.s, Failure{
				At: x.t.End, Event: x.t.EndEvent,
				Message: fmt.Sprintf("attempt %d is a %s while agent probes are paused", x.a.Number, x.t.Class),
				Want:    "an immediate success",
			})
			return
		}
	}
}

// onlyPings tells whether nothing but pings asks the agent of the VM.
func onlyPings(v *history.VM) bool {
	pings := false
	for _, p := range v.Spec.Resolved.Probes {
		if p.Handler == probes.Exec {
			return false
		}
		pings = pings || p.Handler == probes.GuestAgentPing
	}
	return pings
}

// interval is open at both ends.
type interval struct{ lo, hi time.Duration }

// annotated returns when the annotation was in force for sure. It belongs to
// the VMI: the next one begins with what the manifest says.
func (c *court) annotated(v *history.VM) []interval {
	base := false
	if m := v.Spec.Machine; m != nil && m.VMI != nil {
		base, _ = strconv.ParseBool(m.VMI.Annotations[annotation])
	}
	type change struct {
		at time.Duration
		on bool
	}
	var changes []change
	for _, e := range c.run.Case.Events {
		if e.Kind == scenarios.Annotate && e.VM == v.Name {
			on, _ := strconv.ParseBool(e.Value)
			changes = append(changes, change{e.At, on})
		}
	}
	for _, m := range v.Of(trace.VMIDeleted) {
		changes = append(changes, change{m.T, base})
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	var list []interval
	on, since := base, time.Duration(0)
	for _, e := range changes {
		if on && !e.on {
			list = append(list, interval{since + annotationLatency, e.at})
		}
		if !on && e.on {
			since = e.at
		}
		on = e.on
	}
	if on {
		list = append(list, interval{since + annotationLatency, c.run.End})
	}
	return list
}
