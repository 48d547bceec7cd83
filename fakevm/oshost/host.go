// Package oshost is a fakevm.Host on real sockets and the wall clock: TCP on
// one loopback address, a unix socket for the agent's channel. The same guest
// code that serves the simulated network serves any program from here.
//
// The package is exempt from the determinism rules of its parent: it has
// goroutines and timers. All of them take the host's one lock before they
// call the guest, so the guest still lives on one logical thread.
package oshost

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// Config places a host.
type Config struct {
	// Address is the IP address to listen on, for example 127.0.0.7.
	Address string
	// Port gives the real port for a guest's port; nil: the same.
	Port func(guest uint16) uint16
	// AgentSocket is the path of the unix socket of the agent's channel;
	// empty: there is none, and the agent cannot start.
	AgentSocket string
	// Log takes the guest's records, one at a time. May be nil.
	Log func(fakevm.Record)
}

// Host is a ground of real sockets. Its methods that fakevm.Host names are
// called by the guest, under the lock; everybody else uses Do.
type Host struct {
	mu     sync.Mutex
	cfg    Config
	start  time.Time
	closed bool
	ports  map[uint16]*port
	conns  map[*session]struct{} // never ranged over in anything observable
	feeds  map[*feed]struct{}
	agent  *channel
	wg     sync.WaitGroup
}

var (
	_ fakevm.Host       = (*Host)(nil)
	_ fakevm.PortHinter = (*Host)(nil)
)

// New makes a host whose time starts now.
func New(cfg Config) *Host {
	return &Host{
		cfg: cfg, start: time.Now(), ports: map[uint16]*port{},
		conns: map[*session]struct{}{}, feeds: map[*feed]struct{}{},
	}
}

// Do calls fn on the guest's thread. Use it to make, boot and stop guests.
func (h *Host) Do(fn func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fn()
}

// Close closes all sockets, drops all timers and waits until nothing runs any
// more. It must not be called from Do.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	for _, p := range h.ports {
		p.shut()
	}
	if h.agent != nil {
		h.agent.Close()
	}
	for s := range h.conns {
		s.abort()
	}
	for f := range h.feeds {
		f.OnClose(net.ErrClosed)
	}
	h.mu.Unlock()
	h.wg.Wait()
}

// Now is the wall time since New.
func (h *Host) Now() time.Duration { return time.Since(h.start) }

// At calls fn under the lock.
func (h *Host) At(t time.Duration, fn func()) func() {
	cancelled := false
	timer := time.AfterFunc(max(0, t-h.Now()), func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if !cancelled && !h.closed {
			fn()
		}
	})
	return func() {
		cancelled = true
		timer.Stop()
	}
}

// Log hands a record on.
func (h *Host) Log(r fakevm.Record) {
	if h.cfg.Log != nil {
		h.cfg.Log(r)
	}
}

// port is one guest port; it has a listener while it is not refused.
type port struct {
	host *Host
	addr string
	gate fakevm.Gate
	l    net.Listener
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
	p := &port{host: h, gate: gate, addr: net.JoinHostPort(h.cfg.Address, strconv.Itoa(int(real)))}
	// A port that somebody else has is an error now, not at the first step.
	if err := p.open(); err != nil {
		return nil, err
	}
	p.shut()
	h.ports[guest] = p
	return func() { p.shut(); delete(h.ports, guest) }, nil
}

// Hint opens or closes the listener for what comes next.
func (h *Host) Hint(guest uint16, next fakevm.Connect) {
	p := h.ports[guest]
	if p == nil || h.closed {
		return
	}
	if next == fakevm.Refuse {
		p.shut()
		return
	}
	if p.l == nil {
		if err := p.open(); err != nil {
			h.Log(fakevm.Record{Endpoint: p.addr, Note: "cannot listen: " + err.Error()})
		}
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
