// Package oshost is a fakevm.Host on real sockets and the wall clock: TCP on
// one loopback address, a unix socket for the agent's channel. The same guest
// code that serves the simulated network serves any program from here.
//
// The package is exempt from the determinism rules of its parent: it has
// goroutines and timers. All of them take the host's one lock before they
// call the guest, so the guest still lives on one logical thread.
package oshost

import (
	"net"
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
	// Forwarded are the guest's ports that can be reached, SYNs to others are
	// refused; empty: all of them.
	Forwarded []uint16
	// AgentSocket is the path of the unix socket of the agent's channel;
	// empty: there is none, and the agent cannot start.
	AgentSocket string
	// Log takes the guest's records, one at a time. May be nil.
	Log func(fakevm.Record)
	// Fail is told that a socket could not be made in the middle of a life: what
	// the guest is now, no script says. May be nil.
	Fail func(error)
	// Dallied is told, with the lock held, how long a client took for what one with a
	// processor does at once: to send or to close after the handshake, and to close
	// when it has all. May be nil.
	Dallied func(time.Duration)
	// Thread is where the guest lives; nil: a lock and a clock of the host's
	// own.
	Thread Thread
}

// Thread is the one logical thread of guests: whoever holds its lock is on it.
// Several hosts may share one, and others may live on it, too.
type Thread interface {
	sync.Locker
	// Now is the time since the thread began. The lock is held.
	Now() time.Duration
	// At calls fn on the thread at the instant t. The lock is held.
	At(t time.Duration, fn func()) (cancel func())
}

// NewThread makes a thread that began at an instant, which may have passed.
func NewThread(start time.Time) Thread { return &ownThread{start: start} }

// ownThread is a mutex and the wall clock.
type ownThread struct {
	sync.Mutex
	start time.Time
}

func (t *ownThread) Now() time.Duration { return time.Since(t.start) }

func (t *ownThread) At(at time.Duration, fn func()) func() {
	cancelled := false
	timer := time.AfterFunc(max(0, at-t.Now()), func() {
		t.Lock()
		defer t.Unlock()
		if !cancelled {
			fn()
		}
	})
	return func() {
		cancelled = true
		timer.Stop()
	}
}

// Host is a ground of real sockets. Its methods that fakevm.Host names are
// called by the guest, under the lock; everybody else uses Do.
type Host struct {
	mu     Thread
	cfg    Config
	closed bool
	// Which SYNs meet what, whatever the script says.
	silent   int
	refusing int
	// Of connections: neither side hears the other, or nobody hears the guest.
	cut, mute int
	ports     map[uint16]*port
	conns     map[*session]struct{} // never ranged over in anything observable
	feeds     map[*feed]struct{}
	agent     *channel
	wg        sync.WaitGroup
}

var (
	_ fakevm.Host       = (*Host)(nil)
	_ fakevm.PortHinter = (*Host)(nil)
)

// New makes a host whose time starts now.
func New(cfg Config) *Host {
	if cfg.Thread == nil {
		cfg.Thread = NewThread(time.Now())
	}
	return &Host{
		cfg: cfg, mu: cfg.Thread, ports: map[uint16]*port{},
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

// Now is the time of the thread.
func (h *Host) Now() time.Duration { return h.mu.Now() }

// At calls fn under the lock.
func (h *Host) At(t time.Duration, fn func()) func() {
	return h.mu.At(t, func() {
		if !h.closed {
			fn()
		}
	})
}

// fail tells of a socket that could not be made.
func (h *Host) fail(endpoint string, err error) {
	h.Log(fakevm.Record{Endpoint: endpoint, Note: "cannot listen: " + err.Error()})
	if h.cfg.Fail != nil {
		h.cfg.Fail(err)
	}
}

// Log hands a record on.
func (h *Host) Log(r fakevm.Record) {
	if h.cfg.Log != nil {
		h.cfg.Log(r)
	}
}
