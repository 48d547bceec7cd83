package guestagent

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// JobWait is how long libvirt waits for the agent job lock of a domain.
const JobWait = 30 * time.Second

// Channel is libvirt's connection to the guest agent of one domain. It is
// persistent: what went wrong on it stays wrong until the agent opens its end
// anew (GA-GARBAGE). Commands on it are serialised by the job lock
// (GA-SINGLE-FLIGHT); Connect and Disconnect may come at any time.
//
// A connection that tells how much can be read without waiting (a method
// "Buffered() int") is read before each command as libvirt's I/O thread would
// have read it, and synchronised once. Over any other connection, every
// command is preceded by a guest-sync, as libvirt does with a QEMU that does
// not report port changes.
type Channel struct {
	lock   Mutex
	remote Commander // not nil: who sends the commands, and owns all below

	mu   sync.Mutex // guards conn and gen; never held while blocking
	conn net.Conn   // nil: the agent's end is not open
	gen  uint64     // counts connections

	// Below: owned by the holder of the job lock.
	seen    uint64 // generation that the fields below belong to
	broken  bool   // agentError of libvirt
	inSync  bool
	dec     Decoder
	lastID  uint64
	noise   []byte // the last line that libvirt ignored, when short
	chunk   []byte // to read into; made when an agent is first asked
	rules   *Rules
	replies *Replies
}

// maxNoise is the longest line that is remembered as one to ignore.
const maxNoise = 1 << 10

// NewChannel makes a channel that is not connected; of the Env it needs the
// job lock alone.
func NewChannel(env interface{ Mutex() Mutex }) *Channel {
	c := new(Channel)
	c.Renew(env)
	return c
}

// Renew makes the channel a new one, and keeps its memory. Nobody uses it any
// more.
func (c *Channel) Renew(env interface{ Mutex() Mutex }) {
	c.dec.Reset()
	*c = Channel{lock: env.Mutex(), dec: c.dec, noise: c.noise[:0], chunk: c.chunk}
}

// JobLock is the agent job lock, for others who talk to the agent of the
// domain (a poller, a freeze) and for the agentLock fault.
func (c *Channel) JobLock() Mutex { return c.lock }

// Connect says that the agent has opened its end: bytes travel over conn from
// now on. An earlier connection is closed and its errors are forgotten.
func (c *Channel) Connect(conn net.Conn) {
	c.mu.Lock()
	old := c.conn
	c.conn = conn
	c.gen++
	c.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
}

// Disconnect says that the agent's end is closed. The connection is closed, so
// a command in flight ends with "guest agent disappeared".
func (c *Channel) Disconnect() { c.Connect(nil) }

// Connected tells whether the agent's end is open as far as libvirt knows.
func (c *Channel) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil
}

// ChannelState is what of a channel the answer to the next command hangs on,
// beside the agent.
type ChannelState struct {
	Connected bool
	Fresh     bool // nothing was asked over this connection
	Broken    bool // an error sticks to it (GA-GARBAGE)
	InSync    bool
	Half      int // bytes of a reply whose end is not there
}

// State is the state of a channel that nobody uses at the moment.
func (c *Channel) State() ChannelState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen != c.gen {
		return ChannelState{Connected: c.conn != nil, Fresh: true}
	}
	return ChannelState{Connected: c.conn != nil, Broken: c.broken, InSync: c.inSync, Half: c.dec.Pending()}
}

// GoTo puts a channel that nobody uses into a state that commands over its
// connection came to before, as if they had come again: s is not Fresh, and its
// Half is 0.
func (c *Channel) GoTo(s ChannelState) {
	c.mu.Lock()
	gen := c.gen
	c.mu.Unlock()
	c.seen, c.broken, c.inSync = gen, s.Broken, s.InSync
	c.dec.Reset()
}

// take gives the connection to a command that holds the job lock.
func (c *Channel) take() (net.Conn, uint64) {
	c.mu.Lock()
	conn, gen := c.conn, c.gen
	c.mu.Unlock()
	if c.seen != gen {
		c.seen, c.broken, c.inSync = gen, false, false
		c.dec.Reset()
	}
	return conn, gen
}

// current tells whether a connection is still the one in use.
func (c *Channel) current(gen uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gen == gen && c.conn != nil
}

// lost closes a connection whose peer has gone.
func (c *Channel) lost(gen uint64) {
	c.mu.Lock()
	var old net.Conn
	if c.gen == gen {
		old, c.conn = c.conn, nil
		c.gen++
	}
	c.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
}

// spoil makes an error stick to the connection.
func (c *Channel) spoil() {
	c.broken, c.inSync = !c.rules.forgetsGarbage(), false
	c.dec.Reset()
}

// freshID gives the id of the next guest-sync: milliseconds as libvirt does,
// but never the same twice.
func (c *Channel) freshID(now time.Time) uint64 {
	id := max(c.lastID+1, uint64(max(now.UnixMilli(), 1)))
	c.lastID = id
	return id
}

// buffered is a connection that knows what can be read without waiting.
type buffered interface{ Buffered() int }

// idle reads what arrived while no command was waiting. precise is false when
// the connection cannot tell; then only a sync separates old from new.
func (c *Channel) idle(conn net.Conn, gen uint64, deadline time.Time) (precise bool, failure *Error) {
	b, ok := conn.(buffered)
	if !ok {
		return false, nil
	}
	if b.Buffered() > 0 && conn.SetReadDeadline(deadline) != nil {
		c.lost(gen)
		return true, errNotConnected
	}
	for budget := maxResponse; b.Buffered() > 0 && budget > 0; {
		n, err := conn.Read(c.buffer())
		budget -= n
		if failure := c.absorb(c.chunk[:n], nil); failure != nil {
			return true, errBroken
		}
		if err != nil && timedOut(err) {
			break
		}
		if err != nil {
			c.lost(gen)
			return true, errNotConnected
		}
	}
	return true, nil
}

// chunkBytes is how much is read at a time.
const chunkBytes = 4096

func (c *Channel) buffer() []byte {
	if c.chunk == nil {
		c.chunk = make([]byte, chunkBytes)
	}
	return c.chunk
}

// pending is what libvirt waits for; nil: nothing.
type pending struct {
	sync, first bool
	id          uint64
	finished    bool
	got         bool   // line holds a reply
	line        []byte // kept between uses
	isErr       bool
}

// absorb takes bytes of the agent and applies every complete line of them to
// what is waited for. Like libvirt it does not stop at the first reply, so of
// two replies that arrive together the last one counts. An error is one of
// the channel, and sticks.
func (c *Channel) absorb(p []byte, w *pending) *Error {
	c.dec.Write(p)
	for {
		line, ok := c.dec.Next()
		if !ok {
			break
		}
		if len(c.noise) > 0 && bytes.Equal(line, c.noise) {
			continue // a flood of events says the same again and again
		}
		m, kind := c.replies.line(line)
		kind = c.rules.reads(kind, line)
		if kind == ignored && len(line) <= maxNoise {
			c.noise = append(c.noise[:0], line...)
		}
		if err := w.apply(line, m, kind, c.rules); err != nil {
			c.spoil()
			return err
		}
	}
	if c.dec.Pending() > c.rules.responseLimit() {
		c.spoil()
		return errTooLong
	}
	return nil
}

// apply takes one line (GA-SYNC, GA-STALE, GA-GARBAGE, GA-FRAMING).
func (w *pending) apply(line []byte, m message, kind lineKind, rules *Rules) *Error {
	switch kind {
	case notJSON:
		if w != nil && w.sync && w.first {
			w.finished = true // a regular situation on the first sync
			return nil
		}
		return &Error{InternalError, "cannot parse json " + clip(line)}
	case malformed:
		return &Error{InternalError, "Unknown JSON reply '" + clip(line) + "'"}
	case ignored:
		return nil
	case reply:
	}
	if w == nil || w.sync && (!m.isID || !rules.accepts(w.id, m.id)) {
		return nil // a delayed reply
	}
	w.finished, w.got, w.isErr = true, true, m.isErr
	w.line = append(w.line[:0], line...)
	return nil
}

// clip keeps messages short.
func clip(line []byte) string {
	if len(line) > 80 {
		return string(line[:80]) + "..."
	}
	return string(line)
}
