package oracle

import "time"

// noticed is how much later than its client a guest may notice a connection:
// on real sockets the kernel completes it by itself.
func (c *court) noticed() time.Duration {
	if c.run.Wall {
		return c.slack / 2
	}
	return 0
}

// early is how much sooner than computed a try may end.
const early = 10 * time.Millisecond

// haste is how much sooner than computed a guest may seem to be asked after
// something else that it saw: in wall time it may have noticed that one late,
// by as much as a run that is judged may be late.
func (c *court) haste() time.Duration {
	if c.run.Wall {
		return early + (c.slack-c.late)/4 + c.late
	}
	return early
}

// jitter is by how much an interval between two attempts may seem shorter than
// it was.
func (c *court) jitter(period time.Duration) time.Duration {
	return min(c.slack-c.late, period/4) + c.late
}
