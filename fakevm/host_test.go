package fakevm

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// scriptHost is a Host with a hand-cranked clock that writes down everything
// the guest does.
type scriptHost struct {
	now     time.Duration
	seq     int
	queue   []*hostTimer
	gates   map[uint16]Gate
	out     strings.Builder
	conns   map[string]*scriptConn
	agent   *scriptConn
	records []Record
	// slow keeps what is sent pending until "drain".
	slow       bool
	maxPending int
}

type hostTimer struct {
	at  time.Duration
	seq int
	fn  func()
}

func newScriptHost() *scriptHost {
	return &scriptHost{gates: map[uint16]Gate{}, conns: map[string]*scriptConn{}}
}

func (h *scriptHost) Now() time.Duration { return h.now }

func (h *scriptHost) At(t time.Duration, fn func()) func() {
	h.seq++
	ht := &hostTimer{at: max(t, h.now), seq: h.seq, fn: fn}
	h.queue = append(h.queue, ht)
	sort.SliceStable(h.queue, func(i, j int) bool {
		if h.queue[i].at != h.queue[j].at {
			return h.queue[i].at < h.queue[j].at
		}
		return h.queue[i].seq < h.queue[j].seq
	})
	return func() { ht.fn = nil }
}

// run lets time pass; at most so many events, as a guard.
func (h *scriptHost) run(until time.Duration, events int) bool {
	for len(h.queue) > 0 && h.queue[0].at <= until {
		t := h.queue[0]
		h.queue = h.queue[1:]
		if t.fn == nil {
			continue
		}
		if events--; events < 0 {
			return false
		}
		h.now = t.at
		t.fn()
	}
	h.now = until
	return true
}

func (h *scriptHost) Listen(port uint16, gate Gate) (func(), error) {
	if h.gates[port] != nil {
		return nil, errors.New("address already in use")
	}
	h.gates[port] = gate
	return func() { delete(h.gates, port) }, nil
}

func (h *scriptHost) AgentChannel(handler func(Session) Handler) (Session, error) {
	h.say("agent", "opens the channel")
	c := &scriptConn{host: h, name: "agent"}
	h.agent = c
	h.conns["agent"] = c
	c.handler = handler(c)
	return c, nil
}

func (h *scriptHost) Blocking(s Session, _ func(BlockingConn)) Handler {
	s.Reset()
	return nil
}

func (h *scriptHost) Log(r Record) { h.records = append(h.records, r) }

func (h *scriptHost) say(who, format string, args ...any) {
	fmt.Fprintf(&h.out, "%s %s %s\n", stamp(h.now), who, fmt.Sprintf(format, args...))
}

func stamp(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
}

// flush gives what was written down since the last time.
func (h *scriptHost) flush() string {
	for _, c := range []string{"agent"} {
		if h.conns[c] != nil {
			h.conns[c].flush()
		}
	}
	names := make([]string, 0, len(h.conns))
	for n := range h.conns {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		h.conns[n].flush()
	}
	s := h.out.String()
	h.out.Reset()
	return s
}

// scriptConn is a session. Bytes sent at one instant are written down as one.
type scriptConn struct {
	host    *scriptHost
	name    string
	handler Handler
	pending int
	sent    []byte
	sentN   int
	sends   int
	sentAt  time.Duration
	closed  bool
	total   int64
}

func (c *scriptConn) Send(b []byte) {
	if c.closed {
		return
	}
	if c.sends > 0 && c.sentAt != c.host.now {
		c.flush()
	}
	c.sentAt = c.host.now
	c.sends++
	c.sentN += len(b)
	c.total += int64(len(b))
	if len(c.sent) < 200 {
		c.sent = append(c.sent, b[:min(len(b), 200)]...)
	}
	c.pending += len(b)
	c.host.maxPending = max(c.host.maxPending, c.pending)
	if !c.host.slow {
		c.host.At(c.host.now, c.drain)
	}
}

func (c *scriptConn) drain() {
	if c.pending > 0 && c.handler != nil {
		c.pending = 0
		c.handler.OnDrained()
	}
}

func (c *scriptConn) flush() {
	if c.sends == 0 {
		return
	}
	text := strconv.Quote(string(c.sent))
	if len(text) > 180 {
		text = text[:180] + "..."
	}
	n := ""
	if c.sends > 1 {
		n = fmt.Sprintf(" in %d pieces", c.sends)
	}
	fmt.Fprintf(&c.host.out, "%s %s < %d bytes%s %s\n", stamp(c.sentAt), c.name, c.sentN, n, text)
	c.sent, c.sentN, c.sends = c.sent[:0], 0, 0
}

func (c *scriptConn) Pending() int { return c.pending }
func (c *scriptConn) Close() {
	c.flush()
	if !c.closed {
		c.host.say(c.name, "FIN")
	}
	c.closed = true
}

func (c *scriptConn) Reset() {
	c.flush()
	if !c.closed {
		c.host.say(c.name, "RST")
	}
	c.closed = true
}
func (c *scriptConn) Remote() string { return "client/" + c.name }

// hintingHost also wants to know what comes next.
type hintingHost struct{ *scriptHost }

func (h hintingHost) Hint(port uint16, next Connect) {
	if next == Accept {
		next = "accept"
	}
	h.say("hint", "port %d: %s", port, next)
}

// recordLine is one line of the guest's log.
func recordLine(r Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", stamp(r.At), r.Endpoint)
	if r.Step != "" {
		fmt.Fprintf(&b, " step=%s", r.Step)
	}
	if r.Seen != "" {
		fmt.Fprintf(&b, " saw %q", r.Seen)
	}
	if r.Did != nil {
		did, _ := json.Marshal(r.Did)
		fmt.Fprintf(&b, " did %s", did)
	}
	if r.Unasked {
		b.WriteString(" UNASKED")
	}
	if r.Violation {
		b.WriteString(" VIOLATION")
	}
	if r.Exhausted {
		b.WriteString(" EXHAUSTED")
	}
	if r.Note != "" {
		fmt.Fprintf(&b, " (%s)", r.Note)
	}
	return b.String()
}

// powerLog writes down what the platform hears.
type powerLog struct{ h *scriptHost }

func (p powerLog) Crashed()    { p.h.say("power", "crashed") }
func (p powerLog) PoweredOff() { p.h.say("power", "powered off") }
func (p powerLog) Rebooted()   { p.h.say("power", "rebooted") }
func (p powerLog) Hung()       { p.h.say("power", "hung") }
func (p powerLog) Resumed()    { p.h.say("power", "resumed") }
func (p powerLog) WatchdogExpired(a WatchdogAction) {
	p.h.say("power", "watchdog expired: %s", a)
}
func (p powerLog) Suspended() { p.h.say("power", "suspended") }
