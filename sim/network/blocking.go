package network

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// Blocking runs fn in a task of the actor with a blocking view of the
// session, for server code that cannot be written as a [Handler], such as
// TLS. The task starts at once, in tie order, and goes on within the events of
// the session; when fn returns the session is closed. The view holds at most
// [Window] unread bytes when the session can be held back, as those of this
// package can.
func Blocking(k *sim.Kernel, actor sim.Actor, s Session, fn func(net.Conn)) Handler {
	b := &blocking{session: s, readBy: sim.Forever, writeBy: sim.Forever}
	b.holder, _ = s.(holder)
	k.Go(actor, func(t *sim.Task) {
		t.Daemon()
		b.task = t
		defer b.finish()
		fn(b)
	})
	return b
}

type holder interface{ Hold(on bool) }

// blocking is both: the session's handler and the task's net.Conn.
type blocking struct {
	session         Session
	holder          holder
	task            *sim.Task
	parked          bool
	buf             []byte
	head            int
	held            bool
	ended           bool  // the peer's FIN
	failure         error // the peer's RST
	closed          bool
	readBy, writeBy time.Duration
}

func (b *blocking) OnData(data []byte) {
	if b.closed {
		return
	}
	if b.head > 0 {
		b.buf = b.buf[:copy(b.buf, b.buf[b.head:])]
		b.head = 0
	}
	b.buf = append(b.buf, data...)
	if b.holder != nil && !b.held && len(b.buf) >= Window {
		b.held = true
		b.holder.Hold(true)
	}
	b.wake()
}

func (b *blocking) OnClose(err error) {
	b.ended, b.failure = true, err
	b.wake()
}

func (b *blocking) OnDrained() { b.wake() }

// wake lets the task look within the event that has something for it: bytes and
// the end of a connection may come in two events of one instant, and whichever is
// first, no key of the actor is spent.
func (b *blocking) wake() {
	if b.parked {
		b.task.Continue()
	}
}

func (b *blocking) wait(deadline time.Duration) bool {
	b.parked = true
	ok := b.task.Park(deadline)
	b.parked = false
	return ok
}

func (b *blocking) finish() {
	b.closed, b.parked = true, false
	b.buf = nil
	b.session.Close()
}

// Read takes what the peer sent.
func (b *blocking) Read(p []byte) (int, error) {
	if b.closed {
		return 0, net.ErrClosed
	}
	if b.task.Now() >= b.readBy {
		return 0, b.failed("read", os.ErrDeadlineExceeded)
	}
	if len(p) == 0 {
		return 0, nil
	}
	for b.head == len(b.buf) {
		switch {
		case b.failure != nil:
			return 0, b.failed("read", os.NewSyscallError("read", b.failure))
		case b.ended:
			return 0, io.EOF
		case !b.wait(b.readBy):
			return 0, b.failed("read", os.ErrDeadlineExceeded)
		}
	}
	n := copy(p, b.buf[b.head:])
	b.head += n
	if b.held && len(b.buf)-b.head < Window/2 {
		b.held = false
		b.holder.Hold(false)
	}
	return n, nil
}

// Write sends p; it waits while the peer reads nothing.
func (b *blocking) Write(p []byte) (int, error) {
	if b.closed {
		return 0, net.ErrClosed
	}
	if b.task.Now() >= b.writeBy {
		return 0, b.failed("write", os.ErrDeadlineExceeded)
	}
	for done := 0; ; {
		if b.failure != nil {
			return done, b.failed("write", os.NewSyscallError("write", syscall.EPIPE))
		}
		n := min(len(p)-done, Window-b.session.Pending())
		if n > 0 {
			b.session.Send(p[done : done+n])
			done += n
		}
		if done == len(p) {
			return done, nil
		}
		if !b.wait(b.writeBy) {
			return done, b.failed("write", os.ErrDeadlineExceeded)
		}
	}
}

// Close sends FIN after what was written.
func (b *blocking) Close() error {
	if b.closed {
		return net.ErrClosed
	}
	b.finish()
	return nil
}

func (b *blocking) LocalAddr() net.Addr  { return textAddr("") }
func (b *blocking) RemoteAddr() net.Addr { return textAddr(b.session.Remote()) }

func (b *blocking) SetDeadline(t time.Time) error {
	b.readBy = instant(t)
	b.writeBy = b.readBy
	return nil
}

func (b *blocking) SetReadDeadline(t time.Time) error {
	b.readBy = instant(t)
	return nil
}

func (b *blocking) SetWriteDeadline(t time.Time) error {
	b.writeBy = instant(t)
	return nil
}

func (b *blocking) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: b.RemoteAddr(), Err: err}
}

// textAddr is an address that is only text.
type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }
