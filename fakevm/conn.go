package fakevm

// maxHeldBack bounds what a connection keeps of the bytes that arrive while
// the guest does not run; the rest is lost, as with a full receive window.
const maxHeldBack = 64 << 10

// conn is a connection in the guest. It holds back what the peer does while
// the guest is paused or hung and drops it after the boot has ended.
type conn struct {
	g          *Guest
	s          Session
	impl       Handler
	prev, next *conn
	attached   bool

	held       []byte
	heldClose  bool
	heldErr    error
	heldDrain  bool
	peerClosed bool
}

var _ Handler = (*conn)(nil)

// connList holds the open connections in the order of their arrival.
type connList struct{ first, last *conn }

func (l *connList) each(fn func(*conn)) {
	for c := l.first; c != nil; {
		next := c.next
		fn(c)
		c = next
	}
}

func (g *Guest) attach(c *conn, s Session, impl Handler) {
	c.g, c.s, c.impl, c.attached = g, s, impl, true
	l := &g.conns
	c.prev = l.last
	if l.last != nil {
		l.last.next = c
	} else {
		l.first = c
	}
	l.last = c
}

// Released implements Releaser: the connection may serve another peer.
func (c *conn) Released() {
	if r, ok := c.impl.(recycler); ok && !c.attached {
		r.recycle()
	}
}

// recycler is an impl that can be used again, unless something else in the
// guest still knows of it.
type recycler interface{ recycle() }

// detach forgets the connection; later calls of the host are ignored.
func (c *conn) detach() {
	if !c.attached {
		return
	}
	c.attached = false
	l := &c.g.conns
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		l.last = c.prev
	}
	c.held = nil
}

// OnData takes bytes of the peer.
func (c *conn) OnData(b []byte) {
	switch {
	case !c.attached:
	case !c.g.Answers():
		room := maxHeldBack - len(c.held)
		c.held = append(c.held, b[:min(len(b), max(room, 0))]...)
	default:
		c.impl.OnData(b)
	}
}

// OnClose takes the peer's FIN or RST.
func (c *conn) OnClose(err error) {
	switch {
	case !c.attached:
	case !c.g.Answers():
		c.heldClose, c.heldErr = true, err
	default:
		c.closed(err)
	}
}

func (c *conn) closed(err error) {
	c.peerClosed = true
	c.impl.OnClose(err)
	if err != nil {
		c.detach()
	}
}

// OnDrained tells that the peer has taken everything.
func (c *conn) OnDrained() {
	switch {
	case !c.attached:
	case !c.g.Answers():
		c.heldDrain = true
	default:
		c.impl.OnDrained()
	}
}

// deliver hands over what was held back.
func (c *conn) deliver() {
	if c.attached && len(c.held) > 0 {
		b := c.held
		c.held = nil
		c.impl.OnData(b)
	}
	if c.attached && c.heldDrain {
		c.heldDrain = false
		c.impl.OnDrained()
	}
	if c.attached && c.heldClose {
		c.heldClose = false
		c.closed(c.heldErr)
	}
}

// ignore is a connection that nobody serves: the kernel acknowledges what
// comes, nobody reads it.
type ignore struct{ c *conn }

func (ignore) OnData([]byte)   {}
func (i ignore) OnClose(error) { i.c.s.Close(); i.c.detach() }
func (ignore) OnDrained()      {}

func (g *Guest) ignored(s Session) Handler {
	c := &conn{}
	g.attach(c, s, ignore{c})
	return c
}
