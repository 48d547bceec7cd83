package bubble

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// Quantum is the time between two instants of one residue. It divides every
// latency of the network, so that the answer to a request comes at the residue
// of whoever asked.
const Quantum = 50 * time.Microsecond

// clock lets the kernel follow the clock of the bubble. Whoever touches the
// world does it between enter and leave.
type clock struct {
	mu       sync.Mutex
	k        *sim.Kernel
	start    time.Time // of the bubble: instant 0
	until    time.Duration
	timer    *time.Timer // for the kernel's next event
	moved    *sync.Cond
	err      error
	over     bool
	progress *atomic.Uint64 // for the watchdog, which lives outside
}

func newClock(progress *atomic.Uint64) *clock {
	c := &clock{start: time.Now(), progress: progress}
	c.moved = sync.NewCond(&c.mu)
	return c
}

// run lets the world live until an instant: the Clock of a simbed.Bed. It is
// called with the lock held, by the bubble's first goroutine.
func (c *clock) run(_ *sim.Kernel, until time.Duration) error {
	if c.timer == nil {
		c.timer = time.AfterFunc(0, c.tick)
	}
	c.until = until
	c.settle()
	for c.err == nil && c.k.Now() < until {
		c.moved.Wait()
	}
	return c.err
}

// tick is called when the kernel's next event is due.
func (c *clock) tick() {
	c.enter()
	c.leave()
}

// now is the instant of the bubble.
func (c *clock) now() time.Duration { return time.Since(c.start) }

func (c *clock) enter() {
	c.mu.Lock()
	c.advance()
}

func (c *clock) leave() {
	c.settle()
	c.mu.Unlock()
}

// wait gives the lock up until the condition is signalled. It fires nothing
// before: the signal would be lost.
func (c *clock) wait(cond *sync.Cond) {
	c.arm()
	cond.Wait()
	c.advance()
}

// advance fires what is due by now.
func (c *clock) advance() {
	c.progress.Add(1)
	if c.timer == nil || c.over || c.err != nil {
		return
	}
	to := min(c.now(), c.until)
	var stuck *sim.Stuck
	if err := c.k.Run(to); err != nil && !errors.As(err, &stuck) { // the prober may yet move what waits
		c.err = err
		c.moved.Broadcast()
		return
	}
	if to >= c.until {
		c.moved.Broadcast()
	}
}

// settle fires what has just become due, and arms the timer.
func (c *clock) settle() {
	c.advance()
	c.arm()
}

func (c *clock) arm() {
	if c.timer == nil || c.over || c.err != nil {
		return
	}
	next, ok := c.k.Next()
	if !ok || next > c.until {
		next = c.until
	}
	c.timer.Reset(max(next-c.now(), 0))
}

// end stops the world.
func (c *clock) end() {
	c.over = true
	if c.timer != nil {
		c.timer.Stop()
	}
}

// aligned is the next instant with a residue, now included.
func (c *clock) aligned(residue time.Duration) time.Duration {
	return Align(c.k.Now(), residue)
}
