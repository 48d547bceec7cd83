package network

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// Conn is the dialer's end of a connection. Its calls park the task that
// dialed and must come from it. Deadlines are on the clock of [sim.Epoch];
// as with real sockets, one that has passed fails a Read although bytes are
// there.
type Conn struct {
	link            *link
	gen             uint32
	readBy, writeBy time.Duration
	linger          bool // Close sends RST
}

var _ net.Conn = (*Conn)(nil)

// live is the link, nil after Close.
func (c *Conn) live() *link {
	if c.link.gen != c.gen || c.link.closed {
		return nil
	}
	return c.link
}

// Read takes bytes that have arrived, or waits for them. After FIN it returns
// io.EOF; after RST what had arrived, then ECONNRESET, as Linux does.
func (c *Conn) Read(b []byte) (int, error) {
	l := c.live()
	if l == nil {
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: net.ErrClosed}
	}
	if l.task.Now() >= c.readBy {
		return 0, l.failed("read", os.ErrDeadlineExceeded)
	}
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, err := l.pull(b)
		if !errors.Is(err, ErrAgain) {
			return n, err
		}
		if !l.wait(c.readBy) {
			return 0, l.failed("read", os.ErrDeadlineExceeded)
		}
	}
}

// pull is Read without the wait.
func (l *link) pull(b []byte) (int, error) {
	switch p := &l.down; {
	case p.arrived > 0:
		n := copy(b, p.buf[p.head:p.head+p.arrived])
		p.take(n)
		return n, nil
	case p.rst:
		return 0, l.failed("read", os.NewSyscallError("read", syscall.ECONNRESET))
	case p.fin:
		return 0, io.EOF
	case l.failure != nil:
		return 0, l.failed("read", os.NewSyscallError("read", l.failure))
	}
	return 0, ErrAgain
}

// Write sends b. It waits while the window is full, as behind a server that
// does not read. After RST it fails with EPIPE.
func (c *Conn) Write(b []byte) (int, error) {
	l := c.live()
	if l == nil {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: net.ErrClosed}
	}
	if l.task.Now() >= c.writeBy {
		return 0, l.failed("write", os.ErrDeadlineExceeded)
	}
	done := 0
	for {
		n, err := l.push(b[done:])
		done += n
		if !errors.Is(err, ErrAgain) {
			return done, err
		}
		l.writing = true
		ok := l.wait(c.writeBy)
		l.writing = false
		if !ok {
			return done, l.failed("write", os.ErrDeadlineExceeded)
		}
	}
}

// push is Write without the wait.
func (l *link) push(b []byte) (int, error) {
	p := &l.up
	switch {
	case l.failure != nil:
		return 0, l.failed("write", os.NewSyscallError("write", l.failure))
	case l.down.rst || p.ended || p.sealed:
		return 0, l.failed("write", os.NewSyscallError("write", syscall.EPIPE))
	}
	n := min(len(b), Window-p.unread())
	if n > 0 {
		p.write(b[:n])
	}
	if n = max(n, 0); n < len(b) {
		return n, ErrAgain
	}
	return n, nil
}

// wait parks the dialer's task until something happens to the link.
func (l *link) wait(deadline time.Duration) bool {
	l.parked = true
	ok := l.task.Park(deadline)
	l.parked = false
	return ok
}

// Close ends the connection: FIN after what was written; RST when bytes that
// arrived were not read (RFC 2525, 2.17) or SetLinger(0) was called. Bytes
// that arrive later are answered by RST. It does not wait. It fails while a
// CloseFails of the server is in force, when all this is done.
func (c *Conn) Close() error {
	l := c.live()
	if l == nil {
		return &net.OpError{Op: "close", Net: "tcp", Err: net.ErrClosed}
	}
	l.observe(Closed)
	l.closed = true
	l.busy++
	switch {
	case l.down.rst:
	case l.down.arrived > 0 || c.linger:
		l.up.sendReset()
	default:
		l.up.end()
	}
	l.busy--
	var err error
	if l.server.closeFails > 0 {
		err = l.failed("close", os.NewSyscallError("close", syscall.EIO))
	}
	l.settle()
	return err
}

// CloseWrite sends FIN and leaves the other direction open.
func (c *Conn) CloseWrite() error {
	l := c.live()
	if l == nil {
		return &net.OpError{Op: "close", Net: "tcp", Err: net.ErrClosed}
	}
	l.up.end()
	return nil
}

// SetLinger makes Close send RST when sec is 0; any other value has no effect,
// as Close never waits.
func (c *Conn) SetLinger(sec int) error {
	c.linger = sec == 0
	return nil
}

// Bind gives the connection to another task.
func (c *Conn) Bind(t *sim.Task) {
	if l := c.live(); l != nil {
		l.task = t
	}
}

// LocalAddr is the dialer's address; nil after Close.
func (c *Conn) LocalAddr() net.Addr {
	if l := c.live(); l != nil {
		return net.TCPAddrFromAddrPort(l.local)
	}
	return nil
}

// RemoteAddr is the address dialed; nil after Close.
func (c *Conn) RemoteAddr() net.Addr {
	if l := c.live(); l != nil {
		return net.TCPAddrFromAddrPort(l.remote)
	}
	return nil
}

// SetDeadline sets both deadlines; the zero Time removes them.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readBy = instant(t)
	c.writeBy = c.readBy
	return nil
}

// SetReadDeadline sets the deadline of Read.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.readBy = instant(t)
	return nil
}

// SetWriteDeadline sets the deadline of Write.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writeBy = instant(t)
	return nil
}

// instant maps a deadline to the kernel's clock.
func instant(t time.Time) time.Duration {
	if t.IsZero() {
		return sim.Forever
	}
	return t.Sub(sim.Epoch)
}

func (l *link) failed(op string, err error) error {
	return &net.OpError{
		Op: op, Net: "tcp", Source: net.TCPAddrFromAddrPort(l.local), Addr: net.TCPAddrFromAddrPort(l.remote), Err: err,
	}
}
