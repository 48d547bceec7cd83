package loopback

import (
	"fmt"
	"net"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/wall"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
)

// host is the ground of one guest: an address, and libvirt's end of the
// agent's socket.
type host struct {
	*oshost.Host
	address, socket string
	changed         func(net.Conn)
	foreign         bool        // the prober connects to the socket
	fail            func(error) // ends the run
	counts          []uint16    // ports on which handshakes count that come to nothing
}

// NewGuest implements simbed.OutsideHost: the guest lives in this process.
func (h *host) NewGuest(p fakevm.Program, o fakevm.Options) (simbed.Guest, error) {
	return fakevm.New(h, p, o)
}

// Address implements simbed.OutsideHost.
func (h *host) Address() string { return h.address }

// OnAgent implements simbed.OutsideHost.
func (h *host) OnAgent(fn func(net.Conn)) { h.changed = fn }

// AgentChannel opens the socket, and connects to it as QEMU's client does at
// once. The kernel completes that without the guest.
func (h *host) AgentChannel(handler func(fakevm.Session) fakevm.Handler) (fakevm.Session, error) {
	s, err := h.Host.AgentChannel(handler)
	if err != nil || h.foreign {
		return s, err
	}
	c, err := DialAgent(h.socket)
	if err != nil {
		s.Close()
		h.fail(fmt.Errorf("the agent's socket: %w", err))
		return nil, err
	}
	if h.changed != nil {
		h.changed(c)
	}
	return &agentSession{s, h}, nil
}

// DialAgent connects to the socket of a guest agent, as QEMU's client does.
func DialAgent(path string) (net.Conn, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return &wall.AgentConn{UnixConn: c.(*net.UnixConn)}, nil //nolint:forcetypeassert // a unix socket gives nothing else
}

// agentSession tells libvirt that the agent's end is closed.
type agentSession struct {
	fakevm.Session
	host *host
}

func (s *agentSession) Close() {
	s.Session.Close()
	s.gone()
}

func (s *agentSession) Reset() {
	s.Session.Reset()
	s.gone()
}

func (s *agentSession) gone() {
	if s.host.changed != nil {
		s.host.changed(nil)
	}
}
