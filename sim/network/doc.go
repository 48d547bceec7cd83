// Package network is an in-memory TCP network on a simulation kernel, with
// scripted timing and faults.
//
// A dialer is blocking code in a task: [Host.Dial] gives it a net.Conn whose
// Read and Write park the task until bytes, end, reset or a virtual deadline.
// A server is sans-IO: a [Gate] decides on each attempt, a [Handler] hears what
// the peer does and answers through its [Session]. [Network.Blocking] turns
// a session into a net.Conn for server code that must block.
//
// What is modelled is what a health probe can see of TCP: one-way latency,
// SYN retransmission after 1, 3, 7, ... s, RST, FIN, half-open and stalled
// peers, a receive window of 64 KiB with back-pressure, retransmission after
// 200 ms doubling. A lost packet is therefore a late packet: bytes arrive in
// order, exactly once, or the connection ends. Congestion control, fast
// retransmit and acknowledgements as packets of their own are not modelled.
//
// An exchange of request and response costs five events: SYN, SYN-ACK, ACK
// with the request, response with FIN, FIN.
package network

import (
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// Constants of the model. Those of TCP are Linux' own defaults.
const (
	// DefaultLatency is the one-way delay of a link unless it is given one.
	DefaultLatency = 250 * time.Microsecond
	// Window is the most that travels or lies unread in one direction, bytes.
	Window = 64 << 10
	// MSS is the packet size that loss and bandwidth reckon with, bytes.
	MSS = 1460
	// SYNRetries is how often a SYN is repeated (net.ipv4.tcp_syn_retries);
	// the dial ends with ETIMEDOUT 127 s after its start.
	SYNRetries = 6
	// Retries is how often a segment is repeated (net.ipv4.tcp_retries2)
	// before the connection ends with ETIMEDOUT.
	Retries = 15
	// MinRTO and MaxRTO bound the wait before a segment is repeated.
	MinRTO = 200 * time.Millisecond
	MaxRTO = 120 * time.Second
)

// Connect says what happens to a SYN. It mirrors fakevm.Connect.
type Connect string

// What a port does with a connection attempt.
const (
	Accept     Connect = ""           // SYN-ACK after Delay
	Refuse     Connect = "refused"    // RST after Delay
	Blackhole  Connect = "blackhole"  // the SYN is dropped
	Unaccepted Connect = "unaccepted" // the handshake completes, nobody ever reads
)

// Decision says what becomes of a SYN. It mirrors fakevm.Decision field by
// field.
type Decision struct {
	Connect Connect
	// Delay of the SYN-ACK or RST beside the latency; >= 0.
	Delay time.Duration
	// Handler is called when the handshake is complete: one latency after
	// the dialer took the SYN-ACK, before any byte. nil, or a nil result,
	// reads and ignores everything.
	Handler func(Session) Handler
}

// Gate decides on a connection attempt when its first SYN reaches the port. The
// decision holds for repetitions of that SYN, so that a scripted reply is
// used up by one attempt, and a blackholed attempt stays one (real TCP would
// be heard again after 1, 3, 7, ... s; partitions, crashes and losses are).
type Gate func(remote string) Decision

// Session is one connection as its server sees it. Calls after its end do
// nothing. It is an alias, so that fakevm.Session is the same type and nothing
// stands between a guest and its connection.
type Session = interface {
	// Send queues a copy of b; it never blocks. What the window does not
	// take stays in memory: endless senders wait for OnDrained.
	Send(b []byte)
	// Pending is the number of bytes sent that the peer has not read.
	Pending() int
	// Close sends FIN after what was sent. The handler still hears what the
	// peer sends, and Reset is still possible.
	Close()
	// Reset sends RST at once. Bytes that have not left are lost; those that
	// have can be read before the reset, as on Linux. The handler hears
	// nothing more.
	Reset()
	// Remote is the peer's "address:port".
	Remote() string
}

// Handler takes what the peer does. It is an alias, and the same type as
// fakevm.Handler. One with a method Released() is told when it will not be
// called any more; a connection that the server itself has reset, or that a
// crash of its host cut off, does not tell.
type Handler = interface {
	// OnData gets bytes as they arrive; b is valid only during the call.
	OnData(b []byte)
	// OnClose is called at most once: nil for FIN, ECONNRESET for RST,
	// ETIMEDOUT when bytes sent were never acknowledged. A host that crashed
	// hears nothing.
	OnClose(err error)
	// OnDrained is called when the peer has read everything and the session
	// is not closed.
	OnDrained()
}

// Event is one thing that happened on a connection, for an [Observer].
type Event struct {
	At    time.Duration
	Kind  EventKind
	Actor sim.Actor // of the dialer
	From  string    // name of the dialing host
	To    string    // name of the dialed host
	Port  uint16
	// Sent and Received count payload bytes delivered from and to the
	// dialer; set for Closed and Reset.
	Sent, Received int64
}

// EventKind names an Event.
type EventKind string

// The kinds of events.
const (
	Dialed      EventKind = "dialed"      // the first SYN leaves
	Established EventKind = "established" // the dialer has the SYN-ACK
	Refused     EventKind = "refused"     // the dialer has an RST to its SYN
	TimedOut    EventKind = "timed-out"   // the dialer gave up waiting for an answer to its SYN
	Lost        EventKind = "lost"        // a packet was lost; TCP repeats it
	Reset       EventKind = "reset"       // the dialer got an RST
	Closed      EventKind = "closed"      // the dialer closed
)

// Observer sees what happens on a network. It must not change anything.
type Observer interface{ Observe(e Event) }
