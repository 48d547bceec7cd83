package machine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/fakevm/guestd"
)

// Control is the host's end of a guest's control port.
type Control struct {
	conn   net.Conn
	gone   chan struct{}
	mu     sync.Mutex
	last   int64
	wait   map[int64]chan guestd.Message
	events func(guestd.Message)
	queued []guestd.Message // before Listen
	best   sample
	late   time.Duration
	stands int // how often the machine has stood still
}

// sample is one reading of the guest's clock.
type sample struct {
	at     time.Time     // in the middle of the round trip
	offset time.Duration // of the guest's clock: at, since base, less its reading
	trip   time.Duration
}

// base is the origin of offsets: any instant, the same for all.
var base = time.Now() //nolint:gochecknoglobals // never changed

// NewControl speaks to a guest over its control port until the connection ends.
func NewControl(conn net.Conn) *Control {
	c := &Control{conn: conn, gone: make(chan struct{}), wait: map[int64]chan guestd.Message{}}
	go c.read()
	return c
}

// Ready waits for the guest's first message; exited is closed when its machine
// ends.
func (c *Control) Ready(ctx context.Context, exited <-chan struct{}) error {
	came := make(chan struct{}, 1)
	c.Listen(func(g guestd.Message) {
		if g.Event == guestd.EventReady {
			came <- struct{}{}
		}
	})
	select {
	case <-came:
		return nil
	case <-exited:
		return errGone
	case <-ctx.Done():
		return fmt.Errorf("the guest says nothing: %w", ctx.Err())
	}
}

// Listen hands every event to fn, from the first on, in order, from one
// goroutine at a time. fn must not call Call.
func (c *Control) Listen(fn func(guestd.Message)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.queued {
		fn(m)
	}
	c.events, c.queued = fn, nil
}

func (c *Control) read() {
	defer close(c.gone)
	lines := bufio.NewScanner(c.conn)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var m guestd.Message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue // a line cut short by the end of another machine
		}
		c.mu.Lock()
		if m.ID != 0 {
			if w := c.wait[m.ID]; w != nil {
				w <- m
				delete(c.wait, m.ID)
			}
			c.mu.Unlock()
			continue
		}
		fn := c.events
		if fn == nil {
			c.queued = append(c.queued, m)
		}
		c.mu.Unlock()
		if fn != nil {
			fn(m)
		}
	}
}

// Call asks the guest and waits for its answer.
func (c *Control) Call(ctx context.Context, r guestd.Request) (guestd.Message, error) {
	answer := make(chan guestd.Message, 1)
	c.mu.Lock()
	c.last++
	r.ID = c.last
	c.wait[r.ID] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.wait, r.ID)
		c.mu.Unlock()
	}()
	line, err := json.Marshal(r)
	if err != nil {
		return guestd.Message{}, err
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return guestd.Message{}, fmt.Errorf("guest: %s: %w", r.Op, err)
	}
	select {
	case m := <-answer:
		if m.Error != "" {
			return m, fmt.Errorf("guest: %s", m.Error)
		}
		return m, nil
	case <-c.gone:
		return guestd.Message{}, fmt.Errorf("guest: %s: %w", r.Op, errGone)
	case <-ctx.Done():
		return guestd.Message{}, fmt.Errorf("guest: %s: %w", r.Op, ctx.Err())
	}
}

var errGone = errors.New("the machine has gone")

// readings are taken together; the shortest round trip tells best.
const readings = 5

// stale is the age at which a reading gives way to any newer one: clocks drift.
const stale = 5 * time.Second

// Measure reads the guest's clock.
func (c *Control) Measure(ctx context.Context) error {
	for range readings {
		c.mu.Lock()
		stands := c.stands
		c.mu.Unlock()
		sent := time.Now()
		m, err := c.Call(ctx, guestd.Request{Op: guestd.OpClock})
		if err != nil {
			return err
		}
		trip := time.Since(sent)
		at := sent.Add(trip / 2)
		s := sample{at, at.Sub(base) - m.Clock, trip}
		c.mu.Lock()
		c.late = max(c.late, m.Late)
		if c.stands == stands { // QEMU is as late for everybody else
			c.late = max(c.late, trip)
		}
		if c.best.at.IsZero() || s.trip <= c.best.trip || s.at.Sub(c.best.at) > stale {
			c.best = s
		}
		c.mu.Unlock()
	}
	return nil
}

// Late is by how much the guest was late at worst since the last call, by its
// own clock and as far as it was measured, or the way to it.
func (c *Control) Late() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	late := c.late
	c.late = 0
	return late
}

// Stood tells that the machine, and so its clock, stood still for so long. The
// next measurement replaces what is known.
func (c *Control) Stood(still time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stands++
	c.best.offset += still
	c.best.trip = time.Hour
}

// Post asks the guest and does not wait for its answer.
func (c *Control) Post(r guestd.Request) error {
	c.mu.Lock()
	c.last++
	r.ID = c.last
	c.mu.Unlock()
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = c.conn.Write(append(line, '\n'))
	return err
}

// Offset is what to add to the guest's clock for the time since start, and how
// far off that may be.
func (c *Control) Offset(start time.Time) (offset, within time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.best.offset - start.Sub(base), c.best.trip / 2
}
