package oracle

import (
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/sim/trace"
)

const (
	// minimumGrace is the least that the kubelet waits before SIGKILL.
	minimumGrace = 2 * time.Second
	// handlerLatency is what virt-handler may take to notice an expired
	// grace: it looks every 5 s.
	handlerLatency = 5 * time.Second
	// clockGrain is how much earlier it may find a grace over: it compares the
	// seconds of two clock readings (kubevirt v1.9.0 pkg/virt-handler/vm.go:1700).
	clockGrain = time.Second
	// launcherPatience is how much longer than the VMI's grace the launcher waits
	// before it destroys a domain whose grace virt-handler never saw begin: more
	// than 15 whole seconds, looked at every second.
	launcherPatience = 17 * time.Second
	// pressInterval separates two presses of the power button.
	pressInterval = 5 * time.Second
)

// killing is the end of one container: its verdict and the signals after it.
type killing struct {
	c       *court
	s       *history.Stint // of the probe that failed
	verdict history.Mark
	kills   []history.Mark // good until the next visit
}

// killings visits every container that a probe condemned.
func (c *court) killings(visit func(killing)) {
	c.stints(func(s *history.Stint) {
		if len(s.Verdicts) == 0 || terminating(s.VM, s.Container.Instance) <= s.Verdicts[0].T {
			return
		}
		k := killing{c: c, s: s, verdict: s.Verdicts[0], kills: c.lore.desk.kills[:0]}
		for _, m := range s.VM.Of(trace.Kill) {
			if m.Instance == s.Container.Instance && m.T >= k.verdict.T {
				k.kills = append(k.kills, m)
			}
		}
		c.lore.desk.kills = k.kills
		visit(k)
	})
}

// with returns the first signal of that kind.
func (k *killing) with(kind string) (history.Mark, bool) {
	for _, m := range k.kills {
		if m.Value == kind {
			return m, true
		}
	}
	return history.Mark{}, false
}

// migrated tells whether a migration was or had been under way: then the pod
// that ends is not the VMI (MIG-HTTP-LIVE).
func (k *killing) migrated() bool {
	return k.c.settled(k.s.VM) <= k.s.Container.Stop && k.s.VM.Migrates()
}

// grace is the time between the first signal and SIGKILL.
func (k *killing) grace() time.Duration {
	g := k.s.VM.Spec.Resolved.PodGrace
	if k.c.profile().Startup && k.s.Probe.TerminationGrace >= 0 {
		g = k.s.Probe.TerminationGrace
	}
	return max(g, minimumGrace)
}

// liveGrace: LIVE-GRACE.
func liveGrace(c *court) {
	c.killings(func(k killing) {
		if len(k.kills) == 0 {
			return // liveKill
		}
		first := k.kills[0].T
		vm := k.s.VM.Spec.Resolved.Grace
		if m, ok := k.with("destroy"); ok && c.profile().VM {
			k.between(m, first+max(vm-clockGrain, 0), first+vm+handlerLatency+k.unasked())
		}
		if c.profile().VM {
			k.pressed()
		}
		if m, ok := k.with("sigkill"); ok {
			k.between(m, first+k.grace(), first+k.grace())
		}
		if deadline := first + k.grace() + c.slack; k.s.Container.Stop > deadline && deadline < c.run.End {
			c.failStint(k.s, Failure{
				At: deadline, Event: k.kills[len(k.kills)-1].Index,
				Message: fmt.Sprintf("the container still runs %s after the first signal", Seconds(deadline-first)),
				Want:    fmt.Sprintf("SIGKILL after a grace of %s", Seconds(k.grace())),
			})
		}
	})
}

// unasked is how much later the domain may be destroyed because its guest could
// not be asked to shut down when the first signal came: libvirt refuses that to a
// domain that does not run, and KubeVirt counts the grace from when it did not.
func (k *killing) unasked() time.Duration {
	last := func(kind trace.Kind) (value string) {
		for _, m := range k.s.VM.Of(kind) {
			if m.Instance == k.s.Container.Instance && m.T <= k.kills[0].T {
				value = m.Value
			}
		}
		return value
	}
	// The API does not tell of a guest that has suspended itself.
	state := last(trace.DomainState)
	if (state == "" || state == "running") && last(trace.GuestPower) != "suspended" {
		return 0
	}
	return launcherPatience
}

// pressed: the power button is pressed again every five seconds while the
// domain is there.
func (k *killing) pressed() {
	last, ok := k.with("acpi")
	if !ok {
		return
	}
	end := min(k.s.Container.Stop, k.c.run.End, k.kills[0].T+k.s.VM.Spec.Resolved.Grace)
	for _, m := range k.s.VM.Of(trace.DomainState) {
		if m.Instance == k.s.Container.Instance && m.T >= last.T && m.Value == "shutoff" {
			end = min(end, m.T)
		}
	}
	for _, m := range k.kills {
		switch {
		case m.Value == "destroy" || m.Value == "sigkill":
			end = min(end, m.T)
		case m.Value == "acpi" && m.T-last.T <= pressInterval+k.c.slack:
			last = m
		}
	}
	if end-last.T > pressInterval+k.c.slack {
		k.c.failStint(k.s, Failure{
			At: last.T + pressInterval, Event: last.Index,
			Message: fmt.Sprintf("the power button pressed at %s is not pressed again in time", Seconds(last.T)),
			Want:    fmt.Sprintf("the ACPI signal every %s until the guest is off or destroyed", Seconds(pressInterval)),
		})
	}
}

func (k *killing) between(m history.Mark, lo, hi time.Duration) {
	if m.T >= lo && m.T <= hi+k.c.slack {
		return
	}
	k.c.failStint(k.s, Failure{
		At: m.T, Event: m.Index,
		Message: fmt.Sprintf("%s at %s", m.Value, Seconds(m.T)),
		Want:    fmt.Sprintf("%s when the grace after the first signal of %s is over", m.Value, Seconds(k.kills[0].T)),
		Window:  k.c.window(lo, hi),
	})
}

// finalPhase is the phase in which the VMI of a condemned container ended.
func (k *killing) finalPhase() (history.Mark, bool) {
	for _, m := range k.s.VM.Of(trace.VMIPhase) {
		if m.Instance == k.s.Container.Instance && m.T >= k.verdict.T && (m.Value == "Succeeded" || m.Value == "Failed") {
			return m, true
		}
	}
	return history.Mark{}, false
}

// livePhase: LIVE-PHASE.
func livePhase(c *court) {
	if p := c.profile(); !p.VM || p.RecreateAlways {
		return // there is no phase in a pod, and the guide names none
	}
	c.killings(func(k killing) {
		if k.migrated() {
			return
		}
		stop := k.s.Container.Stop
		m, ok := k.finalPhase()
		if !ok {
			if deadline := stop + 5*time.Second + c.slack; stop != history.Never && deadline < c.run.End {
				c.failStint(k.s, Failure{
					At: deadline, Event: k.s.Container.StopEvent,
					Message: "the VMI has no final phase", Want: "Succeeded or Failed once its container stopped",
				})
			}
			return
		}
		if want := k.phase(); m.Value != want {
			c.failStint(k.s, Failure{
				At: m.T, Event: m.Index, Message: "the VMI ended " + m.Value,
				Want: want + ": a guest that shuts down in its grace ends Succeeded, one that is destroyed Failed",
			})
		}
	})
}

// ran tells whether the VMI was Running before its container stopped.
func (k *killing) ran() bool {
	for _, m := range k.s.VM.Of(trace.VMIPhase) {
		if m.Value == "Running" && m.Instance == k.s.Container.Instance && m.T <= k.s.Container.Stop {
			return true
		}
	}
	return false
}

// phase derives the final phase from the signals and the guest. Where no guest
// has run there is none to shut down: the launcher vanished.
func (k *killing) phase() string {
	if !k.ran() {
		return "Failed"
	}
	if k.s.VM.Spec.Resolved.Grace == 0 {
		return "Succeeded"
	}
	for _, kind := range []string{"destroy", "sigkill"} {
		if _, ok := k.with(kind); ok {
			return "Failed"
		}
	}
	for _, m := range k.s.VM.Of(trace.GuestPower) {
		if m.Value == "crashed" && m.T >= k.verdict.T && m.T <= k.s.Container.Stop {
			return "Failed"
		}
	}
	return "Succeeded"
}

// backOff is the longest that a controller may take to a new instance.
const backOff = 300 * time.Second

// liveRecreate: LIVE-RECREATE.
func liveRecreate(c *court) {
	c.killings(func(k killing) {
		if k.migrated() {
			return
		}
		stop := k.s.Container.Stop
		must, never := k.recreated()
		if stop == history.Never || !must && !never {
			return
		}
		var next *history.Container
		for _, other := range k.s.VM.Containers {
			if other.Start >= stop && other.Instance > k.s.Container.Instance && next == nil {
				next = other
			}
		}
		if never && next != nil {
			c.failStint(k.s, Failure{
				At: next.Start, Event: next.StartEvent, Message: fmt.Sprintf("instance %d started", next.Instance),
				Want: "no new instance: " + k.policy(),
			})
		}
		if deadline := stop + backOff + c.slack; must && deadline < c.run.End && (next == nil || next.Start > deadline) {
			c.failStint(k.s, Failure{
				At: deadline, Event: k.s.Container.StopEvent, Message: "no new instance",
				Want: "a new instance within 300s: " + k.policy(),
			})
		}
	})
}

// policy says what decides about a new instance.
func (k *killing) policy() string {
	r := &k.s.VM.Spec.Resolved
	switch {
	case !k.c.profile().VM:
		return "restartPolicy " + string(r.RestartPolicy)
	case k.c.profile().RecreateAlways:
		return "the guide deletes the instance and creates a new one"
	case r.RunStrategy == "":
		return "nothing owns the VMI"
	case r.RunStrategy == spec.Halted:
		return "a VM that is Halted and was started is Always"
	}
	return "runStrategy " + string(r.RunStrategy)
}

// recreated tells what must become of a condemned container; neither when it
// cannot be said.
func (k *killing) recreated() (must, never bool) {
	r := &k.s.VM.Spec.Resolved
	switch {
	case !k.c.profile().VM:
		policy := string(r.RestartPolicy)
		return policy == "Always" || policy == "", policy == "Never"
	case k.c.profile().RecreateAlways:
		return true, false
	}
	switch r.RunStrategy.Started() {
	case spec.Always:
		return true, false
	case spec.RerunOnFailure:
		m, ok := k.finalPhase()
		return ok && m.Value == "Failed", ok && m.Value == "Succeeded"
	default:
		return false, true
	}
}
