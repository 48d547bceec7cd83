package agree

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// parting is an attempt that came to another class because the guest changed at
// about its instant: one run met the guest as it was before, the other one as it
// was after, and each is right. What follows from it tells nothing.
type parting struct {
	name string
	at   time.Duration
}

// firstParting finds the first such attempt of two runs, nil when there is none.
func firstParting(a, b *history.Run) *parting {
	var first *parting
	for i, v := range a.VMs {
		for k := probes.Readiness; k <= probes.Startup; k++ {
			for _, s := range v.Stints(k) {
				if p := part(s, b.VMs[i]); p != nil && (first == nil || p.at < first.at) {
					first = p
				}
			}
		}
	}
	return first
}

// part looks where the attempts of an instance come to another class than those
// of the other run: did they meet the same guest?
func part(s *history.Stint, b *history.VM) *parting {
	instance := s.Container.Instance
	c := b.Container(instance)
	if c == nil || c.Stint(s.Probe.Kind) == nil {
		return nil
	}
	others := c.Stint(s.Probe.Kind).Attempts
	for i, x := range s.Attempts[:min(len(s.Attempts), len(others))] {
		y := others[i]
		if !x.Ended() || !y.Ended() {
			return nil
		}
		if x.Class == y.Class {
			continue
		}
		if met(s.VM, x) == met(b, y) || (y.Start-x.Start).Abs() >= min(tolerance, s.Probe.Period) {
			return nil // the guest was the same, or the attempts are not
		}
		return &parting{attemptName(s.VM, s.Probe.Kind, i, instance), min(x.Start, y.Start)}
	}
	return nil
}

// guestChanges are the events from which on a guest answers in another way.
var guestChanges = []trace.Kind{trace.GuestStep, trace.GuestBoot, trace.GuestPower}

// guestMet is how often a guest had changed when an attempt began and when it
// ended.
type guestMet struct{ begin, end int }

func met(v *history.VM, x *history.Attempt) (g guestMet) {
	for _, kind := range guestChanges {
		for _, m := range v.Of(kind) {
			if m.T <= x.Start {
				g.begin++
			}
			if m.T <= x.End {
				g.end++
			}
		}
	}
	return g
}
