package judge

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// names gives the names of a formula their values in one run, as seen from an
// expectation about one VM and one kind of probe.
type names struct {
	run   *history.Run
	vm    *history.VM
	kind  probes.Kind // of the probe meant by a bare "period"
	depth int         // of nested let names
}

// maxLetDepth ends a circle of let names; the decoder refuses circles.
const maxLetDepth = 32

// Lookup implements scenarios.Names.
func (n names) Lookup(name string) (scenarios.Value, bool) {
	base, number, numbered := cutNumber(name)
	if numbered {
		t, ok := n.occurrence(base, number)
		return duration(t), ok
	}
	if v, ok := n.let(name); ok {
		return v, true
	}
	if v, ok := n.field(name); ok {
		return v, true
	}
	if t, ok := n.planned(name); ok {
		return duration(t), true
	}
	// "web.readiness.period" and "web.NAME" speak of another VM.
	if first, rest, dotted := strings.Cut(name, "."); dotted {
		if other := n.run.VM(first); other != nil && other != n.vm {
			return names{run: n.run, vm: other, kind: n.kind, depth: n.depth}.Lookup(rest)
		}
	}
	return scenarios.Value{}, false
}

func duration(t time.Duration) scenarios.Value {
	return scenarios.Value{N: int64(t), IsDuration: true}
}

// cutNumber takes "NAME#2.end" apart into "NAME.end" and 2.
func cutNumber(name string) (base string, number int, ok bool) {
	before, after, found := strings.Cut(name, "#")
	if !found {
		return name, 0, false
	}
	digits, rest, dotted := strings.Cut(after, ".")
	number, err := strconv.Atoi(digits)
	if err != nil || number < 1 {
		return name, 0, false
	}
	if dotted {
		before += "." + rest
	}
	return before, number, true
}

func (n names) let(name string) (scenarios.Value, bool) {
	if n.depth >= maxLetDepth {
		return scenarios.Value{}, false
	}
	for _, l := range n.run.Case.Let {
		if l.Name == name {
			inner := n
			inner.depth++
			v, err := l.Expr.Eval(inner)
			return v, err == nil
		}
	}
	return scenarios.Value{}, false
}

// field is a number of a probe, of the VM or of the profile.
func (n names) field(name string) (scenarios.Value, bool) {
	if word, rest, dotted := strings.Cut(name, "."); dotted {
		for k := probes.Readiness; k <= probes.Startup; k++ {
			if k.String() == word {
				return n.ofProbe(n.vm.Probe(k), rest)
			}
		}
		return scenarios.Value{}, false
	}
	switch name {
	case "terminationGracePeriod":
		return duration(n.vm.Spec.Resolved.Grace), true
	case "delayExtra":
		return duration(n.run.Case.Profile.DelayExtra), true
	case "tries":
		return scenarios.Value{N: int64(n.run.Case.Profile.Tries)}, true
	}
	p := n.vm.Probe(n.kind)
	if list := n.vm.Spec.Resolved.Probes; p == nil && len(list) == 1 {
		p = &list[0]
	}
	return n.ofProbe(p, name)
}

func (n names) ofProbe(p *probes.Probe, field string) (scenarios.Value, bool) {
	if p == nil {
		return scenarios.Value{}, false
	}
	switch field {
	case "initialDelay":
		return duration(p.InitialDelay), true
	case "period":
		return duration(p.Period), true
	case "timeout":
		return duration(p.Timeout), true
	case "failureThreshold":
		return scenarios.Value{N: int64(p.FailureThreshold)}, true
	case "successThreshold":
		return scenarios.Value{N: int64(p.SuccessThreshold)}, true
	case "hang":
		return duration(n.hang(p).Hi), true
	case "hangMin":
		return duration(n.hang(p).Lo), true
	}
	return scenarios.Value{}, false
}

// hang is how long an attempt takes that the guest never answers.
func (n names) hang(p *probes.Probe) bounds.Window {
	mode := bounds.Hang
	switch p.Handler {
	case probes.TCPSocket:
		mode = bounds.Blackhole // a silent listener is a success
	case probes.GuestAgentPing:
		mode = bounds.AgentHung
	}
	return bounds.FaultOf(*p, n.run.Case.Profile, mode).Attempt
}

// planned is the instant of a step, fault, event or power step by its "as",
// or the end of its window.
func (n names) planned(name string) (time.Duration, bool) {
	base, isEnd := strings.CutSuffix(name, ".end")
	for _, f := range n.run.Case.Faults {
		if f.As == base {
			return n.edge(f.At, f.For, isEnd), true
		}
	}
	for _, e := range n.run.Case.Events {
		if e.As == base {
			return n.edge(e.At, e.For, isEnd), true
		}
	}
	for _, v := range n.ownFirst() {
		if at, length, ok := step(&v.Spec.Program, base); ok {
			return n.edge(at, length, isEnd), true
		}
		if at, length, ok := step(&v.Spec.EveryBoot, base); ok {
			if boots := v.Of(trace.GuestBoot); len(boots) > 0 {
				return n.edge(boots[0].T+at, length, isEnd), true
			}
			return 0, false
		}
	}
	return 0, false
}

func (n names) edge(at, length time.Duration, end bool) time.Duration {
	switch {
	case !end:
		return at
	case length < 0:
		return n.run.End
	}
	return at + length
}

func (n names) ownFirst() []*history.VM {
	list := []*history.VM{n.vm}
	for _, v := range n.run.VMs {
		if v != n.vm {
			list = append(list, v)
		}
	}
	return list
}

// step finds a named step of a program. The window of an endpoint's step ends
// with the next step of that endpoint, or never.
func step(p *fakevm.Program, name string) (at, length time.Duration, ok bool) {
	for _, e := range p.Endpoints {
		for i, s := range e.Steps {
			if s.As != name {
				continue
			}
			length = -1
			if i+1 < len(e.Steps) {
				length = e.Steps[i+1].At - s.At
			}
			return s.At, length, true
		}
	}
	for _, s := range p.Power {
		if s.As == name {
			return s.At, s.For, true
		}
	}
	return 0, 0, false
}

// occurrence is the n-th happening of something in the run.
func (n names) occurrence(base string, number int) (time.Duration, bool) {
	for k := probes.Readiness; k <= probes.Startup; k++ {
		if k.String() == base {
			list := n.vm.Attempts(k)
			if number > len(list) || !list[number-1].Ended() {
				return 0, false
			}
			return list[number-1].End, true
		}
	}
	switch base {
	case "boot":
		return nth(n.vm.Of(trace.GuestBoot), number)
	case "container":
		return nth(n.vm.Of(trace.ContainerStarted), number)
	case "liveFailed":
		return nth(n.vm.Of(trace.LivenessFailed), number)
	case "ready", "notReady":
		return nth(transitions(n.vm.Of(trace.Ready), base == "ready"), number)
	}
	return n.step(base, number)
}

func nth(list []history.Mark, number int) (time.Duration, bool) {
	if number > len(list) {
		return 0, false
	}
	return list[number-1].T, true
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

// step is the n-th coming into force of a named step: what the guest says of
// it, else its place after the n-th boot. Steps that the boot did not live to
// see have no instant.
func (n names) step(base string, number int) (time.Duration, bool) {
	name, isEnd := strings.CutSuffix(base, ".end")
	for _, v := range n.ownFirst() {
		at, length, ok := step(&v.Spec.EveryBoot, name)
		if !ok {
			if at, length, ok = step(&v.Spec.Program, name); ok && number == 1 {
				return n.edge(at, length, isEnd), true
			}
			continue
		}
		boots := v.Of(trace.GuestBoot)
		if number > len(boots) {
			return 0, false
		}
		start := boots[number-1].T + at
		if end := bootEnd(v, boots[number-1]); start > end {
			return 0, false
		}
		return n.edge(start, length, isEnd), true
	}
	return 0, false
}

// bootEnd is the instant at which a boot is over: the next boot or the end of
// its container.
func bootEnd(v *history.VM, boot history.Mark) time.Duration {
	end := history.Never
	if c := v.Container(boot.Instance); c != nil {
		end = c.Stop
	}
	list := v.Of(trace.GuestBoot)
	i := slices.IndexFunc(list, func(m history.Mark) bool { return m.Index > boot.Index })
	if i >= 0 {
		end = min(end, list[i].T)
	}
	return end
}
