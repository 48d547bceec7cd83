package network

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/vmprobe/vmprobe/sim"
)

// ErrAgain is the answer of a [Stream] that has nothing to say yet.
var ErrAgain = errors.New("network: nothing yet")

// Stream is the dialer's end of a connection for code that does not run in a
// task: its calls never wait. A function is told when it is worth asking
// again. A Stream has no deadlines; whoever waits on it has.
type Stream struct {
	net     *Network
	link    *link // nil: the address of nobody
	gen     uint32
	remote  netip.AddrPort
	conn    *Conn
	timer   *sim.Timer // of the last SYN to nobody
	failure error
}

// Open begins to connect to "address:port", as Dial does, on behalf of an
// actor. changed is called, from the kernel's thread, whenever there may be
// something new; it must call no method of the stream. The error is that of
// an address that makes no sense.
func (h *Host) Open(actor sim.Actor, address string, changed func()) (*Stream, error) {
	to, remote, err := h.net.resolve(h, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	k := h.net.kernel
	s := &Stream{net: h.net, remote: remote}
	if to == nil {
		s.timer = k.NewTimer(actor, func() {
			s.failure = dialError(remote, os.NewSyscallError("connect", syscall.ETIMEDOUT))
			changed()
		})
		k.Set(s.timer, k.Now()+synAt(SYNRetries+1))
		return s, nil
	}
	l := h.net.take()
	l.start(h, to, actor, remote)
	l.changed = changed
	k.Assign(&l.down.timer, actor)
	k.Assign(&l.up.pumping, actor)
	s.link, s.gen = l, l.gen
	l.observe(Dialed)
	k.Set(&l.up.timer, l.since+h.net.delay(h, to))
	return s, nil
}

// Connected is nil when the handshake is complete, ErrAgain while it is under
// way, and else the error that Dial would return.
func (s *Stream) Connected() error {
	switch {
	case s.conn != nil:
		return nil
	case s.failure != nil:
		return s.failure
	case s.link == nil:
		return ErrAgain
	}
	switch s.link.state {
	case established:
		s.conn = &s.link.ends.conn
		return nil
	case refused:
		s.end(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	case expired:
		s.end(os.NewSyscallError("connect", syscall.ETIMEDOUT))
	default:
		return ErrAgain
	}
	return s.failure
}

// end forgets a connection that never was.
func (s *Stream) end(err error) {
	s.failure = dialError(s.remote, err)
	if s.timer != nil {
		s.net.kernel.Stop(s.timer)
	}
	if s.link != nil {
		s.link.free()
		s.link = nil
	}
}

// live is the link of an open connection, nil after Close.
func (s *Stream) live() *link {
	if s.conn == nil {
		return nil
	}
	return s.conn.live()
}

// Read takes bytes that have arrived. ErrAgain: there are none. Everything
// else is as with [Conn.Read].
func (s *Stream) Read(b []byte) (int, error) {
	l := s.live()
	if l == nil {
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: net.ErrClosed}
	}
	if len(b) == 0 {
		return 0, nil
	}
	return l.pull(b)
}

// Write sends what the window takes and returns how much that was, with
// ErrAgain when it was not all.
func (s *Stream) Write(b []byte) (int, error) {
	l := s.live()
	if l == nil {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: net.ErrClosed}
	}
	n, err := l.push(b)
	l.writing = errors.Is(err, ErrAgain)
	return n, err
}

// Close ends the connection as [Conn.Close] does, or gives up a handshake.
func (s *Stream) Close() error {
	if s.conn != nil {
		return s.conn.Close()
	}
	if s.failure == nil {
		if s.link != nil {
			s.link.observe(TimedOut)
		}
		s.end(net.ErrClosed)
	}
	return nil
}

// Failed is an error of an operation on the connection, as the system words
// it.
func (s *Stream) Failed(op string, err error) error {
	e := &net.OpError{Op: op, Net: "tcp", Addr: net.TCPAddrFromAddrPort(s.remote), Err: err}
	if l := s.live(); l != nil {
		e.Source = net.TCPAddrFromAddrPort(l.local)
	}
	return e
}

// Conn is the connection for CloseWrite, SetLinger and the addresses; nil
// before the handshake is complete. Its Read and Write are for tasks.
func (s *Stream) Conn() *Conn { return s.conn }
