package guestagent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// phase is how far a command has come.
type phase uint8

const (
	lookup  phase = iota // does libvirt know the domain?
	locking              // wait for the agent job lock
	checks               // is the domain running, is the agent there?
	syncing              // guest-sync is under way
	asking               // the command is under way
	ended
)

// exchange is one agent command as libvirt runs it (GA-ORDER): from the
// lookup of the domain to the reply. run can be interrupted at an instant and
// continued by another task.
type exchange struct {
	d    Domain
	ch   *Channel
	name string // of the command, for messages
	cmd  []byte // one line of JSON, newline included; nil: not JSON at all
	wait waits

	rules   *Rules
	replies *Replies

	phase    phase
	deadline time.Time // of the phase
	held     bool      // the job lock is ours
	conn     net.Conn
	gen      uint64
	precise  bool   // see Channel.idle
	out      []byte // what is not yet written
	outBuf   []byte
	w        pending
	err      *Error
	pending  Pending // when somebody else sends the command
}

// start makes the exchange ready for a command; buffers are kept.
func (x *exchange) start(name string, cmd []byte) {
	x.name, x.cmd = name, cmd
	x.phase, x.held, x.err, x.conn, x.out, x.pending = lookup, false, nil, nil, nil, nil
}

// run goes on until the command has ended (true) or the instant has come.
func (x *exchange) run(env Env, until time.Time) bool {
	if x.ch.remote != nil && x.phase != ended {
		return x.runRemote(env, until)
	}
	for x.phase != ended {
		switch x.phase {
		case lookup:
			x.find(env)
		case locking:
			if !x.lock(until) {
				return false
			}
		case checks:
			x.check(env)
		case syncing, asking:
			if !x.move(env, until) {
				return false
			}
		case ended:
		}
	}
	return true
}

// end closes the exchange and gives the job lock back.
func (x *exchange) end(err *Error) {
	x.err, x.phase, x.conn = err, ended, nil
	if x.held {
		x.held = false
		x.ch.lock.Unlock()
	}
}

func (x *exchange) find(env Env) {
	st := x.d.Status()
	switch {
	case st.LibvirtDown:
		x.end(&Error{InternalError, "client socket is closed"})
	case st.Forced != 0:
		x.end(&Error{st.Forced, "injected"})
	case !st.Exists:
		x.end(&Error{NoDomain, "no domain with matching name '" + x.d.Name() + "'"})
	default:
		x.phase, x.deadline = locking, earlier(env.Now().Add(x.rules.jobWait()), x.wait.limit)
	}
}

func (x *exchange) lock(until time.Time) bool {
	if x.rules.noLock() {
		x.phase = checks
		return true
	}
	if x.ch.lock.Lock(earlier(x.deadline, until)) {
		x.held, x.phase = true, checks
		return true
	}
	if !x.deadline.Before(until) {
		return false
	}
	x.end(errJobLock)
	return true
}

func (x *exchange) check(env Env) {
	st := x.d.Status()
	if !st.Exists || !st.Active || !x.rules.runs(st) {
		x.end(errNotRunning)
		return
	}
	x.ch.rules, x.ch.replies = x.rules, x.replies
	conn, gen := x.ch.take()
	switch {
	case conn != nil && x.ch.broken:
		x.end(errBroken)
		return
	case conn == nil && st.NoAgentDevice:
		x.end(errNotConfigured)
		return
	case conn == nil:
		x.end(errNotConnected)
		return
	case x.cmd == nil:
		x.end(&Error{InternalError, "cannot parse json"})
		return
	}
	precise, err := x.ch.idle(conn, gen, env.Now().Add(x.wait.inner))
	if err != nil {
		x.end(err)
		return
	}
	x.conn, x.gen, x.precise = conn, gen, precise
	if x.rules.connectedPasses() {
		x.end(nil)
		return
	}
	if precise && x.ch.inSync || x.rules.neverSyncs() {
		x.ask(env)
	} else {
		x.sync(env, true)
	}
}

// sync sends a guest-sync with an id that was never used.
func (x *exchange) sync(env Env, first bool) {
	now := env.Now()
	id := x.ch.freshID(now)
	x.outBuf = append(x.outBuf[:0], `{"execute":"guest-sync", "arguments":{"id":`...)
	x.outBuf = strconv.AppendUint(x.outBuf, id, 10)
	x.outBuf = append(x.outBuf, "}}\n"...)
	x.w = pending{sync: true, first: first, id: id, line: x.w.line}
	x.send(now, syncing, x.outBuf)
}

// ask sends the command itself.
func (x *exchange) ask(env Env) {
	x.w = pending{line: x.w.line}
	x.send(env.Now(), asking, x.cmd)
}

func (x *exchange) send(now time.Time, p phase, b []byte) {
	x.phase, x.out = p, b
	x.deadline = earlier(now.Add(x.wait.inner), x.wait.limit)
}

// move writes what is to be written, reads what there is and acts on it. It
// returns false when the instant has come.
func (x *exchange) move(env Env, until time.Time) bool {
	stop := earlier(x.deadline, until)
	var err error
	if len(x.out) > 0 {
		if err = x.conn.SetWriteDeadline(stop); err == nil {
			var n int
			n, err = x.conn.Write(x.out)
			x.out = x.out[min(n, len(x.out)):]
		}
	} else if err = x.conn.SetReadDeadline(stop); err == nil {
		var n int
		n, err = x.conn.Read(x.ch.buffer())
		if n > 0 {
			if failure := x.ch.absorb(x.ch.chunk[:n], &x.w); failure != nil {
				x.end(failure)
				return true
			}
			if x.w.finished {
				x.finished(env)
				return true
			}
		}
	}
	if err != nil && !timedOut(err) {
		x.vanished(err)
		return true
	}
	if err == nil && env.Now().Before(stop) {
		return true
	}
	// The instant has come, for libvirt or for the caller; on a tie the
	// kubelet is first.
	if !x.deadline.Before(until) {
		return false
	}
	x.ch.inSync = x.ch.inSync && x.rules.neverResyncs() // GA-SYNC: after a timeout
	x.end(errNotNow)
	return true
}

// finished acts on a message that libvirt waited for.
func (x *exchange) finished(env Env) {
	if x.phase == asking {
		switch {
		case !x.w.got:
			x.end(errMissingReply)
		case x.w.isErr && !x.rules.errorPasses(), !x.rules.returns(x.name, x.w.line):
			x.end(agentError(x.name, x.w.line))
		default:
			x.end(nil)
		}
		return
	}
	switch {
	case x.w.got:
		x.ch.inSync = true
		if x.rules != nil && x.rules.SyncPasses && x.name == "guest-ping" {
			x.end(nil)
			return
		}
		x.ask(env)
	case x.w.first && (x.rules == nil || !x.rules.AsksOnce):
		x.sync(env, false)
	default:
		x.end(errMissingReply)
	}
}

// vanished ends a command whose connection broke. An end of file, or a
// connection that was replaced, is an agent that went away; anything else is
// an error that sticks.
func (x *exchange) vanished(err error) {
	if x.ch.current(x.gen) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, net.ErrClosed) {
		x.ch.spoil()
		x.end(&Error{InternalError, "Unable to read from agent: " + err.Error()})
		return
	}
	x.ch.lost(x.gen)
	x.end(errDisappeared)
}

func timedOut(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// commandLine turns the text of a command into the line that libvirt sends:
// parsed and printed again. nil: libvirt refuses to parse it.
func commandLine(text []byte) []byte {
	var b []byte
	if !json.Valid(text) {
		return nil
	}
	b = append(b, text...)
	for i, c := range b {
		if c == '\n' || c == '\r' {
			b[i] = ' ' // only between tokens: inside a string it is not JSON
		}
	}
	return append(b, '\n')
}
