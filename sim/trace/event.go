// Package trace holds what a run leaves behind: a versioned stream of logical
// events with virtual timestamps and a digest. Verdict, timeline, JUnit and
// HTML are computed from it offline; nothing else leaves a run.
package trace

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Kind says what happened; String gives its name, which is the wire form. The zero
// value is no kind.
type Kind uint8

// The events of a run: the platform's, the prober's, the guest's, the world's. Comments give the fields used beside T, VM, Instance.
const (
	VMICreated Kind = iota + 1
	VMIDeleted
	VMIPhase         // Value: Scheduled, Running, Succeeded, Failed
	ContainerStarted // Value: "source" or "target" during a migration, else empty
	ContainerStopped // Value: reason
	DomainState      // Value: running, paused, shutoff, pmsuspended; Msg: reason
	Kill             // Value: acpi, destroy, sigterm, sigkill
	Ready            // OK; Value: reason of the Ready condition
	Endpoint         // OK: ready condition of the EndpointSlice entry
	Restart          // a new instance or container follows a liveness failure
	Pause            // OK: accepted; Msg: refusal
	Unpause
	MigrationStarted
	MigrationEnded // Value: succeeded, failed
	Terminating
	ClusterEvent // Value: reason (Unhealthy, ProbeWarning, ...); Msg

	TryStarted      // Probe, Attempt, Try
	TryFinished     // Probe, Attempt, Try, Class, Msg
	AttemptFinished // Probe, Attempt, Class
	ProbeState      // Probe, OK: published state
	LivenessFailed  // Probe
	ProberRestarted
	Trigger // Probe

	GuestBoot
	GuestPower // Value: crashed, hung, rebooting, poweroff, resumed
	// GuestWatchdog: the VM's watchdog device has expired. Value: what it does.
	GuestWatchdog
	GuestStep // Value: endpoint; Msg: name of the step ("as"), if any
	GuestSaw  // Value: endpoint; Msg: what it did, as compact JSON of the reply (see fakevm.Unasked), or what it saw when that used no reply
	// Violation is something the guest must never see. Value: endpoint; Msg: what.
	Violation

	FaultStarted // Value: name or kind
	FaultEnded
	ClockStepped // Msg: by how much
	Finding      // Value: requirement id; Msg
	Overrun      // the run could not go on; Msg: why
)

// Event is one line of a trace.
type Event struct {
	T        time.Duration // since the start of the run (first container start), may be negative
	VM       string        // empty for world events
	Instance int32         // container of the VM, from 1 in the order of their starts; 0 when it does not apply
	Kind     Kind
	Probe    probes.Kind // meaningful when Attempt > 0 or the kind says so
	HasProbe bool
	Attempt  int32 // from 1 in the life of the worker
	Try      int32
	Class    probes.Class
	OK       bool
	Value    string
	Msg      string // free text: in the file, not in the digest
}

// A Sink takes the events of a run in the order in which they happen.
type Sink interface{ Record(e Event) }
