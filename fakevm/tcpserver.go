package fakevm

import "time"

// tcpConn is one accepted connection of a TCP service.
type tcpConn struct {
	conn
	ep    *endpoint
	pick  pick
	reply *TCPReply
	noted bool
	reset bool // when the banner is taken
	waits bool // a timer may know of it

	accept func(Session) Handler
}

// tcpGate decides on a SYN to a TCP port.
func (g *Guest) tcpGate(e *endpoint, _ string) Decision {
	if !g.Answers() {
		return Decision{Connect: Blackhole}
	}
	p := g.take(e)
	defer g.hint(e)
	g.log(e, p, "connect", "")
	if p.prepared == nil {
		return Decision{Connect: Refuse}
	}
	d := Decision{Connect: p.reply.Connect, Delay: p.reply.ConnectDelay}
	r := p.reply.TCP
	if queues, full := e.queue(p.reply); full {
		return Decision{Connect: Blackhole}
	} else if queues {
		d.Connect = Unaccepted
	}
	switch d.Connect {
	case Accept:
		c := g.newTCP()
		c.ep, c.pick, c.reply = e, p, r
		d.Handler = c.accept
	case Unaccepted:
		d.Handler = g.ignored
	case Refuse, Blackhole:
	}
	return d
}

// newTCP gives a connection that waits for the end of its handshake.
func (g *Guest) newTCP() *tcpConn {
	if last := len(g.tcps) - 1; last >= 0 {
		c := g.tcps[last]
		g.tcps = g.tcps[:last]
		return c
	}
	c := &tcpConn{conn: conn{g: g}}
	c.accept = func(s Session) Handler {
		c.g.attach(&c.conn, s, c)
		c.serve()
		return &c.conn
	}
	return c
}

// recycle makes the connection fit for another peer.
func (c *tcpConn) recycle() {
	if c.waits {
		return
	}
	*c = tcpConn{conn: conn{g: c.g}, accept: c.accept}
	c.g.tcps = append(c.g.tcps, c)
}

func (c *tcpConn) serve() {
	r := c.reply
	if r != nil && r.MustClose {
		c.waits = true
		c.g.clock.after(patience, c.overdue)
	}
	if r == nil || r.Banner == "" && (r.End == "" || r.End == EndOpen) {
		return
	}
	if r.After > 0 {
		c.waits = true
		c.g.clock.after(r.After, c.speak)
		return
	}
	c.speak()
}

// patience is how long a connection may stay open that must be closed.
const patience = time.Second

// overdue notes that the peer has not closed in time.
func (c *tcpConn) overdue() {
	if c.attached {
		c.leave("the connection was left open")
	}
}

// leave notes that the peer does not leave as it must.
func (c *tcpConn) leave(how string) {
	if c.reply != nil && c.reply.MustClose && !c.noted {
		c.noted = true
		c.g.violation(c.ep, c.pick, "close", how)
	}
}

func (c *tcpConn) speak() {
	if !c.attached {
		return // the peer left in the meantime
	}
	if c.reply.Banner != "" {
		c.s.Send([]byte(c.reply.Banner))
	}
	switch c.reply.End {
	case EndFIN:
		c.s.Close()
		if c.peerClosed {
			c.detach()
		}
	case EndReset:
		c.reset = true
		c.OnDrained()
	case EndOpen:
	}
}

// OnData notes what must not come; a TCP probe sends nothing
// (TCP-CONNECT-ONLY).
func (c *tcpConn) OnData(b []byte) {
	if c.reply != nil && c.reply.NoData && !c.noted && len(b) > 0 {
		c.noted = true
		c.g.violation(c.ep, c.pick, "data", "bytes were sent to a service that expects none")
	}
}

// OnClose closes this side too.
func (c *tcpConn) OnClose(err error) {
	if err == nil {
		c.s.Close()
	} else {
		c.leave("the connection was reset, not closed")
	}
	c.detach()
}

// OnDrained resets when that is due and the banner is taken.
func (c *tcpConn) OnDrained() {
	if c.reset && c.s.Pending() == 0 {
		c.reset = false
		c.s.Reset()
		c.detach()
	}
}
