package engine

import "time"

// ticker is a time.Ticker without a clock: a grid of ticks, and a channel that
// holds one of them (TIM-PERIOD-START, TIM-TICK-DROP). Nothing is computed
// until somebody asks, so an idle worker costs nothing per tick.
type ticker struct {
	// next is the earliest tick that nobody has received. At or before the
	// present instant it waits in the channel, and the ticks after it, up to
	// the present, have been dropped.
	next   time.Duration
	period time.Duration // > 0
}

// waiting tells whether a tick is in the channel.
func (t *ticker) waiting(now time.Duration) bool { return t.next <= now }

// receive takes the tick out of the channel; those dropped meanwhile are gone.
// A tick at this very instant was sent before anything else happened in it.
func (t *ticker) receive(now time.Duration) {
	t.next += (1 + (now-t.next)/t.period) * t.period
}

// from is the first tick at or after an instant, and not before next.
func (t *ticker) from(at time.Duration) time.Duration {
	if at <= t.next {
		return t.next
	}
	late := at - t.next
	return at + (t.period-late%t.period)%t.period
}

// reset makes the period begin now; a tick in the channel is discarded, as
// time.Ticker.Reset does since Go 1.23 (TIM-READY-MANUAL).
func (t *ticker) reset(now time.Duration) { t.next = now + t.period }
