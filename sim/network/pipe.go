package network

import (
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// flags of a segment.
const (
	ack uint8 = 1 << iota // ends the handshake
	fin
	rst
)

// segment is what travels together: n bytes, then its flags.
type segment struct {
	at    time.Duration
	n     int
	flags uint8
}

// pipe is one direction of a link. Its buffer holds, in this order, bytes
// that arrived and were not read, bytes under way, and bytes that wait for
// room in the window.
type pipe struct {
	link    *link
	buf     []byte
	segs    []segment
	timer   sim.Timer // arrival of the first segment, an event of the receiver
	pumping sim.Timer // room in the window or on the line, an event of the sender
	flow
}

// flow is what a pipe holds of one connection.
type flow struct {
	from, to *Host

	head    int // where arrived bytes begin in buf
	arrived int
	flight  int
	total   int64         // bytes delivered so far
	first   int           // of segs
	last    time.Duration // arrival of the newest segment: no overtaking

	rto     time.Duration
	retries int
	packets uint64 // draws made for loss

	ended  bool  // FIN was asked for
	sealed bool  // FIN or RST is under way or there: nothing follows
	fin    bool  // FIN has arrived
	rst    bool  // RST has arrived
	holder *Host // whose held list this is in, or nil
}

// reset empties the pipe for the next connection.
func (p *pipe) reset() {
	k := p.link.net.kernel
	k.Stop(&p.timer)
	k.Stop(&p.pumping)
	if p.holder != nil {
		p.holder.release(p)
	}
	p.buf, p.segs = p.buf[:0], p.segs[:0]
	if cap(p.buf) > 2*Window {
		p.buf = nil
	}
	p.flow = flow{}
}

// unread is the number of bytes written and not read.
func (p *pipe) unread() int { return len(p.buf) - p.head }

// waiting is the number of bytes that have not left.
func (p *pipe) waiting() int { return p.unread() - p.arrived - p.flight }

// write appends bytes and lets them go as far as the window allows.
func (p *pipe) write(b []byte) {
	if p.ended || p.sealed {
		return
	}
	if p.head > 0 && len(p.buf)+len(b) > cap(p.buf) {
		p.buf = p.buf[:copy(p.buf, p.buf[p.head:])]
		p.head = 0
	}
	p.buf = append(p.buf, b...)
	p.flush()
}

// end sends FIN after what was written.
func (p *pipe) end() {
	if !p.ended && !p.sealed {
		p.ended = true
		p.flush()
	}
}

// flush sends what window and line allow.
func (p *pipe) flush() {
	for !p.sealed && p.from.frozen == 0 && !p.from.down {
		n := min(p.waiting(), Window-p.arrived-p.flight)
		last := p.ended && n == p.waiting()
		if n <= 0 && !last {
			return
		}
		sent, wait := p.line(n)
		if sent < 0 {
			p.link.net.kernel.Set(&p.pumping, wait)
			return
		}
		var flags uint8
		if last && sent == n {
			flags, p.sealed = fin, true
		}
		p.send(sent, flags, wait)
	}
}

// line gives how much of n bytes may leave now and when its last byte has
// left; with -1, when to ask again. Without a limit on either end that is all
// of it, now.
func (p *pipe) line(n int) (sent int, at time.Duration) {
	now := p.link.net.kernel.Now()
	limit := p.from.limit
	if l := p.to.limit; l > 0 && (limit == 0 || l < limit) {
		limit = l
	}
	if limit == 0 || n == 0 {
		return n, now
	}
	free := now
	if p.from.limit > 0 {
		free = max(free, p.from.lineOut)
	}
	if p.to.limit > 0 {
		free = max(free, p.to.lineIn)
	}
	if free > now {
		return -1, free
	}
	n = min(n, MSS)
	free = now + time.Duration(max(1, int64(n)*int64(time.Second)/limit))
	p.from.lineOut, p.to.lineIn = free, free
	return n, free
}

// send puts a segment on its way that leaves at an instant.
func (p *pipe) send(n int, flags uint8, leaves time.Duration) {
	net := p.link.net
	at := max(p.last, leaves+net.delay(p.from, p.to))
	p.last = at
	p.flight += n
	if i := len(p.segs) - 1; i >= p.first && p.segs[i].at == at && p.segs[i].flags&(fin|rst) == 0 {
		p.segs[i].n += n
		p.segs[i].flags |= flags
		return
	}
	p.segs = append(p.segs, segment{at: at, n: n, flags: flags})
	if len(p.segs) == p.first+1 && p.holder == nil {
		net.kernel.Set(&p.timer, at)
	}
}

// sendReset sends RST behind what is under way; what waits is lost. A dead
// sender answers again when it is asked again.
func (p *pipe) sendReset() {
	if p.rst || len(p.segs) > p.first && p.segs[len(p.segs)-1].flags&rst != 0 {
		return
	}
	p.buf = p.buf[:len(p.buf)-p.waiting()]
	p.sealed = true
	p.send(0, rst, p.link.net.kernel.Now())
}

// abandon forgets what its dead sender would have to send or repeat.
func (p *pipe) abandon() {
	p.link.net.kernel.Stop(&p.pumping)
	p.sealed = true
	p.buf = p.buf[:len(p.buf)-p.waiting()]
	if p.retries > 0 {
		p.drop()
	}
}

// drop forgets what is under way.
func (p *pipe) drop() {
	p.link.net.kernel.Stop(&p.timer)
	p.buf = p.buf[:len(p.buf)-p.flight]
	p.flight, p.segs, p.first = 0, p.segs[:0], 0
}

// arrive takes the segments that are due.
func (p *pipe) arrive() {
	l := p.link
	if p.to.frozen > 0 {
		p.hold(p.to)
		return
	}
	if l.state == connecting {
		l.handshake(p)
		return
	}
	if p.retries > Retries {
		l.expire(p)
		return
	}
	now := l.net.kernel.Now()
	var taken int
	var flags uint8
	for p.first < len(p.segs) && p.segs[p.first].at <= now {
		s := &p.segs[p.first]
		if n, ok := p.survives(s); !ok {
			taken += n
			s.n -= n
			if s.flags&rst == 0 {
				p.backoff(s, n > 0)
				break
			}
			// Nobody repeats an RST, nor the bytes before it.
			p.flight -= s.n
			p.buf = p.buf[:len(p.buf)-s.n]
		} else {
			taken += n
			flags |= s.flags
			p.retries, p.rto = 0, 0
		}
		p.first++
	}
	p.flight -= taken
	p.arrived += taken
	p.total += int64(taken)
	if p.first == len(p.segs) {
		p.segs, p.first = p.segs[:0], 0
	} else {
		l.net.kernel.Set(&p.timer, p.segs[p.first].at)
	}
	l.deliver(p, taken, flags)
}

// survives reports whether the whole segment gets through, and how many of
// its first bytes do.
func (p *pipe) survives(s *segment) (int, bool) {
	net := p.link.net
	if net.blocked(p.from, p.to) || p.from.halfOpen > 0 && (s.n > 0 || s.flags&fin != 0) {
		return 0, false
	}
	if p.from.loss == 0 && p.to.loss == 0 {
		return s.n, true
	}
	for n := 0; ; n += MSS {
		if p.lost() {
			return min(n, s.n), false
		}
		if n+MSS >= s.n {
			return s.n, true
		}
	}
}

// lost draws the fate of the next packet.
func (p *pipe) lost() bool {
	l := p.link
	stream := l.stream
	if p == &l.down {
		stream = ^stream
	}
	for _, percent := range [2]int{p.from.loss, p.to.loss} {
		if percent == 0 {
			continue
		}
		p.packets++
		if sim.Chance(l.net.kernel.Draw(stream, p.packets), percent) {
			l.observe(Lost)
			return true
		}
	}
	return false
}

// backoff arranges the repetition of the first segment.
func (p *pipe) backoff(s *segment, progress bool) {
	if progress || p.rto == 0 {
		p.rto, p.retries = MinRTO, 0
	} else {
		p.rto = min(2*p.rto, MaxRTO)
	}
	p.retries++
	s.at = p.link.net.kernel.Now() + p.rto
}

// take removes n bytes that were read and tells the sender when it waits.
func (p *pipe) take(n int) {
	p.head += n
	p.arrived -= n
	if p.head == len(p.buf) {
		p.buf, p.head = p.buf[:0], 0
	}
	if n > 0 && p.link.wantsRoom(p) && !p.pumping.Armed() {
		p.link.net.kernel.Set(&p.pumping, p.link.net.kernel.Now()+p.link.net.delay(p.to, p.from))
	}
}

// pump goes on sending.
func (p *pipe) pump() {
	p.flush()
	p.link.drained(p)
}

// again retries a sender that may have been held up by the line or a freeze.
func (p *pipe) again() {
	if p.waiting() > 0 || p.ended && !p.sealed {
		p.link.net.kernel.Set(&p.pumping, p.link.net.kernel.Now())
	}
}

// hold puts the arrival aside until a host thaws.
func (p *pipe) hold(h *Host) {
	if p.holder == nil {
		p.holder = h
		h.held = append(h.held, p)
	}
}

// release takes a pipe out of the held list.
func (h *Host) release(p *pipe) {
	for i, q := range h.held {
		if q == p {
			h.held = append(h.held[:i], h.held[i+1:]...)
			break
		}
	}
	p.holder = nil
}
