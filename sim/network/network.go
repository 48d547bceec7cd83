package network

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// most is the number of addresses from 10.244.0.0 on, and longest the most
// that any one delay may be: sums of a few stay far from overflow.
const (
	most    = 12 << 16
	longest = time.Duration(1) << 55 // 417 days
)

// slab is how many of a kind are allocated at a time, at most; the first time
// it is firstSlab, for most worlds are small.
const (
	slab      = 64
	firstSlab = 4
)

// Network connects hosts. It belongs to one kernel and is used from its
// thread only.
type Network struct {
	kernel     *sim.Kernel
	latency    time.Duration
	links      map[[2]*Host]time.Duration // latencies of their own
	names      map[string]*Host
	hosts      []*Host // by their address, from 10.244.0.1 on
	spare      []*Host // those of the run before a Reset
	partitions []*partition
	observer   Observer
	free       []*link
	pairs      []pair          // a slab of ends to hand out
	made       int             // size of the last slab
	text       strings.Builder // a slab of remote addresses
}

// New makes a network without hosts.
func New(k *sim.Kernel) *Network {
	return &Network{
		kernel: k, latency: DefaultLatency, links: map[[2]*Host]time.Duration{},
		names: map[string]*Host{},
	}
}

// Reset makes the network one without hosts, as New does, and keeps its memory.
// Its kernel was reset before. Hosts and connections of the run before must not
// be used any more; a host that comes again in its old place is made of the old
// one.
func (n *Network) Reset() {
	clear(n.links)
	clear(n.names)
	n.spare, n.hosts = n.hosts, n.spare[:0]
	n.latency, n.partitions, n.observer = DefaultLatency, n.partitions[:0], nil
}

// Observe sets the observer; nil for none.
func (n *Network) Observe(o Observer) { n.observer = o }

// AddHost adds a host with the next address, from 10.244.0.1 to
// 10.255.255.254; more hosts than that are a broken invariant. A name given twice returns the host there is. Ties of the
// host's events are those of the actor of its name.
func (n *Network) AddHost(name string) *Host {
	if h := n.names[name]; h != nil {
		return h
	}
	i := len(n.hosts) + 1
	if i >= most {
		panic(fmt.Sprintf("network: no address left for %q", name))
	}
	var h *Host
	if i <= len(n.spare) && n.spare[i-1].name == name {
		h = n.spare[i-1]
		h.clear()
	} else {
		h = &Host{
			net: n, name: name, stream: sim.Stream("network/" + name),
			addr:      netip.AddrFrom4([4]byte{10, byte(244 + i>>16), byte(i >> 8), byte(i)}),
			actor:     n.kernel.Name("host/" + name),
			ephemeral: firstEphemeral,
		}
		n.kernel.Init(&h.timer, h.actor, func() {})
	}
	n.names[name] = h
	n.hosts = append(n.hosts, h)
	return h
}

// at is the host of an address, nil when nobody has it.
func (n *Network) at(a netip.Addr) *Host {
	if !a.Is4() {
		return nil
	}
	b := a.As4()
	i := (int(b[1])-244)<<16 | int(b[2])<<8 | int(b[3])
	if b[0] != 10 || i <= 0 || i > len(n.hosts) {
		return nil
	}
	return n.hosts[i-1]
}

// ends takes a pair from the slab, so that connections cost no allocation
// each. A slab lives as long as anybody holds one of its ends.
func (n *Network) ends() *pair {
	if len(n.pairs) == 0 {
		n.made = min(max(2*n.made, firstSlab), slab)
		n.pairs = make([]pair, n.made)
	}
	p := &n.pairs[0]
	n.pairs = n.pairs[1:]
	return p
}

// spell renders an address into a slab of text: what a Builder has returned
// never changes, and it is not asked to grow.
func (n *Network) spell(a netip.AddrPort) string {
	const size = len("255.255.255.255:65535")
	if n.text.Cap()-n.text.Len() < size {
		n.text = strings.Builder{}
		n.text.Grow(slab * size)
	}
	var buf [size]byte
	start := n.text.Len()
	n.text.Write(a.AppendTo(buf[:0]))
	return n.text.String()[start:]
}

// Host is the host of a name, nil when there is none.
func (n *Network) Host(name string) *Host { return n.names[name] }

// SetLatency sets the one-way delay of the link between two hosts, both ways;
// with nil hosts that of every link without one of its own. Packets under way
// keep theirs. Negative means 0.
func (n *Network) SetLatency(a, b *Host, d time.Duration) {
	d = bounded(d)
	if a == nil || b == nil {
		n.latency = d
		return
	}
	n.links[[2]*Host{a, b}], n.links[[2]*Host{b, a}] = d, d
}

// bounded keeps a duration between 0 and the longest.
func bounded(d time.Duration) time.Duration { return min(max(d, 0), longest) }

// delay is the present one-way delay from a to b.
func (n *Network) delay(a, b *Host) time.Duration {
	d := n.latency
	if len(n.links) > 0 {
		if own, ok := n.links[[2]*Host{a, b}]; ok {
			d = own
		}
	}
	return d + a.delay + b.delay
}

// blocked reports whether packets from a to b vanish.
func (n *Network) blocked(a, b *Host) bool {
	if a.down || b.down {
		return true
	}
	for _, p := range n.partitions {
		if p.separates(a, b) {
			return true
		}
	}
	return false
}

// locate finds the host of an address.
func (n *Network) locate(from *Host, ap netip.AddrPort) (*Host, netip.AddrPort, error) {
	addr := ap.Addr().Unmap()
	switch {
	case ap.Port() == 0:
		return nil, ap, &net.AddrError{Err: "invalid port", Addr: ap.String()}
	case addr.IsLoopback() || addr.IsUnspecified():
		return from, netip.AddrPortFrom(addr, ap.Port()), nil
	}
	return n.at(addr), netip.AddrPortFrom(addr, ap.Port()), nil
}

// resolve finds the host and port of a dial. A nil host without an error is
// an address that nobody has.
func (n *Network) resolve(from *Host, address string) (*Host, netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		return n.locate(from, ap)
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || port == 0 {
		return nil, netip.AddrPort{}, &net.AddrError{Err: "invalid port", Addr: address}
	}
	h := n.names[host]
	switch {
	case host == "" || host == "localhost":
		h = from
	case h == nil:
		return nil, netip.AddrPort{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return h, netip.AddrPortFrom(h.addr, uint16(port)), nil
}
