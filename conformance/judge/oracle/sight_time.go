package oracle

import (
	"fmt"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

func (w *sight) fail(requirement string, at time.Duration, event int, message, want string) {
	w.c.failStint(w.s, Failure{Requirement: requirement, At: at, Event: event, Message: message, Want: want})
}

// seenEarly: TIM-DELAY-NEVER-EARLY, for a container after the first
// TIM-RESTART-FRESH. A request is there after its attempt began.
func seenEarly(c *court) {
	c.sights(func(w *sight) {
		for i := range w.list {
			x := &w.list[i]
			due := c.due(w.s, x.first)
			if x.first >= due {
				continue
			}
			requirement := "TIM-DELAY-NEVER-EARLY"
			switch {
			case c.clockSteps(w.s.Container.Start, x.first) != 0:
				requirement = "TIM-DELAY-ONCE"
			case previous(w.s) != nil:
				requirement = "TIM-RESTART-FRESH"
			}
			w.fail(requirement, x.first, x.event,
				fmt.Sprintf("the guest was asked at %s, %s after its container started", Seconds(x.first), Seconds(x.first-w.s.Container.Start)),
				"no request before "+Seconds(due))
			return
		}
	})
}

// busy is how long an attempt may keep its worker.
func (w *sight) busy() time.Duration {
	return time.Duration(maxTries(w.c.profile())) * tryBound(w.s.Probe, w.c.profile())
}

// seenDue: TIM-PERIOD-START, TIM-DELAY-TICK. Wherever the guest would see a
// try, one must come in time.
func seenDue(c *court) {
	c.sights(func(w *sight) {
		limit := w.until()
		phase := history.Never // the earliest arrival, each moved back to the first
		for i := range w.list {
			x := &w.list[i]
			next, event := limit, history.NoEvent
			if i+1 < len(w.list) {
				next, event = w.list[i+1].first, w.list[i+1].event
			}
			steps := time.Duration(i) * w.s.Probe.Period
			var due time.Duration
			if took := x.end() - x.first; took > w.s.Probe.Period || x.vague {
				due, phase = x.first+max(took, w.s.Probe.Period), history.Never
			} else {
				phase = min(phase, x.first-steps)
				due = phase + steps + w.s.Probe.Period
			}
			if w.broken(x.first, min(next, due+c.slack)) {
				phase = history.Never
				due = w.afterBlind(due)
			}
			if due == history.Never || min(next, limit) <= due+c.slack {
				continue
			}
			message := fmt.Sprintf("after the request of %s the guest saw none", Seconds(x.first))
			if event != history.NoEvent {
				message = fmt.Sprintf("after the request of %s the guest saw the next one at %s", Seconds(x.first), Seconds(next))
			}
			requirement := "TIM-PERIOD-START"
			if c.panics(w.s, x.first, due) {
				requirement = "PANIC-CONTINUE"
			}
			w.fail(requirement, due+c.slack, event, message,
				fmt.Sprintf("the next one by %s (+%s slack): one every %s", Seconds(due), Seconds(c.slack), Seconds(w.s.Probe.Period)))
			return
		}
		w.firstDue(limit)
	})
}

// afterBlind is by when a request must be seen that was due at an instant,
// unless the guest sees nothing: a period after it sees again.
func (w *sight) afterBlind(due time.Duration) time.Duration {
	extra := w.busy() + w.s.Probe.Period
	for again := true; again; {
		again = false
		for _, i := range w.blind {
			if i.lo > due+w.c.slack || i.hi < due-extra {
				continue
			}
			if i.hi == history.Never {
				return history.Never
			}
			due, again = i.hi+extra+1, true
		}
		if at, anew := w.c.lastRestart(due-extra, due+w.c.slack); anew {
			due, again = at+extra+1, true
		}
		if w.c.clockSteps(due-extra, due+w.c.slack) != 0 {
			return history.Never
		}
	}
	return due
}

// broken tells whether something between two instants excuses a missing or a
// surplus request.
func (w *sight) broken(lo, hi time.Duration) bool {
	_, anew := w.c.lastRestart(lo, hi)
	return anew || w.blindIn(lo, hi) || w.c.clockSteps(lo, hi) != 0
}

// panics tells whether the story makes an attempt of the VM panic between two
// instants.
func (c *court) panics(s *history.Stint, lo, hi time.Duration) bool {
	for _, e := range c.run.Case.Events {
		if e.Kind == scenarios.PanicAttempt && e.VM == s.VM.Name && e.At >= lo && e.At <= hi {
			return true
		}
	}
	return false
}

// firstDue: TIM-DELAY-TICK.
func (w *sight) firstDue(limit time.Duration) {
	if w.s.Probe.Kind != probes.Startup && w.s.Container.Stint(probes.Startup) != nil {
		return // when startup has passed is not seen
	}
	if w.c.clockSteps(w.s.Container.Start, limit) != 0 {
		return // a step may end the delay at once
	}
	first, event := history.Never, history.NoEvent
	if len(w.list) > 0 {
		first, event = w.list[0].first, w.list[0].event
	}
	base := w.c.due(w.s, min(first, limit))
	for _, i := range w.blind { // the guest sees nothing before it is there
		if i.lo <= base && i.hi > base && i.hi != history.Never {
			base = i.hi + w.busy()
		}
	}
	deadline := base + w.s.Probe.Period + w.c.slack
	if first <= deadline || limit <= deadline || w.broken(base, deadline) {
		return
	}
	w.fail("TIM-DELAY-TICK", deadline, event, "the guest was not asked in time",
		fmt.Sprintf("a request by %s", Seconds(deadline)))
}

// seenRate: TIM-TICK-DROP. n attempts take at least n-2 periods; only
// readiness of a container that is not ready may run out of turn.
func seenRate(c *court) {
	c.sights(func(w *sight) {
		tolerance := c.jitter(w.s.Probe.Period)
		lowest, steps := history.Never, time.Duration(0)
		var places []time.Duration // in wall time, sorted
		for i := range w.list {
			x := &w.list[i]
			free := w.s.Probe.Kind == probes.Readiness && !w.surelyReady(x.first)
			if free || i > 0 && w.broken(w.list[i-1].first, x.first) {
				lowest, places = history.Never, nil
				continue
			}
			steps += w.s.Probe.Period
			place := steps - x.first
			// Only an attempt that outlasts its period leaves a tick behind.
			latched := time.Duration(0)
			if i > 0 && w.list[i-1].end()-w.list[i-1].first >= w.s.Probe.Period-tolerance {
				latched = w.s.Probe.Period
			}
			if lowest != history.Never && place-lowest > latched+tolerance {
				if place-lowest > w.s.Probe.Period+tolerance || i > 0 && x.first-w.list[i-1].first < w.s.Probe.Period-latched-tolerance && !w.late(i) {
					requirement := "TIM-TICK-DROP"
					if p := &w.list[i-1]; !p.vague && !p.classes.Has(probes.Errored) && x.first-p.end() < tolerance {
						requirement = "TIM-RETRY"
					}
					w.fail(requirement, x.first, x.event,
						fmt.Sprintf("the guest was asked at %s, too soon after the requests before", Seconds(x.first)),
						fmt.Sprintf("one attempt every %s, and one more after a long one", Seconds(w.s.Probe.Period)))
					return
				}
			}
			lowest = min(lowest, place)
			if c.run.Wall {
				places, lowest = steady(places, place)
			}
		}
	})
}

// steady adds the place of an attempt on the grid of ticks to those before it,
// and gives the one that others are held to. In wall time a few attempts, whose
// number grows with that of all, may be late as any process may, and those after
// them are where they were: not too soon. Never: there are too few to tell.
func steady(places []time.Duration, place time.Duration) (sorted []time.Duration, base time.Duration) {
	at, _ := slices.BinarySearch(places, place)
	places = slices.Insert(places, at, place)
	if late := 2 + len(places)/8; late < len(places) {
		return places, places[late]
	}
	return places, history.Never
}

// late tells whether an attempt before the i-th may have left a tick behind.
func (w *sight) late(i int) bool {
	for k := range i {
		if x := &w.list[k]; x.vague || x.end()-x.first >= w.s.Probe.Period-early {
			return true
		}
	}
	return false
}

// surelyReady tells whether the readiness probe was ready at t: the VM was, and
// no change was under way.
func (w *sight) surelyReady(t time.Duration) bool {
	return readyAllAlong(w.s.VM, t-w.s.Probe.Period/4, t+w.c.slack)
}

// seenOverlap: TIM-NO-OVERLAP.
func seenOverlap(c *court) {
	c.sights(func(w *sight) {
		for i := 1; i < len(w.list); i++ {
			p, x := &w.list[i-1], &w.list[i]
			// What a prober asked before it was killed may be noticed afterwards.
			if _, anew := c.lastRestart(p.first-c.noticed(), x.first); anew || x.first >= p.last+p.least-c.haste() {
				continue
			}
			w.fail("TIM-NO-OVERLAP", x.first, x.event,
				fmt.Sprintf("the guest was asked at %s while it still owed the answer of %s", Seconds(x.first), Seconds(p.last)),
				"one try in flight at a time, with patience until "+Seconds(p.last+p.least))
			return
		}
	})
}

// seenNever: what can reach no guest is not seen by one.
func seenNever(c *court) {
	c.sights(func(w *sight) {
		if w.never != "" && len(w.list) > 0 {
			x := &w.list[0]
			w.fail(w.never, x.first, x.event, "the guest was asked at "+Seconds(x.first), "nothing that the probe asks reaches the guest")
		}
	})
}

// seenRedirects: HTTP-REDIR-LIMIT.
func seenRedirects(c *court) {
	c.sights(func(w *sight) {
		for i := range w.list {
			x := &w.list[i]
			tooFew := x.classes == 0 && x.requests < redirectLimit && !w.broken(x.first, x.first+w.s.Probe.Period)
			if !x.chain || x.requests <= redirectLimit && !tooFew || x.first+w.s.Probe.Period > w.until() {
				continue
			}
			w.fail("", x.first, x.event, fmt.Sprintf("%d requests in a chain of redirects that leads on", x.requests),
				fmt.Sprintf("%d requests", redirectLimit))
			return
		}
	})
}

// seenRetry: TIM-RETRY. What can only be an error is tried again at once.
func seenRetry(c *court) {
	c.sights(func(w *sight) {
		for i := range w.list {
			x := &w.list[i]
			deadline := x.end() + c.slack
			if !x.errs() || x.vague || int32(x.tries) >= c.profile().Tries || deadline >= w.until() || w.broken(x.first, deadline) {
				continue
			}
			w.fail("TIM-RETRY", deadline, x.event,
				fmt.Sprintf("the attempt of %s gave up at try %d, an error", Seconds(x.first), x.tries),
				fmt.Sprintf("%d tries of an attempt that errors", c.profile().Tries))
			return
		}
	})
}
