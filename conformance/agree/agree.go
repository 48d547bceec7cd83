// Package agree compares two runs of one case on different ground: where the
// simulator and a real testbed part, one of them is wrong, and nearly always
// it is the simulator.
//
// Both runs have the same seed and so the same phases: attempt n of one is
// attempt n of the other, a moment apart.
package agree

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Side is one of the runs.
type Side struct {
	Testbed string
	Trace   *trace.Trace
	Verdict judge.Verdict
	// Free: the ticks of its prober are its own, not those of the seed.
	Free bool
}

// Difference is one thing that the two runs disagree about.
type Difference struct {
	At   time.Duration // in the first run, or in the second where only that has it
	What string        // "web: readiness attempt 3 of instance 1"
	A, B string        // what each side says
}

// tolerance is how far apart two equal things may be: what a platform and real
// sockets take, and the end of the run may swallow.
const tolerance = time.Second

// Compare finds where the sides differ in verdict, in the class of an attempt,
// or in a change of Ready or liveness. The first difference in time is the
// first in the list.
//
// Where an attempt was under way when the guest changed, the runs may part, and
// nothing that follows is compared: undecided names it. A difference before it is
// one.
func Compare(c *scenarios.Case, a, b *Side) (all []Difference, undecided string) {
	if a.Verdict.Result != b.Verdict.Result {
		all = append(all, Difference{What: "verdict", A: string(a.Verdict.Result), B: string(b.Verdict.Result)})
	}
	free := a.Free || b.Free
	first, second := history.New(c, a.Trace), history.New(c, b.Trace)
	for i, v := range first.VMs {
		for k := probes.Readiness; k <= probes.Startup; k++ {
			all = append(all, attempts(c, v, second.VMs[i], k)...)
		}
		for _, kind := range []trace.Kind{trace.Ready, trace.LivenessFailed, trace.Restart} {
			all = append(all, changes(c, v, second.VMs[i], kind, free)...)
		}
	}
	slices.SortStableFunc(all, func(a, b Difference) int { return cmp.Compare(a.At, b.At) })
	if p := firstParting(first, second); p != nil && a.Verdict.Result == b.Verdict.Result {
		all = slices.DeleteFunc(all, func(d Difference) bool { return d.At >= p.at })
		if len(all) == 0 {
			undecided = p.name + " was under way when the guest changed"
		}
	}
	return all, undecided
}

// entry is one thing of a run that has to be in the other one.
type entry struct {
	name, value string
	at          time.Duration
	apart       time.Duration // how far the other one may lie, to either side
	early, late time.Duration // and beyond that
}

func attemptName(v *history.VM, k probes.Kind, i int, instance int32) string {
	return fmt.Sprintf("%s: %s attempt %d of instance %d", v.Name, k, i+1, instance)
}

// attempts compares classes. When each attempt was is no matter: where one ends
// at the instant of a tick, either order of the two is lawful.
func attempts(c *scenarios.Case, a, b *history.VM, k probes.Kind) []Difference {
	list := func(v *history.VM) []entry {
		var out []entry
		for _, s := range v.Stints(k) {
			for i, x := range s.Attempts {
				if x.Ended() {
					out = append(out, entry{name: attemptName(v, k, i, s.Container.Instance), value: x.Class.String(), at: x.End, apart: tolerance})
				}
			}
		}
		return out
	}
	first, second := list(a), list(b)
	at := map[string]time.Duration{}
	for _, y := range second {
		at[y.name] = y.at
	}
	for i := range first {
		if t, ok := at[first[i].name]; ok {
			first[i].at = t
		}
	}
	end := time.Duration(0)
	if p := a.Probe(k); p != nil {
		end = p.Period // one more or one less at the end
	}
	return match(first, second, c.Until-end-tolerance)
}

// apart is how far two equal changes of a VM may lie apart. With other ticks each
// container adds what its probes may come later, and its start.
func apart(v *history.VM, instance int32, free bool) time.Duration {
	if !free {
		return tolerance
	}
	each := 3 * tolerance
	for i := range v.Spec.Resolved.Probes {
		each += v.Spec.Resolved.Probes[i].Period
	}
	return each * time.Duration(max(instance, 1))
}

// drift is how much earlier or later the second run may be about an instance
// because its platform was: it starts containers, and domains in them, when it can,
// and a VM is not ready before it runs. What the probes add to either is the same.
func drift(a, b *history.VM, instance int32) (early, late time.Duration) {
	for _, moment := range []func(*history.VM, int32) (time.Duration, bool){started, running} {
		x, ok := moment(a, instance)
		y, both := moment(b, instance)
		if ok && both {
			early, late = min(early, y-x), max(late, y-x)
		}
	}
	return early, late
}

// started is when the container of an instance started.
func started(v *history.VM, instance int32) (time.Duration, bool) {
	k := v.Container(instance)
	if k == nil {
		return 0, false
	}
	return k.Start, true
}

// running is when the VMI of an instance became Running.
func running(v *history.VM, instance int32) (time.Duration, bool) {
	for _, m := range v.Of(trace.VMIPhase) {
		if m.Instance == instance && m.Value == "Running" {
			return m.T, true
		}
	}
	return 0, false
}

func changes(c *scenarios.Case, a, b *history.VM, kind trace.Kind, free bool) []Difference {
	list := func(v *history.VM) []entry {
		var out []entry
		value := false
		for _, m := range v.Of(kind) {
			if kind == trace.Ready && m.OK == value {
				continue
			}
			value = m.OK
			word := kind.String()
			if kind == trace.Ready {
				word = fmt.Sprintf("%s %v", kind, m.OK)
			}
			e := entry{name: fmt.Sprintf("%s: change %d of %s", v.Name, len(out)+1, kind), value: word, at: m.T, apart: apart(v, m.Instance, free)}
			if free && kind == trace.Ready {
				e.early, e.late = drift(a, b, m.Instance)
			}
			out = append(out, e)
		}
		return out
	}
	return match(list(a), list(b), c.Until-apart(a, 1, free))
}

// match compares two lists by the names of their entries. The end of the run,
// from last on, may swallow what is under way.
func match(a, b []entry, last time.Duration) []Difference {
	byName := map[string]entry{}
	for _, y := range b {
		byName[y.name] = y
	}
	var out []Difference
	say := func(at time.Duration, what, a, b string) {
		if at < last {
			out = append(out, Difference{at, what, a, b})
		}
	}
	for _, x := range a {
		y, ok := byName[x.name]
		delete(byName, x.name)
		switch later := y.at - x.at; {
		case !ok && x.at+x.late >= last: // it would have come after the end
		case !ok:
			say(x.at, x.name, x.String(), "nothing")
		case x.value != y.value || later < x.early-x.apart || later > x.late+x.apart:
			say(x.at, x.name, x.String(), y.String())
		}
	}
	for _, y := range b {
		if _, alone := byName[y.name]; alone {
			say(y.at, y.name, "nothing", y.String())
		}
	}
	return out
}

func (e entry) String() string { return e.value + " at " + oracle.Seconds(e.at) }
