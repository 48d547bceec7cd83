package door

import (
	"crypto/tls"

	"github.com/vmprobe/vmprobe/probes"
)

// Report is something that a prober tells.
type Report interface{ report() }

// State publishes the state of the probe for a container.
type State struct {
	Instance int32
	Healthy  bool
	// Unknown marks a startup probe without a verdict; Healthy is false then.
	Unknown bool
}

// Failed asks for the container to be killed: liveness, or startup, has
// failed.
type Failed struct{ Instance int32 }

// TryStarted tells that a try begins. It and TryFinished are optional: a
// prober that tells of no tries is judged by what the guest and the cluster
// saw (conformance.Outside).
type TryStarted struct {
	Instance int32
	// Attempt counts from 1 in the life of the Probe, Try in the attempt.
	Attempt, Try int32
}

// TryFinished tells how the try ended.
type TryFinished struct {
	Instance     int32
	Attempt, Try int32
	Class        probes.Class
	Message      string
	// Again: another try of the attempt follows. Otherwise the attempt is over.
	Again bool
	// Panicked: the attempt was lost to a panic.
	Panicked bool
}

// Written is an event that the prober writes about the pod. Those about
// unhealthy probes follow from TryFinished; only a prober that tells of no tries
// writes them itself.
type Written struct {
	Instance        int32
	Warning         bool
	Reason, Message string
}

func (State) report()       {}
func (Failed) report()      {}
func (TryStarted) report()  {}
func (TryFinished) report() {}
func (Written) report()     {}

// insecure is the TLS configuration of a prober (HTTP-TLS-NOVERIFY).
func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} } //nolint:gosec // probes verify nothing
