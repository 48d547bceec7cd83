// Package attempt makes one try of a handler: blocking code over a net.Conn
// from a given dialer with an absolute deadline. It runs unchanged over the
// simulated network, over loopback and to a real VM.
//
// A try runs on the calling goroutine alone, so neither http.Transport nor
// http.Client appear here. What they do for the kubelet's prober (semantics
// 1.4) is written out: request.go renders what they send, http.go follows
// redirects as they do, wire.go reads through net/http's own parser under the
// Transport's header cap, and fast.go answers the common response without
// allocating; whatever it does not recognise goes to the parser.
//
// Two things of the kubelet are left out on purpose: HTTPS offers HTTP/1.1
// only (the kubelet may negotiate h2), and the connection is closed without a
// TLS close_notify, because crypto/tls would read the wall clock for it.
package attempt

import (
	"crypto/tls"
	"net"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Env is the world of one try.
type Env interface {
	// Now is the present instant on the clock of the deadlines.
	Now() time.Time
	// Dial opens a TCP connection to "host:port". It returns an error that
	// is os.ErrDeadlineExceeded (by errors.Is) when the deadline passes, and
	// syscall.ECONNREFUSED or ECONNRESET likewise.
	Dial(address string, deadline time.Time) (net.Conn, error)
	// SleepUntil parks the caller.
	SleepUntil(t time.Time)
}

// DefaultUserAgent is what the kubelet of the release that the semantics were
// read from sends (HTTP-HDR-DEFAULT).
const DefaultUserAgent = "kube-probe/1.37"

// Target is what is tried again and again. It caches the rendered request, so
// keep one Target per probe and instance; it must not be copied after the
// first try, nor used by two tries at once (TIM-NO-OVERLAP gives that).
type Target struct {
	Probe   *probes.Probe
	Profile *probes.Profile
	// Address is the pod's IP address, without brackets or port; it is used
	// when the probe names no host (HTTP-HOST-DEFAULT, TCP-HOST). It may
	// change between tries.
	Address string
	// UserAgent of HTTP requests; empty means DefaultUserAgent.
	UserAgent string
	// Curves are the key exchanges that TLS offers; nil means those of
	// crypto/tls. A world that makes millions of tries takes a cheap one.
	Curves []tls.CurveID
	// Rules deviate from the law; nil in every prober that means well. They
	// are fixed before the first try.
	Rules *Rules

	cache  prepared
	failed statusMessage
	noFast bool // tests only: always take the net/http parser
}

// Try makes one try of an httpGet or tcpSocket probe and returns within the
// probe's timeout. The other handlers live in package guestagent; asking for
// one here is an Errored result.
func Try(env Env, t *Target) probes.Result {
	switch t.Probe.Handler {
	case probes.HTTPGet:
		return HTTP(env, t)
	case probes.TCPSocket:
		return TCP(env, t)
	case probes.NoHandler, probes.GuestAgentPing, probes.Exec:
	}
	return probes.Result{
		Class:   probes.Errored,
		Message: "missing probe handler: " + t.Probe.Handler.String() + " is no network handler",
	}
}

// prepared is what a try needs and what does not change between tries.
type prepared struct {
	probe   *probes.Probe // nil: not prepared yet
	address string
	agent   string
	err     error  // class Errored: the request cannot even be built
	hop     hop    // httpGet: the first request
	dial    string // tcpSocket: "host:port"
}

// prepare renders the request, or takes the cached one.
func (t *Target) prepare() *prepared {
	c := &t.cache
	if c.probe == t.Probe && c.address == t.Address && c.agent == t.UserAgent {
		return c
	}
	*c = prepared{probe: t.Probe, address: t.Address, agent: t.UserAgent}
	if t.Probe.Handler == probes.TCPSocket {
		c.dial, c.err = tcpAddress(&t.Probe.TCP, t.Address)
		return c
	}
	agent := t.UserAgent
	if agent == "" {
		agent = DefaultUserAgent
	}
	c.hop, c.err = newHop(&t.Probe.HTTP, t.Address, agent, t.Rules)
	return c
}
