package oracle

import (
	"fmt"
	"sort"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// noOverlap: TIM-NO-OVERLAP. Tries and attempts of one probe on one container
// follow one another.
func noOverlap(c *court) {
	c.stints(func(s *history.Stint) {
		var busy time.Duration = -1 << 62
		var number int32
		for _, a := range s.Attempts {
			for _, t := range a.Tries {
				if _, anew := c.lastRestart(a.Start, t.Start); t.Start < busy && !anew {
					c.failStint(s, Failure{
						At: t.Start, Event: t.StartEvent,
						Message: fmt.Sprintf("attempt %d started while attempt %d was in flight", a.Number, number),
						Want:    "one try in flight at a time",
					})
					return
				}
				number = a.Number
				if t.Ended() {
					busy = max(busy, t.End)
				}
			}
		}
	})
}

// longest is how long an attempt took or, when it did not end, may take.
func (c *court) longest(s *history.Stint, a *history.Attempt) time.Duration {
	if a.Ended() {
		return a.End - a.Start
	}
	return time.Duration(maxTries(c.profile())) * tryBound(s.Probe, c.profile())
}

// nextDue is the instant by which the attempt after a must start: a period
// after its start, or its end when it outlasted the period.
func (c *court) nextDue(s *history.Stint, a *history.Attempt, before time.Duration) time.Duration {
	next := a.Start + max(s.Probe.Period, c.longest(s, a))
	if at, ok := c.lastRestart(a.Start, before); ok {
		next = max(next, at+s.Probe.Period)
	}
	if c.clockSteps(a.Start-1, before) < 0 { // the delay is not over any more
		next = max(next, c.due(s, before)+s.Probe.Period)
	}
	return next
}

// periodStart: TIM-PERIOD-START, and TIM-TICK-DROP for the attempt that
// follows a long one. Attempts may come early (TIM-READY-MANUAL), never late,
// and lateness must not add up.
func periodStart(c *court) {
	c.stints(func(s *history.Stint) {
		limit := c.obligation(s)
		phase := history.Never // the earliest start, each moved back to attempt 0
		for i, a := range s.Attempts {
			steps := time.Duration(i) * s.Probe.Period
			late := c.longest(s, a) > s.Probe.Period
			next, event := limit, history.NoEvent
			if i+1 < len(s.Attempts) {
				next, event = s.Attempts[i+1].Start, s.Attempts[i+1].StartEvent
			}
			due := c.nextDue(s, a, next)
			switch {
			case due != a.Start+s.Probe.Period:
				phase = history.Never
			case i > 0 && triggered(s, s.Attempts[i-1], a): // the period began anew
				phase = a.Start - steps
			default:
				phase = min(phase, a.Start-steps)
				due = phase + steps + s.Probe.Period
			}
			if min(next, limit) <= due+c.slack {
				continue
			}
			c.lateAttempt(s, a, due, next, event, late)
			return
		}
	})
}

// triggered tells whether a pod sync asked for a run out of turn between the
// starts of two attempts. Of what happens at one instant the trace knows the
// order.
func triggered(s *history.Stint, from, to *history.Attempt) bool {
	if s.Probe.Kind != probes.Readiness {
		return false
	}
	marks := s.VM.Of(trace.Trigger) // a pod may be synced all the time
	first := sort.Search(len(marks), func(i int) bool { return marks[i].Index > from.StartEvent })
	for _, m := range marks[first:] {
		if m.Index >= to.StartEvent {
			break
		}
		if m.Instance == s.Container.Instance {
			return true
		}
	}
	return false
}

func (c *court) lateAttempt(s *history.Stint, a *history.Attempt, due, next time.Duration, event int, late bool) {
	f := Failure{
		At: due + c.slack, Event: event,
		Message: fmt.Sprintf("no attempt follows attempt %d", a.Number),
		Want: fmt.Sprintf("the next attempt by %s (+%s slack): one every %s from start to start",
			Seconds(due), Seconds(c.slack), Seconds(s.Probe.Period)),
	}
	if event != history.NoEvent {
		f.Message = fmt.Sprintf("attempt %d started at %s, the next one at %s", a.Number, Seconds(a.Start), Seconds(next))
	}
	if late {
		f.Requirement = "TIM-TICK-DROP"
		f.Want = fmt.Sprintf("the next attempt by %s (+%s slack): a tick was waiting when attempt %d ended",
			Seconds(due), Seconds(c.slack), a.Number)
	}
	c.failStint(s, f)
}

// unhurried: TIM-PERIOD-START. An attempt that starts while the probe is idle
// starts with its tick, and every attempt needs a tick of its own: the n-th
// attempt after it comes no sooner than n periods later. A prober may be slow
// by the slack to begin.
func unhurried(c *court) {
	c.stints(func(s *history.Stint) {
		const none = history.Never
		lowest, steps := none, time.Duration(0)
		for i, a := range s.Attempts {
			if c.outOfTurn(s, i) {
				lowest = none
			}
			steps += s.Probe.Period
			place := steps - a.Start
			if lowest != none && place-lowest > c.slack {
				c.failStint(s, Failure{
					At: a.Start, Event: a.StartEvent,
					Message: fmt.Sprintf("attempt %d started at %s, before its tick", a.Number, Seconds(a.Start)),
					Want:    fmt.Sprintf("one attempt every %s from start to start", Seconds(s.Probe.Period)),
				})
				return
			}
			if !mayRun(s, i) && c.idleBefore(s, i) {
				lowest = min(lowest, place)
			}
		}
	})
}

// outOfTurn tells whether attempt i need not wait for a tick of the attempts
// before it: a trigger may have asked for it, or the prober began anew.
func (c *court) outOfTurn(s *history.Stint, i int) bool {
	anew := false
	if i > 0 {
		_, anew = c.lastRestart(s.Attempts[i-1].Start-1, s.Attempts[i].Start)
	}
	return anew || mayRun(s, i)
}

// mayRun tells whether attempt i may be one that was asked for
// (TIM-READY-MANUAL).
func mayRun(s *history.Stint, i int) bool {
	return s.Probe.Kind == probes.Readiness && !stateBefore(s, s.Attempts[i].StartEvent)
}

// idleBefore tells whether nothing of the probe was in flight just before
// attempt i, as far as the slack lets us see.
func (c *court) idleBefore(s *history.Stint, i int) bool {
	if i == 0 { // the worker of a container in place may be the one before
		return c.profile().VM || previous(s) == nil
	}
	before := s.Attempts[i-1]
	return before.Ended() && s.Attempts[i].Start > before.End+c.slack
}

// manualPeriod: TIM-READY-MANUAL. A run out of turn begins the period anew: the
// next one comes a period later, or when a pod sync asks for it.
func manualPeriod(c *court) {
	c.stints(func(s *history.Stint) {
		if s.Probe.Kind != probes.Readiness || len(s.VM.Of(trace.Trigger)) == 0 {
			return
		}
		tolerance := c.jitter(s.Probe.Period)
		for i := 1; i+1 < len(s.Attempts); i++ {
			before, a, next := s.Attempts[i-1], s.Attempts[i], s.Attempts[i+1]
			if !triggered(s, before, a) || triggered(s, a, next) {
				continue
			}
			if _, anew := c.lastRestart(before.Start-1, next.Start); anew || next.Start-a.Start >= s.Probe.Period-tolerance {
				continue
			}
			c.failStint(s, Failure{
				At: next.Start, Event: next.StartEvent,
				Message: fmt.Sprintf("attempt %d started at %s, %s after the one that a pod sync asked for", next.Number,
					Seconds(next.Start), Seconds(next.Start-a.Start)),
				Want: "the period begins anew with a run out of turn: the next attempt after " + Seconds(s.Probe.Period),
			})
			return
		}
	})
}

// grid: TIM-TICK-DROP. After a long attempt, and the one that follows it at
// once, the ticks are where they were. Looked at where nothing else moves them
// and the slack tells one grid from another.
func grid(c *court) {
	c.stints(func(s *history.Stint) {
		if s.Probe.Kind == probes.Readiness || s.Probe.Period <= 2*c.slack {
			return
		}
		first, busy := history.Never, time.Duration(-1<<62)
		for _, a := range s.Attempts {
			if _, anew := c.lastRestart(s.Container.Start, a.Start); anew {
				return
			}
			switch late := (a.Start - first) % s.Probe.Period; {
			case a.Start <= busy+c.slack: // a tick had waited
			case first == history.Never:
				first = a.Start
			case min(late, s.Probe.Period-late) > c.slack:
				c.failStint(s, Failure{
					At: a.Start, Event: a.StartEvent,
					Message: fmt.Sprintf("attempt %d started at %s, off the grid of those before it", a.Number, Seconds(a.Start)),
					Want:    fmt.Sprintf("attempts every %s from %s on, also after a long one", Seconds(s.Probe.Period), Seconds(first)),
				})
				return
			}
			if c.longest(s, a) >= s.Probe.Period-c.slack {
				busy = a.Start + c.longest(s, a)
			}
		}
	})
}

// tickDrop: TIM-TICK-DROP, TIM-READY-MANUAL. Of the ticks missed at most one
// is latched, so n attempts take at least n-2 periods; only readiness of a
// container that is not ready may run out of turn.
func tickDrop(c *court) {
	c.stints(func(s *history.Stint) {
		tolerance := c.jitter(s.Probe.Period)
		const none = history.Never
		lowest, steps := none, time.Duration(0)
		for i, a := range s.Attempts {
			if c.outOfTurn(s, i) {
				lowest = none
				continue
			}
			steps += s.Probe.Period
			place := steps - a.Start
			if lowest != none && place-lowest > s.Probe.Period+tolerance {
				c.failStint(s, Failure{
					At: a.Start, Event: a.StartEvent,
					Message: fmt.Sprintf("attempt %d started at %s, too soon after those before it", a.Number, Seconds(a.Start)),
					Want:    fmt.Sprintf("one attempt every %s, and one more after a long one", Seconds(s.Probe.Period)),
				})
				return
			}
			lowest = min(lowest, place)
		}
	})
}
