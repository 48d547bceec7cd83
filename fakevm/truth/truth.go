// Package truth is the truth table of semantics 1.4 to 1.7 as code: what one
// try of a probe must come to, given what the guest is scripted to do. It
// shares nothing with the code that makes tries; where HTTP must be parsed it
// asks net/http.
//
// A verdict holds for one try of one endpoint that is up, on a network without
// faults, against a guest that runs and is neither frozen nor paused; for the
// agent also: no migration, no pause annotation, nobody else holds the job
// lock. Whoever injects such things must widen the verdict or not ask.
package truth

import (
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
)

// Classes is a set of result classes.
type Classes uint8

// Set makes a set.
func Set(cs ...probes.Class) Classes {
	var s Classes
	for _, c := range cs {
		s |= 1 << c
	}
	return s
}

// Has tells whether a class is in the set.
func (s Classes) Has(c probes.Class) bool { return s&(1<<c) != 0 }

// Only is the one class of the set, NoClass when there are none or several.
func (s Classes) Only() probes.Class {
	for c := probes.Success; c <= probes.Errored; c++ {
		if s == 1<<c {
			return c
		}
	}
	return probes.NoClass
}

// String gives the letters in the order SWFE.
func (s Classes) String() string {
	var b strings.Builder
	for c := probes.Success; c <= probes.Errored; c++ {
		if s.Has(c) {
			b.WriteByte(c.Letter())
		}
	}
	return b.String()
}

// NetModel is the network of the try.
type NetModel struct {
	// OneWay is the latency of the network in each direction; on the
	// simulated network 250 µs, constant.
	OneWay time.Duration
	// Channel is the latency of the agent's channel in each direction; on
	// the simulated one 50 µs.
	Channel time.Duration
	// Wall: a real network. No duration is exact, and what races on real
	// sockets may come out either way.
	Wall bool
	// Address is the pod's, for redirects that name it; may be empty.
	Address string
}

// Simulated is the network of package sim/network without faults.
func Simulated() NetModel {
	return NetModel{OneWay: 250 * time.Microsecond, Channel: 50 * time.Microsecond}
}

// SyncState is what libvirt knows of the agent's channel before the try.
type SyncState uint8

// The states of a channel (GA-SYNC, GA-GARBAGE).
const (
	SyncUnknown SyncState = iota // either of the next two
	OutOfSync                    // a guest-sync comes first: after a connect or a timeout
	InSync
	Broken // an error sticks until the agent reconnects
)

// Answer is what the guest does with one try.
type Answer struct {
	// Kind of the endpoint that the probe meets, and its reply; a nil Reply
	// means that nothing is there: no listener, no agent, no command.
	Kind  fakevm.EndpointKind
	Reply *fakevm.Reply
	// Agent is the agent's reply to the guest-exec of an exec probe in a VM;
	// nil is a healthy agent. AgentDown: there is none.
	Agent     *fakevm.Reply
	AgentDown bool
	// Sync is the state of the agent's channel.
	Sync SyncState
}

// Verdict is what one try may come to.
type Verdict struct {
	Classes Classes
	// Min and Max bound the duration of the try, both inclusive.
	Min, Max time.Duration
	// Exact: the class is the only one and Min == Max is the duration to the
	// nanosecond.
	Exact bool
	// Rule is the requirement that decides.
	Rule string
}

// Of gives the verdict on one try of a probe in a profile. ok is false when
// the reply alone does not decide: a redirect that is followed to somewhere
// else, an unresolvable port is decided (class E), and a probe without a
// handler is not.
func Of(p *probes.Probe, prof *probes.Profile, a Answer, net NetModel) (v Verdict, ok bool) {
	switch p.Handler {
	case probes.HTTPGet:
		v, ok = httpTry(p, prof, a, net)
	case probes.TCPSocket:
		v, ok = tcpTry(p, a, net), true
	case probes.GuestAgentPing:
		v, ok = pingTry(p, prof, a, net), true
	case probes.Exec:
		v, ok = execTry(p, prof, a, net), true
	case probes.NoHandler:
		return Verdict{}, false
	}
	if net.Wall {
		v.Exact = false
	}
	return v, ok
}

// Attempt is the verdict on a whole attempt whose tries all meet the same
// answer: errors are tried again at once, up to so many tries in all
// (TIM-RETRY).
func (v Verdict) Attempt(tries int32) Verdict {
	if v.Classes.Has(probes.Errored) && tries > 1 {
		if v.Classes == Set(probes.Errored) {
			v.Min *= time.Duration(tries)
		} else {
			v.Exact = false
		}
		v.Max *= time.Duration(tries)
	}
	return v
}

// Counts tells what the verdict does to the run of successes and failures:
// every class in the set passes, every one fails, every one is thrown away
// (THR-ERR-DISCARD), or it depends.
func (v Verdict) Counts() Effect {
	switch {
	case v.Classes&^Set(probes.Success, probes.Warning) == 0:
		return Passes
	case v.Classes == Set(probes.Failure):
		return Fails
	case v.Classes == Set(probes.Errored):
		return Discarded
	}
	return Depends
}

// Effect is what an attempt does to the worker's run.
type Effect string

// The effects.
const (
	Passes    Effect = "passes"
	Fails     Effect = "fails"
	Discarded Effect = "discarded"
	Depends   Effect = "depends"
)

// at is an exact verdict.
func at(c probes.Class, d time.Duration, rule string) Verdict {
	return Verdict{Classes: Set(c), Min: d, Max: d, Exact: true, Rule: rule}
}

// either joins two verdicts.
func either(a, b Verdict) Verdict {
	return Verdict{
		Classes: a.Classes | b.Classes, Min: min(a.Min, b.Min), Max: max(a.Max, b.Max),
		Exact: a.Exact && b.Exact && a.Classes == b.Classes && a.Min == b.Min, Rule: a.Rule,
	}
}

// unresolved tells whether a port cannot be dialled at all (VAL-PORT,
// VAL-NAMED-PORT).
func unresolved(p probes.Port) bool { return p.Number < 1 || p.Number > 65535 }
