package fakevm

import (
	"strconv"
)

// httpConn is one connection of an HTTP server, over TCP or over TLS.
type httpConn struct {
	conn
	ep   *endpoint
	out  Session // where responses go: the session, or TLS over it
	pick pick
	// fresh: the reply was taken for the connection and not yet used.
	fresh    bool
	buf      []byte // of the request head, or what follows a response
	scanned  int
	seenData bool // bytes have arrived that a NoDrain server does not read
	busy     bool // a response is due or on its way
	ended    bool
	resetDue bool // RST when the peer has taken everything
	logged   bool // this connection has a record
	timer    *guestTimer
	delay    guestTimer // of a response
	kept     bool       // was kept alive: a timer may know of it
	send     sender
	accept   func(Session) Handler
}

// httpGate decides on a SYN to an HTTP port and takes a reply for it.
func (g *Guest) httpGate(e *endpoint, _ string) Decision {
	if !g.Answers() {
		return Decision{Connect: Blackhole}
	}
	p := g.take(e)
	defer g.hint(e)
	if p.prepared == nil {
		g.log(e, p, "connect", "")
		return Decision{Connect: Refuse}
	}
	d := Decision{Connect: p.reply.Connect, Delay: p.reply.ConnectDelay}
	switch d.Connect {
	case Accept:
		if e.spec.Kind == HTTPS {
			d.Handler = func(s Session) Handler { return g.serveTLS(e, p, s) }
			return d
		}
		c := g.newHTTP()
		c.ep, c.pick = e, p
		d.Handler = c.accept
		return d
	case Unaccepted:
		d.Handler = g.ignored
	case Refuse, Blackhole:
	}
	g.log(e, p, "connect", "")
	return d
}

// newHTTP gives a connection that waits for the end of its handshake.
func (g *Guest) newHTTP() *httpConn {
	if last := len(g.https) - 1; last >= 0 {
		c := g.https[last]
		g.https = g.https[:last]
		return c
	}
	c := &httpConn{conn: conn{g: g}}
	c.accept = func(s Session) Handler {
		c.g.attach(&c.conn, s, c)
		c.serve(c.ep, c.pick, s)
		return &c.conn
	}
	return c
}

// recycle makes the connection fit for another peer.
func (c *httpConn) recycle() {
	if c.timer != nil || c.send.timer != nil || c.kept {
		return
	}
	*c = httpConn{conn: conn{g: c.g}, accept: c.accept}
	c.g.https = append(c.g.https, c)
}

// serve starts on a connection whose reply is taken.
func (c *httpConn) serve(e *endpoint, p pick, out Session) {
	c.ep, c.pick, c.fresh, c.out = e, p, true, out
	c.delay.on = c
	r := p.reply.HTTP
	if r == nil || !r.NoDrain && !p.head.atOnce {
		return
	}
	// Nobody waits for a request.
	c.g.log(e, p, "connect", "")
	c.logged, c.busy = true, true
	c.in(r)
}

// alarm ends the delay of a response.
func (c *httpConn) alarm() { c.respond() }

// in starts the response after its delay.
func (c *httpConn) in(r *HTTPReply) {
	if r.Delay > 0 {
		c.timer = &c.delay
		c.g.clock.set(c.timer, c.g.clock.now()+r.Delay)
		return
	}
	c.respond()
}

// OnData takes bytes of the request.
func (c *httpConn) OnData(b []byte) {
	c.seenData = true
	switch {
	case c.ended:
		c.resetIfUnread()
		return
	case c.busy:
		if r := c.pick.reply.HTTP; r == nil || !r.NoDrain {
			c.keep(b)
		}
		return
	}
	if len(c.buf) == 0 && headEnd(b, 0) == len(b) && len(b) <= maxRequestHead {
		c.request(b) // the plain case: a whole request and nothing more
		return
	}
	c.keep(b)
	c.parse()
}

// keep stores what may become a request; pipelined requests beyond the cap
// are dropped.
func (c *httpConn) keep(b []byte) {
	room := maxRequestHead + 1 - len(c.buf)
	c.buf = append(c.buf, b[:min(len(b), max(0, room))]...)
}

func (c *httpConn) parse() {
	n := headEnd(c.buf, c.scanned)
	c.scanned = len(c.buf)
	switch {
	case n >= 0 && n <= maxRequestHead:
	case hopeless(c.buf):
		c.refuse(400, "not an HTTP request")
		return
	case len(c.buf) > maxRequestHead:
		c.refuse(431, "the request head is too long")
		return
	default:
		return
	}
	c.request(c.buf[:n])
	c.buf, c.scanned = c.buf[:copy(c.buf, c.buf[min(n, len(c.buf)):])], 0
}

// request takes one complete request head.
func (c *httpConn) request(head []byte) {
	if hopeless(head) {
		c.refuse(400, "not an HTTP request")
		return
	}
	if !c.choose() {
		return
	}
	r := c.pick.reply.HTTP
	if req, ok := parseRequest(head, r != nil && r.Require != nil); ok {
		c.answer(&req)
	}
}

// choose settles which reply the request gets. The one taken for the SYN
// holds unless another step has come into force since, or it is used up: a
// request is answered by the step in force when it arrives.
func (c *httpConn) choose() bool {
	c.g.advance(c.ep)
	if c.fresh && c.ep.step() == c.pick.step {
		c.fresh = false
		return true
	}
	c.fresh = false
	c.pick = c.g.take(c.ep)
	c.g.hint(c.ep)
	if c.pick.prepared != nil && c.pick.reply.Connect == Accept {
		if c.pick.head == nil || !c.pick.head.atOnce {
			return true
		}
		c.g.log(c.ep, c.pick, "connect", "")
		c.busy = true
		c.respond()
		return false
	}
	c.g.log(c.ep, c.pick, "connect", "the server has gone while the connection was open")
	c.ended = true
	if c.pick.prepared == nil || c.pick.reply.Connect == Refuse {
		c.hangUp(true)
	}
	return false
}

// answer logs the request, checks what is required of it and responds.
func (c *httpConn) answer(req *request) {
	seen := c.ep.remember(req)
	c.g.log(c.ep, c.pick, seen, "")
	c.logged, c.busy = true, true
	r := c.pick.reply.HTTP
	if r == nil {
		c.transmit(okResponse)
		return
	}
	if r.Require != nil {
		if note := r.Require.unmet(req); note != "" {
			c.g.violation(c.ep, c.pick, seen, note)
			status := r.Require.Else
			if status == 0 {
				status = 404
			}
			c.transmit(newResponse(&HTTPReply{Status: status}))
			return
		}
	}
	if r.Silent {
		return
	}
	c.in(r)
}

// remember makes the text for the log, without a new string when the same
// request comes again.
func (e *endpoint) remember(req *request) string {
	n := len(req.method)
	if len(e.seen) == n+1+len(req.target) && e.seen[:n] == string(req.method) &&
		e.seen[n+1:] == string(req.target) {
		return e.seen
	}
	e.seen = string(req.method) + " " + string(req.target)
	return e.seen
}

// okResponse answers for an endpoint whose reply says nothing more.
var okResponse = newResponse(&HTTPReply{})

// respond sends the scripted response.
func (c *httpConn) respond() {
	c.timer = nil
	c.transmit(c.pick.head)
}

func (c *httpConn) transmit(res *response) {
	if len(res.parts) == 1 && res.parts[0].times == 1 && res.pace == (pace{}) {
		c.out.Send(res.parts[0].b) // the plain case: one Send
		c.finish(res.end)
		return
	}
	if c.peerClosed { // nobody would take a long one
		c.hangUp(false)
		return
	}
	c.send.start(&c.g.clock, c.out, res.parts, res.pace, func() { c.finish(res.end) })
}

// finish does what follows the last byte.
func (c *httpConn) finish(end End) {
	r := c.pick.reply.HTTP
	switch {
	case end == EndReset:
		c.ended, c.resetDue = true, true
		c.resetIfDue()
	case r != nil && r.NoDrain && r.ResetOnClose:
		// The kernel turns the close of a socket with unread data into an
		// RST, after what was sent. The request is unread as soon as it is
		// there; in this model it always comes before the close.
		c.ended = true
		c.resetIfUnread()
	case end == EndOpen && (r == nil || r.StallAfter == nil):
		// Kept alive: the next request on the connection gets a reply of
		// its own.
		c.busy = false
		if len(c.buf) > 0 {
			c.kept = true
			c.timer = c.g.clock.after(0, func() { c.timer = nil; c.parse() })
		}
	case end == EndOpen:
		c.ended = true
	default:
		c.ended = true
		c.hangUp(false)
	}
}

// resetIfUnread resets once the peer has taken the response and its request
// lies unread.
func (c *httpConn) resetIfUnread() {
	r := c.pick.reply.HTTP
	if c.seenData && r != nil && r.NoDrain && r.ResetOnClose {
		c.resetDue = true
		c.resetIfDue()
	}
}

// resetIfDue sends the RST when nothing sent can be lost by it.
func (c *httpConn) resetIfDue() {
	if c.resetDue && c.out.Pending() == 0 {
		c.resetDue = false
		c.hangUp(true)
	}
}

func (c *httpConn) hangUp(reset bool) {
	if reset {
		c.out.Reset()
		c.detach()
		return
	}
	c.out.Close()
	if c.peerClosed {
		c.detach()
	}
}

// refuse answers what is no request, as servers do.
func (c *httpConn) refuse(status int, note string) {
	if c.fresh {
		c.g.log(c.ep, c.pick, "garbage", note)
		c.logged, c.fresh = true, false
	} else {
		c.g.host.Log(Record{At: c.g.Uptime(), Endpoint: c.ep.name, Seen: "garbage", Note: note})
	}
	c.busy, c.ended = true, true
	c.buf = nil
	if r := c.pick.reply.HTTP; r != nil && r.Silent {
		return // who never answers does not answer garbage either
	}
	c.out.Send([]byte("HTTP/1.1 " + strconv.Itoa(status) + " Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	c.hangUp(false)
}

// OnClose takes the peer's end. A FIN leaves a delayed response due: the peer
// may only have shut down its writing side.
func (c *httpConn) OnClose(err error) {
	c.peerClosed = true
	if c.fresh && !c.logged {
		r := c.g.recordOf(c.ep, c.pick, "connect", "closed without a request")
		r.Unasked = !c.seenData
		c.g.host.Log(r)
		c.logged = true
	}
	if err == nil && c.timer != nil {
		return
	}
	c.g.clock.stop(c.timer)
	c.send.halt()
	if err == nil {
		c.out.Close()
	}
	c.detach()
}

// OnDrained goes on sending, or resets when that was all.
func (c *httpConn) OnDrained() {
	c.send.drained()
	c.resetIfDue()
}
