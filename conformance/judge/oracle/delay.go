package oracle

import (
	"fmt"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
)

// delayNeverEarly: TIM-DELAY-NEVER-EARLY. A container after the first is
// judged by restartFresh.
func delayNeverEarly(c *court) {
	c.stints(func(s *history.Stint) {
		if previous(s) == nil {
			c.early(s)
		}
	})
}

// early reports the first attempt that starts before the delay is over.
func (c *court) early(s *history.Stint) {
	for _, a := range s.Attempts {
		due := c.due(s, a.Start)
		if a.Start >= due {
			continue
		}
		c.failStint(s, Failure{
			At: a.Start, Event: a.StartEvent,
			Message: fmt.Sprintf("attempt %d started at %s, %s after its container", a.Number,
				Seconds(a.Start), Seconds(a.Start-s.Container.Start)),
			Want: fmt.Sprintf("no attempt before %s: the container started at %s, the initial delay is %s",
				Seconds(due), Seconds(s.Container.Start), Seconds(s.Probe.InitialDelay)),
		})
		return
	}
}

// delayTick: TIM-DELAY-TICK. The first tick at which the delay is over probes,
// so the first attempt comes within a period.
func delayTick(c *court) {
	c.stints(func(s *history.Stint) {
		limit := c.obligation(s)
		first, event := history.Never, history.NoEvent
		if len(s.Attempts) > 0 {
			first, event = s.Attempts[0].Start, s.Attempts[0].StartEvent
		}
		open := gate(s)
		if open == history.Never {
			return
		}
		now := min(first, limit)
		// A step of the clock may end the delay at once.
		base := max(c.due(s, now), c.lastClockStep(s.Container.Start, now), open)
		if at, ok := c.lastRestart(s.Container.Start, now); ok {
			base = max(base, at) // TIM-START-JITTER: less than a period
		}
		deadline := base + s.Probe.Period
		if first <= deadline+c.slack || limit <= deadline+c.slack {
			return
		}
		message := "no attempt at all"
		if first != history.Never {
			message = "the first attempt started at " + Seconds(first)
		}
		c.failStint(s, Failure{
			At: deadline + c.slack, Event: event, Message: message,
			Want:   "the first attempt within one period after the initial delay",
			Window: c.window(base, deadline),
		})
	})
}
