// Package wire is the network between prober and VM: a TCP stack in this
// process on one side (gVisor's), the frames of QEMU's network card on the
// other, and faults for each packet in between. Nothing of the host's network
// is used, and nothing answers in the guest's name: what the prober sees is
// what the guest's kernel does.
//
//	wire.go    the wire, and dialing over it
//	fault.go   what becomes of a frame
//	packet.go  reading and making TCP packets
//	conn.go    connections with the errors of sockets
package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// The prober's end.
const (
	hostMAC = "\x02\x00\x00\x00\x00\x02"
	nic     = 1
	mtu     = 1500
	queue   = 512 // frames
)

// Config places a wire.
type Config struct {
	Host, Guest netip.Addr // IPv4, in one /24
	GuestMAC    net.HardwareAddr
	Seed        uint64 // of losses
}

// Wire is one wire. It outlives the machines that are put on it.
type Wire struct {
	stack *stack.Stack
	ep    *channel.Endpoint
	guest tcpip.Address
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu     sync.Mutex
	link   net.Conn // of the machine; nil: none
	writes sync.Mutex
	faults faults
	flows  map[flow]*state
	random *rand.Rand
	closed bool
}

// New makes a wire with nobody on it.
func New(cfg Config) (*Wire, error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	w := &Wire{
		stack: s, ep: channel.New(queue, mtu, hostMAC), guest: tcpip.AddrFrom4(cfg.Guest.As4()),
		flows: map[flow]*state{}, random: rand.New(rand.NewPCG(cfg.Seed, 0)),
	}
	if err := s.CreateNIC(nic, ethernet.New(w.ep)); err != nil {
		return nil, fmt.Errorf("wire: %s", err)
	}
	address := tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(cfg.Host.As4()), PrefixLen: 24},
	}
	if err := s.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
		return nil, fmt.Errorf("wire: %s", err)
	}
	s.SetRouteTable([]tcpip.Route{{Destination: address.AddressWithPrefix.Subnet(), NIC: nic}})
	// A guest that is away is silent; it must not become a host unknown to ARP.
	if err := s.AddStaticNeighbor(nic, ipv4.ProtocolNumber, w.guest, tcpip.LinkAddress(cfg.GuestMAC)); err != nil {
		return nil, fmt.Errorf("wire: %s", err)
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	w.done.Go(func() { w.send(ctx) })
	return w, nil
}

// Attach puts a machine on the wire, in the place of another one. Frames stand
// behind their length, 4 bytes, big-endian.
func (w *Wire) Attach(link net.Conn) {
	w.Detach()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.link = link
	w.done.Go(func() { w.receive(link) })
}

// Detach takes the machine off the wire: nobody answers any more.
func (w *Wire) Detach() {
	w.mu.Lock()
	link := w.link
	w.link = nil
	w.mu.Unlock()
	if link != nil {
		_ = link.Close()
	}
}

// Close ends the wire and everything on it.
func (w *Wire) Close() {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return
	}
	w.closed = true
	w.mu.Unlock()
	w.stop()
	w.Detach()
	w.ep.Close()
	w.done.Wait()
	w.stack.Destroy()
}

// send takes frames of the prober to the guest.
func (w *Wire) send(ctx context.Context) {
	for {
		p := w.ep.ReadContext(ctx)
		if p == nil {
			return
		}
		view := p.ToView()
		p.DecRef()
		frame := append([]byte(nil), view.AsSlice()...)
		view.Release()
		w.judge(frame, toGuest)
	}
}

// receive takes frames of the guest to the prober, as long as it is on the
// wire.
func (w *Wire) receive(link net.Conn) {
	var head [4]byte
	for {
		if _, err := io.ReadFull(link, head[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > 1<<17 {
			return // not QEMU
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(link, frame); err != nil {
			return
		}
		w.mu.Lock()
		here := w.link == link
		w.mu.Unlock()
		if here {
			w.judge(frame, toHost)
		}
	}
}

// deliver hands a frame to the side that it goes to.
func (w *Wire) deliver(frame []byte, to side) {
	w.mu.Lock()
	link, closed := w.link, w.closed
	w.mu.Unlock()
	switch {
	case closed:
	case to == toHost:
		p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
		w.ep.InjectInbound(0, p)
		p.DecRef()
	case link != nil:
		out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(frame)), uint32(len(frame))) //nolint:gosec // a frame is short
		w.writes.Lock()
		defer w.writes.Unlock()
		// A paused machine takes nothing; frames are lost then, as on a full link.
		_ = link.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = link.Write(append(out, frame...))
	}
}

// Dial connects to a port of the guest.
func (w *Wire) Dial(ctx context.Context, port uint16) (net.Conn, error) {
	to := tcpip.FullAddress{NIC: nic, Addr: w.guest, Port: port}
	c, err := gonet.DialContextTCP(ctx, w.stack, to, ipv4.ProtocolNumber)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, socketError(err)
	}
	return &conn{c}, nil
}
