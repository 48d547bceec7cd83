package network

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// Ephemeral ports of dialers, as net.ipv4.ip_local_port_range has them.
const (
	firstEphemeral = 32768
	lastEphemeral  = 60999
)

// Host is one machine: it listens and dials. Faults are applied to it by its
// methods in fault.go.
type Host struct {
	net    *Network
	name   string
	addr   netip.Addr
	actor  sim.Actor
	timer  sim.Timer // never armed: holds the actor for the timers of links
	stream uint64

	ports     map[uint16]*listener
	forwarded []uint16 // ascending; matters when filtered
	filtered  bool
	ephemeral uint16
	links     []*link // established ones, at either end
	held      []*pipe // arrivals that wait for the host to thaw

	// Effect of the faults in force.
	down     bool
	boot     uint32 // raised by each crash: older connections are unknown
	frozen   int
	refusing int
	halfOpen int
	// closeFails is about the dialer's end of its connections.
	closeFails int
	delay      time.Duration
	loss       int   // percent
	limit      int64 // bytes a second, 0: none
	faults     faults

	lineIn, lineOut time.Duration // when the limited line is free again
}

type listener struct{ gate Gate }

// clear makes the host one that has just been added.
func (h *Host) clear() {
	clear(h.ports)
	clear(h.links)
	clear(h.held)
	*h = Host{
		net: h.net, name: h.name, addr: h.addr, actor: h.actor, timer: h.timer, stream: h.stream, ephemeral: firstEphemeral,
		ports: h.ports, forwarded: h.forwarded[:0], links: h.links[:0], held: h.held[:0],
	}
}

// Name is the name given to AddHost.
func (h *Host) Name() string { return h.name }

// Addr is the host's address.
func (h *Host) Addr() netip.Addr { return h.addr }

// Actor is the actor of the host's events.
func (h *Host) Actor() sim.Actor { return h.actor }

// Listen opens a port, 1..65535; the gate is asked for each SYN. Closing it
// refuses further SYNs and leaves connections alone. A crash closes every
// port.
func (h *Host) Listen(port uint16, gate Gate) (closer func(), err error) {
	switch {
	case port == 0:
		return nil, fmt.Errorf("listen on %s: port 0 is not a port", h.name)
	case gate == nil:
		return nil, fmt.Errorf("listen on %s: port %d has no gate", h.name, port)
	case h.ports[port] != nil:
		return nil, fmt.Errorf("listen on %s: port %d is in use", h.name, port)
	}
	l := &listener{gate: gate}
	if h.ports == nil {
		h.ports = map[uint16]*listener{}
	}
	h.ports[port] = l
	return func() {
		if h.ports[port] == l {
			delete(h.ports, port)
		}
	}, nil
}

// Forward limits what reaches the host to the ports: SYNs to others are
// refused (NET-MASQ-PORTS). An empty list forwards everything, as at first.
func (h *Host) Forward(ports []uint16) {
	h.forwarded = append(h.forwarded[:0], ports...)
	slices.Sort(h.forwarded)
	h.filtered = len(ports) > 0
}

// open finds who listens on a port, as seen from outside.
func (h *Host) open(port uint16, from *Host) *listener {
	if h.refusing > 0 {
		return nil
	}
	if h.filtered && from != h {
		if _, ok := slices.BinarySearch(h.forwarded, port); !ok {
			return nil
		}
	}
	return h.ports[port]
}

func (h *Host) nextEphemeral() uint16 {
	p := h.ephemeral
	if h.ephemeral++; h.ephemeral > lastEphemeral {
		h.ephemeral = firstEphemeral
	}
	return p
}

// join and leave keep the list of established links. Its order has no effect
// that could be seen: whoever walks it only arms timers.
func (h *Host) join(l *link, at *int) {
	*at = len(h.links)
	h.links = append(h.links, l)
}

func (h *Host) leave(l *link) {
	i := l.place(h)
	last := h.links[len(h.links)-1]
	h.links[*i] = last
	*last.place(h) = *i
	h.links[len(h.links)-1] = nil
	h.links = h.links[:len(h.links)-1]
}

// NextPort is the local port of the next connection from the host.
func (h *Host) NextPort() uint16 { return h.ephemeral }

// SkipPorts leaves n local ports out, as so many connections would.
func (h *Host) SkipPorts(n int) {
	const span = lastEphemeral - firstEphemeral + 1
	h.ephemeral = firstEphemeral + uint16((int(h.ephemeral)-firstEphemeral+n)%span)
}
