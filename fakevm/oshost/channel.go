package oshost

import (
	"errors"
	"fmt"
	"net"

	"github.com/vmprobe/vmprobe/fakevm"
)

// channel is the agent's virtio-serial port as QEMU shows it to the outside: a
// unix socket that takes one client at a time. It is there while the agent
// has it open.
type channel struct {
	host    *Host
	l       net.Listener
	current *session
	shut    bool
}

var _ fakevm.Session = (*channel)(nil)

// AgentChannel opens the socket. Each client gets a handler of its own; what
// the agent says while no client is there is lost.
func (h *Host) AgentChannel(handler func(fakevm.Session) fakevm.Handler) (fakevm.Session, error) {
	if h.cfg.AgentSocket == "" {
		return nil, errors.New("the host has no agent socket")
	}
	l, err := net.Listen("unix", h.cfg.AgentSocket)
	if err != nil {
		err = fmt.Errorf("listen for the guest agent: %w", err)
		h.fail(string(fakevm.Agent), err)
		return nil, err
	}
	c := &channel{host: h, l: l}
	h.agent = c
	h.wg.Add(1)
	go c.serve(handler)
	return c, nil
}

func (c *channel) serve(handler func(fakevm.Session) fakevm.Handler) {
	defer c.host.wg.Done()
	for {
		conn, err := c.l.Accept()
		if err != nil {
			return
		}
		done := make(chan struct{})
		c.host.mu.Lock()
		if c.shut {
			_ = conn.Close()
			c.host.mu.Unlock()
			return
		}
		s := newSession(c.host, conn.(*net.UnixConn)) //nolint:forcetypeassert // a unix listener accepts nothing else
		c.current = s
		s.over = func() { close(done) }
		s.serve(func(fs fakevm.Session) fakevm.Handler {
			return &closeWatch{Handler: handler(fs), s: s}
		})
		c.host.mu.Unlock()
		<-done
	}
}

// closeWatch lets the next client in when one has left.
type closeWatch struct {
	fakevm.Handler
	s *session
}

// OnClose ends the client's session: the port has no half-closed state.
func (w *closeWatch) OnClose(err error) {
	w.Handler.OnClose(err)
	w.s.abort()
}

// Send, Pending and Remote act on the client that is there.
func (c *channel) Send(b []byte) {
	if c.current != nil {
		c.current.Send(b)
	}
}

// Pending is what the present client has not taken.
func (c *channel) Pending() int {
	if c.current == nil {
		return 0
	}
	return c.current.Pending()
}

// Remote is the path of the socket.
func (c *channel) Remote() string { return c.host.cfg.AgentSocket }

// Close is the agent closing the port: the client sees the end after what was
// sent.
func (c *channel) Close() {
	if c.shut {
		return
	}
	c.shut = true
	_ = c.l.Close()
	if c.current != nil {
		c.current.Close()
	}
}

// Reset closes without sending what is queued.
func (c *channel) Reset() {
	c.Close()
	if c.current != nil {
		c.current.abort()
	}
}
