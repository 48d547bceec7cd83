package probes

import "time"

// Probe is a probe after defaulting, in the terms of one profile: what a
// prober has to do, with nothing left implicit.
type Probe struct {
	Kind    Kind
	Handler Handler
	HTTP    HTTPRequest // when Handler is HTTPGet
	TCP     TCPTarget   // when Handler is TCPSocket
	Command []string    // when Handler is Exec: argv, never a shell (EX-NO-SHELL)

	// InitialDelay is measured from the start of the container; >= 0, whole
	// seconds. It already holds the profile's extra (KV-DELAY-PLUS10).
	InitialDelay time.Duration
	// Period is the start-to-start distance of attempts; > 0, default 10 s.
	Period time.Duration
	// Timeout bounds each try; > 0, default 1 s.
	Timeout time.Duration
	// FailureThreshold is the number of consecutive failures before the state
	// turns; >= 1, default 3.
	FailureThreshold int32
	// SuccessThreshold is the number of consecutive successes before the state
	// turns; >= 1, default 1, always 1 for liveness and startup.
	SuccessThreshold int32
	// TerminationGrace overrides the pod's grace after a liveness or startup
	// failure; negative means not set (kubernetes profile only).
	TerminationGrace time.Duration
}

// HTTPRequest is an httpGet action after defaulting.
type HTTPRequest struct {
	Scheme  string // "HTTP" or "HTTPS", default HTTP
	Host    string // empty: the pod's address (HTTP-HOST-DEFAULT)
	Port    Port
	Path    string // default "/"
	Headers []Header
}

// TCPTarget is a tcpSocket action.
type TCPTarget struct {
	Host string // empty: the pod's address (TCP-HOST)
	Port Port
}

// Header is one custom header, in the order given (HTTP-HDR-CUSTOM).
type Header struct {
	Name  string // of the header field
	Value string // of the header field
}

// Port is a resolved port. Resolution happens at attempt time: an unknown
// name or a number outside 1..65535 is class Errored (VAL-PORT,
// VAL-NAMED-PORT), so an unresolvable port keeps its name or number here.
type Port struct {
	Number int    // 0 when Name could not be resolved
	Name   string // as written, when it was a name
}
