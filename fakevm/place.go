package fakevm

import "slices"

// Place is where a guest is in its scripts, as far as requests move it: the
// same place and the same story give the same answer to the next request. It
// must not be changed.
type Place struct {
	cursors []cursor
	pids    int64 // commands begun so far
}

// cursor is the place in the step in force of one endpoint.
type cursor struct{ pos, used, backlog int }

// Place is where the guest is now.
func (g *Guest) Place() *Place {
	p := &Place{cursors: make([]cursor, len(g.endpoints)), pids: g.exec.nextPID}
	for i, e := range g.endpoints {
		p.cursors[i] = e.cursor()
	}
	return p
}

// Same tells whether two places of one guest are the same.
func (p *Place) Same(o *Place) bool { return p.pids == o.pids && slices.Equal(p.cursors, o.cursors) }

// GoTo moves the guest to a place that it had with the same steps in force:
// as if the requests in between had come. from is the place where it is.
func (g *Guest) GoTo(from, to *Place) {
	for i, e := range g.endpoints {
		c := to.cursors[i]
		if st := e.step(); st != nil {
			st.pos, st.used = c.pos, c.used
		}
		e.backlog = c.backlog
	}
	g.exec.nextPID += to.pids - from.pids
}

// cursor counts no uses of a reply that lasts for ever.
func (e *endpoint) cursor() cursor {
	c := cursor{backlog: e.backlog}
	if st := e.step(); st != nil {
		c.pos, c.used = st.pos, st.used
		if st.replies[st.pos].times == 0 {
			c.used = 0
		}
	}
	return c
}

// Footprint is a digest of everything in the guest that an answer hangs on,
// beside its program and what its timers will do.
func (g *Guest) Footprint() uint64 {
	f := footprint(14695981039346656037)
	f.add(int(g.state))
	f.flag(g.paused, g.hung, g.suspended, g.frozen, g.pressed)
	for _, e := range g.endpoints {
		c := e.cursor()
		f.add(e.cur)
		f.add(c.pos)
		f.add(c.used)
		f.add(c.backlog)
	}
	a := &g.agent
	f.flag(a.channel != nil, a.away)
	if c := a.conn; c != nil {
		f.flag(c.busy, c.taken != nil)
		f.add(len(c.queue))
		f.add(len(c.held))
		f.add(len(c.frames.buf))
	}
	f.add(len(g.exec.procs))
	f.add(int(g.exec.nextPID))
	open := 0
	g.conns.each(func(*conn) { open++ })
	f.add(open)
	f.add(len(g.clock.timers))
	return uint64(f)
}

// footprint is an FNV-1a digest of numbers.
type footprint uint64

func (f *footprint) add(n int) { *f = (*f ^ footprint(uint64(n))) * 1099511628211 }

func (f *footprint) flag(list ...bool) {
	bits := 1
	for _, b := range list {
		bits <<= 1
		if b {
			bits |= 1
		}
	}
	f.add(bits)
}
