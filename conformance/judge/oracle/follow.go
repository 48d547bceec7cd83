package oracle

import (
	"fmt"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// want is what a followed value must be; either binds nothing.
type want uint8

const (
	either want = iota
	wantFalse
	wantTrue
)

func wants(ok bool) want {
	if ok {
		return wantTrue
	}
	return wantFalse
}

// phaseOf is a want from an instant on.
type phaseOf struct {
	from  time.Duration
	want  want
	event int // the event that caused it
}

// course is a want over time.
type course []phaseOf

// set appends a want; the last one of an instant counts.
func (k course) set(at time.Duration, w want, event int) course {
	if n := len(k); n > 0 && k[n-1].want == w {
		return k
	}
	return append(k, phaseOf{at, w, event})
}

// end is the instant at which phase i is over.
func (k course) end(i int, last time.Duration) time.Duration {
	if i+1 < len(k) {
		return k[i+1].from
	}
	return last
}

// allows tells whether value may appear at t: it was wanted at some time in
// the slack before, or will be within the lead.
func (k course) allows(ok bool, t, slack, lead time.Duration) bool {
	for i, p := range k {
		if p.want != either && (p.want == wantTrue) != ok {
			continue
		}
		if p.from-lead <= t && k.end(i, history.Never) >= t-slack {
			return true
		}
	}
	return false
}

// follow holds the marks of one VM to a course up to the instant last: no
// change that was not wanted, and each want fulfilled within the slack. The
// lead is by how much a change may come before what it is compared with.
func (c *court) follow(v *history.VM, marks []history.Mark, k course, lead, last time.Duration, name, rule string) {
	value := false
	for _, m := range marks {
		if m.T >= last {
			break
		}
		if m.OK != value && !k.allows(m.OK, m.T, c.slack, lead) {
			c.fail(Failure{
				At: m.T, VM: v.Name, Instance: m.Instance, Event: m.Index,
				Message: fmt.Sprintf("%s became %v", name, m.OK), Want: rule,
			})
			return
		}
		value = m.OK
	}
	for i, p := range k {
		deadline := p.from + c.slack
		if p.want == either || deadline >= min(k.end(i, last), last) {
			continue
		}
		if got := valueAt(marks, deadline); got != (p.want == wantTrue) {
			c.fail(Failure{
				At: deadline, VM: v.Name, Event: p.event,
				Message: fmt.Sprintf("%s is still %v", name, got), Want: rule,
				Window: c.window(p.from, p.from),
			})
			return
		}
	}
}

func valueAt(marks []history.Mark, t time.Duration) bool {
	ok := false
	for _, m := range marks {
		if m.T > t {
			break
		}
		ok = m.OK
	}
	return ok
}

// settled is the instant until which one container alone decides: a migration
// hands Ready over to another pod, which the timeline judge looks at.
func (c *court) settled(v *history.VM) time.Duration {
	end := c.run.End
	for _, m := range v.Of(trace.MigrationStarted) {
		end = min(end, m.T)
	}
	for _, k := range v.Containers {
		if k.Side == "target" {
			end = min(end, k.Start)
		}
	}
	return end
}

// timeline merges marks of several kinds in the order of the trace. They are
// good until the next call.
func (c *court) timeline(v *history.VM, kinds ...trace.Kind) []history.Mark {
	all := c.lore.desk.marks[:0]
	for _, k := range kinds {
		all = append(all, v.Of(k)...)
	}
	slices.SortFunc(all, func(a, b history.Mark) int { return a.Index - b.Index })
	c.lore.desk.marks = all
	return all
}

// readyCondition: KV-READY-COND; in the other profiles the same without the
// phase, reported as READY-ENDPOINT.
func readyCondition(c *court) {
	if !kubeVirt(c.profile()) {
		c.requirement = "READY-ENDPOINT"
	}
	for _, v := range c.run.VMs {
		if len(v.Containers) == 0 {
			continue
		}
		c.follow(v, v.Of(trace.Ready), c.readyCourse(v), 0, c.settled(v), "Ready",
			"Ready follows the readiness probe of a running VM")
	}
}

func kubeVirt(p *probes.Profile) bool { return p.VM && !p.RecreateAlways }

// readyCourse derives the Ready condition from containers, probe states,
// phases, terminations and pauses. It is good until another course is.
func (c *court) readyCourse(v *history.VM) course {
	var (
		k       course
		now     *history.Container
		running bool
		phase   = "Running"
		paused  bool
		ending  bool
		held    bool
		state   [probes.Startup + 1]bool
	)
	k = c.lore.desk.course[:0]
	if c.profile().VM && len(v.Of(trace.VMIPhase)) > 0 {
		phase = ""
	}
	for _, m := range c.timeline(v, trace.ContainerStarted, trace.ContainerStopped, trace.ProbeState,
		trace.VMIPhase, trace.DomainState, trace.Terminating) {
		switch m.Kind {
		case trace.ContainerStarted:
			now, running, ending, paused, held = v.Container(m.Instance), true, false, false, false
			state = [probes.Startup + 1]bool{}
		case trace.ContainerStopped:
			if running && now.Instance == m.Instance {
				running, held = false, c.heldOver(v, now) != nil
			}
		case trace.ProbeState:
			if now != nil && m.Instance == now.Instance && int(m.Probe) < len(state) {
				state[m.Probe] = m.OK
			}
		case trace.VMIPhase:
			phase = m.Value
		case trace.DomainState:
			paused = m.Value == "paused"
		case trace.Terminating:
			ending = true
		default:
		}
		w := wants(running && c.probed(v, state))
		switch {
		case c.profile().VM && phase != "Running":
			w = wantFalse
		case w == wantFalse && running && !c.run.View.ShowsAttempts():
			w = either // the probes did not tell
		case w == wantFalse && held:
			w = either
		case w == wantFalse:
		case ending && kubeVirt(c.profile()):
			w = wantFalse
		case ending || paused: // gatePaused looks at pauses
			w = either
		}
		k = k.set(m.T, w, m.Index)
	}
	c.lore.desk.course = k
	return k
}

// probed tells whether the probes of a container let it be ready.
func (c *court) probed(v *history.VM, state [probes.Startup + 1]bool) bool {
	for _, k := range []probes.Kind{probes.Readiness, probes.Startup} {
		if v.Probe(k) != nil && !state[k] {
			return false
		}
	}
	return true
}

// gatePaused: KV-GATE-PAUSED.
func gatePaused(c *court) {
	if !kubeVirt(c.profile()) {
		return
	}
	for _, v := range c.run.VMs {
		var k course
		for _, m := range v.Of(trace.DomainState) {
			w := either
			if m.Value == "paused" {
				w = wantFalse
			}
			k = k.set(m.T, w, m.Index)
		}
		if len(k) > 0 {
			// Before the first state of the domain everything goes.
			k = append(course{{from: -1 << 62, want: either}}, k...)
			c.follow(v, v.Of(trace.Ready), k, 0, c.settled(v), "Ready", "a paused VM is not ready, whatever its probes say")
		}
	}
}

// beforeRunning tells whether a VMI in that phase has no guest yet.
func beforeRunning(phase string) bool {
	return phase == "Pending" || phase == "Scheduling" || phase == "Scheduled"
}

// readyEndpoint: READY-ENDPOINT. Judged when the trace has endpoints.
func readyEndpoint(c *court) {
	for _, v := range c.run.VMs {
		if len(v.Of(trace.Endpoint)) == 0 {
			continue
		}
		k := append(c.lore.desk.course[:0], phaseOf{from: -1 << 62, want: wantFalse, event: history.NoEvent})
		ending, ready := false, false
		for _, m := range c.timeline(v, trace.Ready, trace.Terminating, trace.VMIPhase) {
			switch m.Kind {
			case trace.Ready:
				w := wants(m.OK)
				if m.OK && terminating(v, m.Instance) <= m.T && m.Instance != 0 {
					w = wantFalse
				}
				if !m.OK && ending {
					w = either
				}
				k = k.set(m.T, w, m.Index)
				ready = m.OK
			case trace.Terminating:
				ending = false
				k = k.set(m.T, wantFalse, m.Index)
			case trace.VMIPhase:
				// The endpoint follows the pod: that the guest is over makes
				// the VMI not ready, the pod only when its container stops.
				ending = (m.Value == "Succeeded" || m.Value == "Failed") && terminating(v, m.Instance) > m.T
				switch {
				case ending || c.profile().VM && beforeRunning(m.Value):
					// Before the guest runs a pod may be ready already, by pings
					// that are let pass (GA-SUPPRESS-PAUSE); the VMI is not.
					k = k.set(m.T, either, m.Index)
				case m.Value == "Running":
					k = k.set(m.T, wants(ready), m.Index)
				}
			default:
			}
		}
		c.lore.desk.course = k
		// Endpoint and Ready follow the pod side by side: either may be first.
		c.follow(v, v.Of(trace.Endpoint), k, c.slack, c.settled(v), "the endpoint", "the endpoint follows Ready, and a terminating pod is out")
	}
}
