package network

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

const errReset = syscall.ECONNRESET

// phase is how far the handshake is, as the dialer sees it.
type phase uint8

const (
	unused phase = iota
	connecting
	established
	refused
	expired // no answer to the last SYN
)

// link is one connection, from the SYN to the end of both sides. Links are
// pooled; what is handed out are the two small ends in pair, which know the
// generation they belong to.
type link struct {
	net      *Network
	gen      uint32
	up, down pipe // from and to the dialer
	call
}

// call is what a link holds of one connection.
type call struct {
	client, server *Host
	clientAt       int // places in the hosts' lists, valid when listed
	serverAt       int
	listed         bool
	task           *sim.Task
	changed        func()    // in place of a task: see Stream
	actor          sim.Actor // of the dialer
	stream         uint64    // of its draws
	local, remote  netip.AddrPort

	state phase
	since time.Duration // first SYN
	tries int           // SYNs repeated
	boot  uint32        // of the server when it answered
	yes   bool          // the answer on its way is a SYN-ACK
	asked bool          // gate holds the port's decision
	gate  Decision

	ends     *pair
	handler  Handler
	accepted bool // the server has the end of the handshake
	unread   bool // the server leaves data in the buffer
	feeding  bool // the server looks at what has arrived
	finished bool // the server called Close
	gone     bool // the server knows the connection no more
	heard    bool // OnClose was called
	parked   bool // the dialer's task waits
	writing  bool // for room
	closed   bool // the dialer called Close
	failure  error
	busy     int // calls that will settle the link when they end
}

// pair are the ends of a connection: one allocation for both.
type pair struct {
	conn    Conn
	session session
}

// take gives a link of the pool.
func (n *Network) take() *link {
	if i := len(n.free) - 1; i >= 0 {
		l := n.free[i]
		n.free = n.free[:i]
		return l
	}
	l := &link{net: n}
	l.up.link, l.down.link = l, l
	var nobody sim.Actor
	for _, p := range [2]*pipe{&l.up, &l.down} {
		n.kernel.Init(&p.timer, nobody, p.arrive)
		n.kernel.Init(&p.pumping, nobody, p.pump)
	}
	return l
}

// start makes the link one between two hosts, before its first SYN.
func (l *link) start(from, to *Host, actor sim.Actor, remote netip.AddrPort) {
	k := l.net.kernel
	l.client, l.server, l.actor, l.remote = from, to, actor, remote
	l.local = netip.AddrPortFrom(from.addr, from.nextEphemeral())
	l.up.from, l.up.to = from, to
	l.down.from, l.down.to = to, from
	l.up.timer.Like(&to.timer)
	l.down.pumping.Like(&to.timer)
	l.state, l.since = connecting, k.Now()
	// By actor and instant, not by port: other dialers change no draw.
	l.stream = sim.Draw(to.stream, uint64(l.actor), uint64(l.since))
}

// free returns the link to the pool; its ends are dead from now on.
func (l *link) free() {
	released, _ := l.handler.(releaser)
	if l.listed {
		l.server.leave(l)
		if l.client != l.server {
			l.client.leave(l)
		}
	}
	l.up.reset()
	l.down.reset()
	l.gen++
	l.call = call{}
	l.net.free = append(l.net.free, l)
	if released != nil {
		released.Released()
	}
}

// releaser is a Handler that hears when its connection is over for good.
type releaser interface{ Released() }

func (l *link) place(h *Host) *int {
	if h == l.client && h != l.server {
		return &l.clientAt
	}
	return &l.serverAt
}

// settle frees the link when nothing can be seen of it any more: the dialer
// has closed, and the server has heard it or knows nothing.
func (l *link) settle() {
	if l.busy > 0 || !l.closed || l.state == unused {
		return
	}
	over := l.gone || l.up.rst || l.failure != nil
	if l.up.fin {
		over = over || l.heard || l.handler == nil
	} else if l.up.sealed && len(l.up.segs) == l.up.first {
		over = true // an RST was lost: the server will never know
	}
	if over {
		l.free()
	}
}

// deliver tells the receiver of a pipe what has arrived.
func (l *link) deliver(p *pipe, n int, flags uint8) {
	if n == 0 && flags == 0 {
		l.settle()
		return
	}
	p.fin = p.fin || flags&fin != 0
	p.rst = p.rst || flags&rst != 0
	l.busy++
	if p == &l.up {
		l.atServer(n, flags)
	} else {
		l.atClient(n)
	}
	l.busy--
	l.settle()
}

func (l *link) atServer(n int, flags uint8) {
	if l.gone {
		l.up.take(l.up.arrived)
		if flags&rst == 0 {
			l.down.sendReset()
		}
		return
	}
	if !l.accepted {
		l.accepted = true
		if !l.unread && l.gate.Handler != nil {
			l.handler = l.gate.Handler(&l.ends.session)
		}
	}
	if n > 0 {
		l.feed()
	}
	switch {
	case flags&rst != 0:
		l.endServer(errReset)
	case l.up.fin && l.up.arrived == 0:
		l.hear(nil)
	}
}

// feed hands the server what has arrived, unless it does not want it now.
func (l *link) feed() {
	p := &l.up
	n := p.arrived
	if n == 0 || l.unread {
		return
	}
	if l.handler != nil && !l.gone {
		l.feeding = true
		l.handler.OnData(p.buf[p.head : p.head+n])
		l.feeding = false
	}
	p.take(min(n, p.arrived)) // the handler may have reset
}

// hear tells the handler of the end, once.
func (l *link) hear(err error) {
	if !l.heard {
		l.heard = true
		if l.handler != nil && !l.gone {
			l.handler.OnClose(err)
		}
	}
}

// endServer ends the server's side with an error.
func (l *link) endServer(err error) {
	if l.gone {
		return
	}
	l.hear(err)
	l.gone, l.handler = true, nil
	l.up.take(l.up.arrived)
	l.net.kernel.Stop(&l.down.pumping)
}

func (l *link) atClient(n int) {
	switch {
	case l.down.rst:
		l.observe(Reset)
		l.net.kernel.Stop(&l.up.pumping)
		l.net.kernel.Stop(&l.up.timer)
		l.up.sealed = true
	case l.closed && n > 0:
		l.up.sendReset() // bytes for nobody
	}
	l.wake()
}

// wake lets the dialer's task look again. It may end the link: callers hold
// busy.
func (l *link) wake() {
	if l.changed != nil {
		l.changed()
		return
	}
	if l.parked {
		l.task.Continue()
	}
}

// expire ends a connection whose sender waited in vain for an answer to the
// last repetition of a segment.
func (l *link) expire(p *pipe) {
	l.busy++
	if p == &l.down {
		l.endServer(syscall.ETIMEDOUT)
		p.abandon()
	} else {
		l.failure = syscall.ETIMEDOUT
		l.wake()
	}
	l.busy--
	l.settle()
}

// wantsRoom reports whether a pipe's sender waits for its bytes to be read.
func (l *link) wantsRoom(p *pipe) bool {
	if p.sealed {
		return false
	}
	if p.waiting() > 0 {
		return true
	}
	if p == &l.up {
		return l.writing
	}
	return l.handler != nil && !l.finished && p.unread() == 0
}

// drained tells a pipe's sender that there is room.
func (l *link) drained(p *pipe) {
	l.busy++
	if p == &l.up {
		l.wake()
	} else if p.unread() == 0 && l.handler != nil && !l.finished && !l.gone {
		l.handler.OnDrained()
	}
	l.busy--
	l.settle()
}

func (l *link) observe(kind EventKind) {
	if l.net.observer == nil {
		return
	}
	l.net.observer.Observe(Event{
		At: l.net.kernel.Now(), Kind: kind, Actor: l.actor, From: l.client.name, To: l.server.name,
		Port: l.remote.Port(), Sent: l.up.total, Received: l.down.total,
	})
}
