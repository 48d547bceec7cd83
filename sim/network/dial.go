package network

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// Dial connects the task to "address:port" of a host, where the address is
// one of the network, a loopback address, or the name of a host. Until the
// deadline (instant on the kernel's clock, [sim.Forever] for none) the task
// is parked. The error is a *net.OpError that is syscall.ECONNREFUSED,
// syscall.ETIMEDOUT (127 s without an answer) or os.ErrDeadlineExceeded; an
// address that nobody has answers nothing.
func (h *Host) Dial(t *sim.Task, address string, deadline time.Duration) (net.Conn, error) {
	to, remote, err := h.net.resolve(h, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	return h.dial(t, to, remote, deadline)
}

// DialAddr is Dial for an address that is parsed already.
func (h *Host) DialAddr(t *sim.Task, address netip.AddrPort, deadline time.Duration) (net.Conn, error) {
	to, remote, err := h.net.locate(h, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	return h.dial(t, to, remote, deadline)
}

// dial connects to a host, or to the address of nobody.
func (h *Host) dial(t *sim.Task, to *Host, remote netip.AddrPort, deadline time.Duration) (_ net.Conn, err error) {
	if deadline <= t.Now() {
		return nil, dialError(remote, os.ErrDeadlineExceeded)
	}
	if to == nil {
		return nil, dialError(remote, nobody(t, deadline))
	}
	l := h.net.take()
	l.start(h, to, t.Actor(), remote)
	l.task = t
	t.Own(&l.down.timer)
	t.Own(&l.up.pumping)
	l.observe(Dialed)
	h.net.kernel.Set(&l.up.timer, l.since+h.net.delay(h, to))
	timely := true
	for l.state == connecting && timely {
		l.parked = true
		timely = t.Park(deadline)
		l.parked = false
	}
	switch l.state {
	case established:
		return &l.ends.conn, nil
	case refused:
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	case expired:
		err = os.NewSyscallError("connect", syscall.ETIMEDOUT)
	default:
		l.observe(TimedOut)
		err = os.ErrDeadlineExceeded
	}
	l.free()
	return nil, dialError(remote, err)
}

// nobody waits for an answer from an address that nobody has.
func nobody(t *sim.Task, deadline time.Duration) error {
	last := t.Now() + synAt(SYNRetries+1)
	t.SleepUntil(min(deadline, last))
	if deadline <= last {
		return os.ErrDeadlineExceeded
	}
	return os.NewSyscallError("connect", syscall.ETIMEDOUT)
}

func dialError(to netip.AddrPort, err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
}

// synAt is when the n-th repetition of a SYN leaves: after 1, 3, 7, ... s.
func synAt(n int) time.Duration { return time.Duration(1<<n-1) * time.Second }

// handshake is the arrival of a SYN (up) or of the answer to it (down).
func (l *link) handshake(p *pipe) {
	switch {
	case l.tries > SYNRetries:
		l.conclude(expired, TimedOut)
	case p == &l.up:
		l.synArrives()
	default:
		l.answerArrives()
	}
}

func (l *link) synArrives() {
	n, s := l.net, l.server
	if n.blocked(l.client, s) || l.up.lost() {
		l.repeat(&l.up)
		return
	}
	if !l.asked || l.boot != s.boot {
		l.asked, l.boot = true, s.boot
		l.gate = Decision{Connect: Refuse}
		if open := s.open(l.remote.Port(), l.client); open != nil {
			l.gate = open.gate(n.spell(l.local))
		}
	}
	switch l.gate.Connect {
	case Blackhole:
		l.tries = SYNRetries
		l.repeat(&l.up)
		return
	case Unaccepted:
		l.yes, l.unread = true, true
	case Refuse:
		l.yes = false
	case Accept:
		l.yes = true
	default:
		l.yes = false // a gate that says what nobody knows
	}
	n.kernel.Set(&l.down.timer, n.kernel.Now()+bounded(l.gate.Delay)+n.delay(s, l.client))
}

func (l *link) answerArrives() {
	n := l.net
	if l.server.frozen > 0 && l.gate.Delay > 0 {
		l.down.hold(l.server) // it did not come to answer
		return
	}
	switch lost := n.blocked(l.server, l.client) || l.down.lost(); {
	case l.boot != l.server.boot || lost && !l.yes:
		l.repeat(&l.up) // who would have answered is dead, or an RST is lost
	case lost:
		l.repeat(&l.down)
	case l.yes:
		l.connect()
	default:
		l.conclude(refused, Refused)
	}
}

// repeat sends the SYN (up) or the SYN-ACK (down) again, at the next instant
// at which the dialer's or server's kernel does.
func (l *link) repeat(p *pipe) {
	n := l.net
	for {
		l.tries++
		at := l.since + synAt(l.tries)
		if l.tries > SYNRetries {
			n.kernel.Set(&p.timer, at) // the end, see handshake
			return
		}
		if at >= n.kernel.Now() {
			n.kernel.Set(&p.timer, at+n.delay(p.from, p.to))
			return
		}
	}
}

// connect completes the handshake at the dialer.
func (l *link) connect() {
	l.ends = l.net.ends()
	l.ends.conn = Conn{link: l, gen: l.gen, readBy: sim.Forever, writeBy: sim.Forever}
	l.ends.session = session{link: l, gen: l.gen}
	l.listed = true
	if l.client != l.server {
		l.client.join(l, &l.clientAt)
	}
	l.server.join(l, &l.serverAt)
	l.state = established
	l.up.send(0, ack, l.net.kernel.Now())
	l.observe(Established)
	l.wake()
}

func (l *link) conclude(s phase, kind EventKind) {
	l.state = s
	l.observe(kind)
	l.wake()
}
