package oracle

import (
	"fmt"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// arrival is how long a request may be under way.
const arrival = time.Second / 2

// seenHold: LIVE-HOLD.
func seenHold(c *court) {
	c.sights(func(w *sight) {
		if len(w.s.Verdicts) == 0 {
			return
		}
		verdict := w.s.Verdicts[0].T
		if len(w.s.Verdicts) > 1 {
			m := w.s.Verdicts[1]
			w.fail("", m.T, m.Index, "a second verdict on the same container", "one liveness failure a container")
			return
		}
		for i := range w.list {
			if x := &w.list[i]; x.first > verdict+arrival {
				w.fail("", x.first, x.event,
					fmt.Sprintf("the guest was asked at %s, after the verdict of %s", Seconds(x.first), Seconds(verdict)),
					"no attempt until there is a new container")
				return
			}
		}
	})
}

// seenGate: STARTUP-GATE. Nothing but startup is asked before a startup
// attempt may have passed, and no startup attempt follows the one after which
// it must have.
func seenGate(c *court) {
	opened := map[*history.Container]time.Duration{}
	shut := map[*history.Container]time.Duration{}
	c.sights(func(w *sight) {
		if w.s.Probe.Kind != probes.Startup {
			return
		}
		may, must := w.mayPass(), history.Never
		for i := range w.list {
			x := &w.list[i]
			if x.must(true) && w.s.Probe.SuccessThreshold <= 1 {
				must = min(must, x.end())
			}
			if must != history.Never && x.first > must+arrival {
				w.fail("", x.first, x.event, fmt.Sprintf("a startup attempt at %s, after it had passed", Seconds(x.first)),
					"no startup attempt after its verdict")
				return
			}
		}
		if agentHandler(w.s.Probe.Handler) && w.blindIn(w.s.Container.Start, may) {
			return // it may have passed unseen
		}
		opened[w.s.Container], shut[w.s.Container] = may, must
	})
	c.sights(func(w *sight) {
		open, known := opened[w.s.Container]
		if w.s.Probe.Kind == probes.Startup || !known || len(w.list) == 0 {
			return
		}
		if x := &w.list[0]; x.first < open-w.c.haste() {
			w.fail("", x.first, x.event, fmt.Sprintf("the guest was asked at %s, before the startup probe can have passed", Seconds(x.first)),
				"no attempt before the startup probe succeeds")
		}
	})
}

// mayPass is the first instant at which the probe may have passed.
func (w *sight) mayPass() time.Duration {
	for i := range w.list {
		if x := &w.list[i]; x.may(true) {
			return x.last + x.least
		}
	}
	return history.Never
}

// seenTerminating: TERM-LIVENESS-OFF.
func seenTerminating(c *court) {
	c.sights(func(w *sight) {
		since := terminating(w.s.VM, w.s.Container.Instance)
		if w.s.Probe.Kind == probes.Readiness || since == history.Never {
			return
		}
		last := -history.Never
		for i := range w.list {
			x := &w.list[i]
			if x.first > since+arrival {
				w.fail("", x.first, x.event,
					fmt.Sprintf("the guest was asked at %s, the pod terminates since %s", Seconds(x.first), Seconds(since)),
					fmt.Sprintf("no %s attempt of a terminating pod", w.s.Probe.Kind))
				return
			}
			last = x.end()
		}
		for _, m := range w.s.Verdicts {
			// An attempt in flight goes on, and it may be unseen.
			if m.T > max(since+w.busy(), last)+c.slack {
				w.fail("", m.T, m.Index, "a liveness verdict on a terminating pod", "liveness counts as success while the pod terminates")
			}
		}
	})
}

// seenStopped: NONRUNNING-FAIL. A guest outlives its container only where it
// moves; what is asked then is asked of the wrong one.
func seenStopped(c *court) {
	for _, v := range c.run.VMs {
		for _, k := range v.Containers {
			if k.Stop == history.Never || v.Migrates() {
				continue
			}
			c.judged = true
			for _, m := range v.Of(trace.GuestSaw) {
				if m.Instance == k.Instance && m.T > k.Stop+c.slack && strings.HasPrefix(m.Msg, "{") {
					c.fail(Failure{
						At: m.T, VM: v.Name, Instance: m.Instance, Event: m.Index,
						Message: fmt.Sprintf("the guest was asked at %s, its container stopped at %s", Seconds(m.T), Seconds(k.Stop)),
						Want:    "no attempt on a container that does not run",
					})
					break
				}
			}
			deadline, alone := k.Stop+c.slack, true
			if next := c.heldOver(v, k); next != nil {
				if v.Probe(probes.Readiness) == nil && v.Probe(probes.Startup) == nil {
					continue
				}
				deadline, alone = next.Start+c.slack, false // it begins as not ready
			}
			if deadline < c.settled(v) && (!alone || c.onlyContainer(v, k, deadline)) && readyAllAlong(v, k.Stop, deadline) {
				c.fail(Failure{
					At: deadline, VM: v.Name, Instance: k.Instance, Event: k.StopEvent,
					Message: fmt.Sprintf("still ready after the container stopped at %s", Seconds(k.Stop)),
					Want:    "not ready at once, without a threshold",
				})
			}
		}
	}
}

// onlyContainer tells whether no other container of the VM runs at t.
func (c *court) onlyContainer(v *history.VM, k *history.Container, t time.Duration) bool {
	for _, other := range v.Containers {
		if other != k && other.Start <= t && other.Stop > t {
			return false
		}
	}
	return true
}

// readyAllAlong tells whether Ready is true at every instant of [lo, hi].
func readyAllAlong(v *history.VM, lo, hi time.Duration) bool {
	if !valueAt(v.Of(trace.Ready), lo) {
		return false
	}
	for _, m := range v.Of(trace.Ready) {
		if m.T > lo && m.T <= hi && !m.OK {
			return false
		}
	}
	return true
}

// seenSingleFlight: GA-SINGLE-FLIGHT. The agent gets no command while it owes
// the answer to another one whose asker is still patient.
func seenSingleFlight(c *court) {
	for _, v := range c.run.VMs {
		patience := history.Never
		for i := range v.Spec.Resolved.Probes {
			if p := &v.Spec.Resolved.Probes[i]; agentHandler(p.Handler) {
				patience = min(patience, p.Timeout, max(c.profile().AgentInner, time.Second))
			}
		}
		if patience == history.Never || len(v.Of(trace.GuestBoot)) == 0 {
			continue
		}
		c.judged = true
		var before *history.Mark
		for _, m := range v.Of(trace.GuestSaw) {
			if m.Value != string(fakevm.Agent) || !strings.HasPrefix(m.Msg, "{") {
				continue
			}
			if before != nil && m.T < before.T+min(c.lore.replyDelay(before.Msg), patience)-c.haste() {
				if _, anew := c.lastRestart(before.T, m.T); !anew && m.Instance == before.Instance {
					c.fail(Failure{
						At: m.T, VM: v.Name, Instance: m.Instance, Event: m.Index,
						Message: fmt.Sprintf("the agent got a command while it worked on the one of %s", Seconds(before.T)),
						Want:    "one agent command at a time; others wait for the job lock",
					})
					break
				}
			}
			before = &m
		}
	}
}
