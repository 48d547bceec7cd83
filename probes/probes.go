// Package probes says what a health probe of a virtual machine is and how one
// of its attempts is judged. It is the bottom of the project: it knows no
// clock, no scenario and no simulator.
//
// The package itself holds the vocabulary that every layer shares: kinds,
// handlers, result classes, profiles and the resolved [Probe]. Its
// sub-packages do the work: spec (defaulting and validation of API types),
// engine (the pure worker), attempt (one try of a handler over a net.Conn),
// guestagent (the agent channel and virt-launcher's view of it) and realtime
// (the driver for real machines).
//
// Instants are time.Duration since the start of a run, integers only.
package probes

import "fmt"

// Kind says what the verdict of a probe is used for.
type Kind uint8

// The kinds of probes. Startup exists in the kubernetes profile only.
const (
	Readiness Kind = iota
	Liveness
	Startup
)

var kindNames = [...]string{"readiness", "liveness", "startup"}

// String gives the lower-case name used in traces and scenarios.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Class is the result of one try or one attempt. The whole suite hangs on the
// difference between a failure, which counts, and an error, which is thrown
// away (THR-ERR-DISCARD).
type Class uint8

// The four result classes of semantics section 0.
const (
	NoClass Class = iota
	Success       // success run +1
	Warning       // logically a success, with a ProbeWarning event
	Failure       // failure run +1, with an Unhealthy event
	Errored       // the prober itself failed: retried, then discarded
)

var classNames = [...]string{"-", "success", "warning", "failure", "error"}

// String gives the lower-case word used in traces and timelines.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// Letter is the one-letter form of the truth tables: S, W, F, E.
func (c Class) Letter() byte {
	if int(c) < len(classNames) {
		return "-SWFE"[c]
	}
	return '?'
}

// Passed tells whether the class counts towards the success run.
func (c Class) Passed() bool { return c == Success || c == Warning }

// Result is the outcome of one try.
type Result struct {
	Class   Class
	Message string // what an event would say; never compared across drivers
}

// Handler is the way in which a probe asks the guest.
type Handler uint8

// The handlers of KubeVirt's Handler type (VAL-NO-GRPC-KV).
const (
	NoHandler Handler = iota
	HTTPGet
	TCPSocket
	GuestAgentPing
	Exec
)

var handlerNames = [...]string{"none", "httpGet", "tcpSocket", "guestAgentPing", "exec"}

// String gives the API field name of the handler.
func (h Handler) String() string {
	if int(h) < len(handlerNames) {
		return handlerNames[h]
	}
	return fmt.Sprintf("handler(%d)", uint8(h))
}
