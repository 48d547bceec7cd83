package oshost

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// port is one guest port. Its socket follows what becomes of the next SYN.
type port struct {
	host  *Host
	addr  string
	gate  fakevm.Gate
	next  fakevm.Connect // as the script says
	away  bool           // it cannot be reached
	held  bool           // for a SYN that is under way
	l     net.Listener   // accepts
	block func()         // not nil: SYNs are dropped; opens the port again
}

// Listen reserves a port. The kernel would complete handshakes as soon as a
// listener is there, so it opens only when Hint says so.
func (h *Host) Listen(guest uint16, gate fakevm.Gate) (func(), error) {
	if h.ports[guest] != nil {
		return nil, fmt.Errorf("listen on guest port %d: it is taken", guest)
	}
	real := guest
	if h.cfg.Port != nil {
		real = h.cfg.Port(guest)
	}
	p := &port{host: h, gate: gate, next: fakevm.Refuse, addr: net.JoinHostPort(h.cfg.Address, strconv.Itoa(int(real)))}
	p.away = len(h.cfg.Forwarded) > 0 && !slices.Contains(h.cfg.Forwarded, guest)
	// A port that somebody else has is an error now, not at the first step.
	if !p.away {
		if err := p.open(); err != nil {
			return nil, err
		}
	}
	h.ports[guest] = p
	p.follow()
	return func() { p.shut(); delete(h.ports, guest) }, nil
}

// Hint opens, closes or blocks the port for what comes next.
func (h *Host) Hint(guest uint16, next fakevm.Connect) {
	if p := h.ports[guest]; p != nil {
		p.next = next
		p.follow()
	}
}

// Knock tells of a SYN to a port that is refused or dropped by the script, so
// that it is counted: the kernel tells of none. Until done is called the port
// stays as it is. Of one that is accepted, or that the network keeps away, the
// guest learns otherwise; done is nil then.
func (h *Host) Knock(guest uint16) (done func()) {
	p := h.ports[guest]
	switch {
	case p == nil || p.held || p.away || h.closed || h.refusing+h.silent > 0:
		return nil
	case p.next != fakevm.Refuse && p.next != fakevm.Blackhole:
		return nil
	}
	p.held = true
	p.gate(h.cfg.Address)
	return func() {
		p.held = false
		p.follow()
	}
}

// Silence drops every SYN, as a guest does that is off or hangs, until the
// returned function is called. Connections stay.
func (h *Host) Silence() (end func()) { return h.during(&h.silent) }

// Refuse refuses every SYN until the returned function is called.
func (h *Host) Refuse() (end func()) { return h.during(&h.refusing) }

// Cut parts the guest from everybody on the network until the returned function
// is called: SYNs are dropped, and what is said on connections arrives
// afterwards.
func (h *Host) Cut() (end func()) {
	heard := h.Silence()
	h.cut++
	return func() {
		h.cut--
		heard()
		h.thaw()
	}
}

// HalfOpen keeps back what the guest says on connections, but for RSTs, until
// the returned function is called. Handshakes are the kernel's and complete.
func (h *Host) HalfOpen() (end func()) {
	h.mute++
	return func() {
		h.mute--
		h.thaw()
	}
}

// thaw lets connections go on.
func (h *Host) thaw() {
	if h.cut > 0 {
		return
	}
	for s := range h.conns {
		if s.held {
			s.held, s.resetting = false, false
			s.Reset()
		}
		s.wake.Broadcast()
	}
}

func (h *Host) during(n *int) func() {
	*n++
	h.follow()
	return func() {
		*n--
		h.follow()
	}
}

// ResetAll resets every connection.
func (h *Host) ResetAll() {
	for s := range h.conns {
		if _, network := s.c.(*net.TCPConn); network {
			s.Reset()
		}
	}
}

func (h *Host) follow() {
	for _, p := range h.ports {
		p.follow()
	}
}

// follow makes the socket what the next SYN has to meet.
func (p *port) follow() {
	h := p.host
	next := p.next
	if p.held && !h.closed {
		return
	}
	switch {
	case h.closed || h.refusing > 0 || p.away:
		next = fakevm.Refuse
	case h.silent > 0:
		next = fakevm.Blackhole
	}
	var err error
	switch {
	case next == fakevm.Refuse:
		p.shut()
	case next == fakevm.Blackhole && p.block == nil:
		p.shut()
		p.block, err = blockPort(p.addr)
	case next != fakevm.Blackhole && p.l == nil:
		p.shut()
		err = p.open()
	}
	if err != nil {
		h.fail(p.addr, err)
	}
}

func (p *port) open() error {
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return fmt.Errorf("listen for the guest: %w", err)
	}
	p.l = l
	p.host.wg.Add(1)
	go p.serve(l)
	return nil
}

func (p *port) shut() {
	if p.l != nil {
		_ = p.l.Close()
		p.l = nil
	}
	if p.block != nil {
		p.block()
		p.block = nil
	}
}

func (p *port) serve(l net.Listener) {
	defer p.host.wg.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(10 * time.Millisecond) // out of descriptors: try again
			continue
		}
		p.host.mu.Lock()
		p.accept(c.(*net.TCPConn)) //nolint:forcetypeassert // a TCP listener accepts nothing else
		p.host.mu.Unlock()
	}
}

// accept asks the gate about a connection that the kernel has completed.
func (p *port) accept(c *net.TCPConn) {
	h := p.host
	s := newSession(h, c)
	if h.closed {
		s.abort()
		return
	}
	d := p.gate(c.RemoteAddr().String())
	switch {
	case d.Connect == fakevm.Refuse:
		s.Reset() // the closest a completed handshake comes to it
	case d.Handler == nil:
		s.serve(nil) // silence
	case d.Delay > 0:
		h.At(h.Now()+d.Delay, func() { s.serve(d.Handler) })
	default:
		s.serve(d.Handler)
	}
}
