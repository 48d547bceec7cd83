package oracle

import (
	"fmt"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// timeoutAttempt: TIM-TIMEOUT-ATTEMPT. A try that ended in time, and one that
// never ended although it had the time.
func timeoutAttempt(c *court) {
	c.stints(func(s *history.Stint) {
		bound := tryBound(s.Probe, c.profile())
		for _, a := range s.Attempts {
			for _, t := range a.Tries {
				if !c.tooLong(s, t) {
					continue
				}
				message := fmt.Sprintf("attempt %d try %d started %s and never ended", a.Number, t.Number, Seconds(t.Start))
				if t.Ended() {
					message = fmt.Sprintf("attempt %d started %s, try %d ended after %s as %s",
						a.Number, Seconds(t.Start), t.Number, Seconds(t.End-t.Start), t.Class)
				}
				event := t.EndEvent
				if event == history.NoEvent {
					event = t.StartEvent
				}
				c.failStint(s, Failure{
					At: min(t.Start+bound+c.slack, t.End), Event: event, Message: message,
					Want: fmt.Sprintf("a result within %s (timeout is %s)", Seconds(bound), Seconds(s.Probe.Timeout)),
				})
				return
			}
		}
	})
}

func (c *court) tooLong(s *history.Stint, t history.Try) bool {
	deadline := t.Start + tryBound(s.Probe, c.profile())
	if s.Probe.Handler != probes.TCPSocket { // lingering is slack enough
		deadline += c.slack
	}
	if t.Ended() {
		return t.End > deadline
	}
	// A try may be lost with its container, its prober, or by a panic.
	if _, anew := c.lastRestart(t.Start-1, deadline); anew || c.happens(s.VM.Name, deadline, scenarios.PanicAttempt) {
		return false
	}
	return deadline < min(c.run.End, s.Container.Stop)
}

// retry: TIM-RETRY.
func retry(c *court) {
	c.stints(func(s *history.Stint) {
		for _, a := range s.Attempts {
			if !a.Ended() || len(a.Tries) == 0 || c.panicked(s, a) {
				continue
			}
			if message, want := c.wrongTries(a); message != "" {
				c.failStint(s, Failure{At: a.End, Event: a.EndEvent, Message: message, Want: want})
				return
			}
		}
	})
}

// panicked tells whether an attempt may be the one that the story makes panic:
// the first one that starts after it was asked for (PANIC-CONTINUE).
func (c *court) panicked(s *history.Stint, a *history.Attempt) bool {
	for _, e := range c.run.Case.Events {
		if e.Kind == scenarios.PanicAttempt && e.VM == s.VM.Name && a.Start >= e.At && a.Start <= e.At+s.Probe.Period+c.slack {
			return true
		}
	}
	return false
}

func (c *court) wrongTries(a *history.Attempt) (message, want string) {
	last := a.Tries[len(a.Tries)-1]
	for i, t := range a.Tries {
		if i+1 == len(a.Tries) {
			break
		}
		if t.Class != probes.Errored {
			return fmt.Sprintf("attempt %d was tried again after a %s", a.Number, t.Class), "tries again only after an error"
		}
		if next := a.Tries[i+1]; t.Ended() && next.Start > t.End+c.slack {
			return fmt.Sprintf("attempt %d waited %s between tries", a.Number, Seconds(next.Start-t.End)), "the next try at once"
		}
	}
	n, least, most := int32(len(a.Tries)), c.profile().Tries, maxTries(c.profile())
	switch {
	case n > most:
		return fmt.Sprintf("attempt %d took %d tries", a.Number, n), fmt.Sprintf("at most %d", most)
	case last.Class == probes.Errored && n < least:
		return fmt.Sprintf("attempt %d gave up at try %d, an error", a.Number, n), fmt.Sprintf("%d tries of an attempt that errors", least)
	case last.Ended() && last.Class != a.Class:
		return fmt.Sprintf("attempt %d counts as %s, its last try was %s", a.Number, a.Class, last.Class), "the result of the last try"
	}
	return "", ""
}
