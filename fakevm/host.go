// Package fakevm is a guest: HTTP and TCP servers, a guest agent and exec,
// all scripted by a Program. It knows neither the simulator nor sockets: it
// runs on a Host, so the same guest serves the simulated network, loopback
// sockets and the inside of a real VM.
package fakevm

import (
	"strings"
	"time"
)

// Host is the ground a guest stands on. All calls come from one logical
// thread: the kernel in the simulator, one lock on real machines. Callbacks
// are made on the same thread.
type Host interface {
	// Now is the time since the host's origin.
	Now() time.Duration
	// At calls fn at the instant t, or at once (not reentrantly) when t has
	// passed. The returned function cancels it.
	At(t time.Duration, fn func()) (cancel func())
	// Listen opens a TCP port; the gate is asked for each SYN.
	Listen(port uint16, gate Gate) (closer func(), err error)
	// AgentChannel is the guest's end of the virtio-serial port of the agent;
	// a session begins when the agent opens it.
	AgentChannel(handler func(Session) Handler) (Session, error)
	// Blocking runs fn on its own task with a net.Conn view of the session,
	// for code that must block (TLS). The returned handler is fed by the
	// guest, not by the host: the guest may hold bytes back while it is
	// paused. fn runs on the one logical thread too: it gives way only inside
	// BlockingConn.Read and Write.
	Blocking(s Session, fn func(BlockingConn)) Handler
	// Log records what the guest saw and did.
	Log(Record)
}

// Alarmer is a Host whose timers can be armed again and again, so that a guest
// need not ask for a new one each time. A guest makes do with Host.At.
type Alarmer interface {
	// Alarm makes a timer that is not armed.
	Alarm(fn func()) Alarm
}

// Alarm is a timer of an Alarmer.
type Alarm interface {
	// Set arms the timer like Host.At; one that is armed is stopped first.
	Set(t time.Duration)
	// Stop disarms it; one that is not armed stays so.
	Stop()
}

// Decision says what becomes of a SYN.
type Decision struct {
	Connect Connect
	Delay   time.Duration
	Handler func(Session) Handler // called when the handshake is complete
}

// Gate decides on each SYN.
type Gate func(remote string) Decision

// Session is one connection as its server sees it. It is an alias, so that a
// ground with a network of its own need not wrap its sessions to hand them in.
type Session = interface {
	// Send queues bytes; it never blocks. The guest never changes b after
	// the call, so a host may keep it. Pending is the number of bytes that
	// the peer has not taken, for endless senders.
	Send(b []byte)
	Pending() int
	Close() // FIN after what was sent; a second Close changes nothing
	Reset() // RST at once; unread and unsent data is lost; idempotent too
	Remote() string
}

// Handler takes what the peer does. It is an alias for the same reason.
type Handler = interface {
	OnData(b []byte)   // b is valid only during the call
	OnClose(err error) // FIN: nil; RST: an error
	OnDrained()        // Pending fell to 0
}

// Releaser is a Handler that wants to hear that the host will call it no more.
// A host need not tell; one that does saves the guest an allocation for each
// connection.
type Releaser interface{ Released() }

// Record is one line of the guest's own log.
type Record struct {
	At       time.Duration // guest time since boot
	Endpoint string        // "http/8080", "agent", "exec"
	Step     string        // name of the step in force, if it has one
	Seen     string        // what arrived: "GET /healthz", "guest-ping", "connect"
	Did      *Reply        // what was scripted for it; nil for a violation
	Note     string        // a violation or remark
	// Unasked: the peer of an HTTP connection left and had sent nothing. To a
	// tcpSocket probe that is an attempt. An httpGet probe made none: it had
	// given up, and its dial went on (net/http.Transport leaves it alone).
	Unasked bool
	// Violation: the peer broke what the script demands (Require, NoData).
	// Such a record is additional: the request itself has its own, with Did.
	Violation bool
	// Exhausted: the script had no reply left and the last one was repeated;
	// an error of the scenario.
	Exhausted bool
}

// unasked ends the text of the reply of a record that says so.
const unasked = `"unasked":true}`

// MarkUnasked writes into the text of a reply, compact JSON as traces have it,
// that nobody asked for it.
func MarkUnasked(text string) string {
	if text == "{}" {
		return "{" + unasked
	}
	return strings.TrimSuffix(text, "}") + "," + unasked
}

// Unasked tells whether a text says so.
func Unasked(text string) bool { return strings.HasSuffix(text, unasked) }

// PortHinter is a Host that must know beforehand what becomes of the next
// connection, because its kernel completes handshakes by itself. Hint is
// called whenever that changes.
type PortHinter interface {
	Hint(port uint16, next Connect)
}

// BlockingConn is the blocking view of a session.
type BlockingConn interface {
	Read(b []byte) (int, error)
	Write(b []byte) (int, error)
	Close() error
}
