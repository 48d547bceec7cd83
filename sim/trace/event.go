// Package trace holds what a run leaves behind: a versioned stream of logical
// events with virtual timestamps and a digest. Verdict, timeline, JUnit and
// HTML are computed from it offline; nothing else leaves a run.
package trace

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Kind names what happened. The names are the wire form.
type Kind string

// The events of a run: the platform's, the prober's, the guest's, the world's. Comments give the fields used beside T, VM, Instance.
const (
	VMICreated       Kind = "vmi-created"
	VMIDeleted       Kind = "vmi-deleted"
	VMIPhase         Kind = "vmi-phase"         // Value: Scheduled, Running, Succeeded, Failed
	ContainerStarted Kind = "container-started" // Value: "source" or "target" during a migration, else empty
	ContainerStopped Kind = "container-stopped" // Value: reason
	DomainState      Kind = "domain-state"      // Value: running, paused, shutoff, pmsuspended; Msg: reason
	Kill             Kind = "kill"              // Value: acpi, destroy, sigterm, sigkill
	Ready            Kind = "ready"             // OK; Value: reason of the Ready condition
	Endpoint         Kind = "endpoint"          // OK: ready condition of the EndpointSlice entry
	Restart          Kind = "restart"           // a new instance or container follows a liveness failure
	Pause            Kind = "pause"             // OK: accepted; Msg: refusal
	Unpause          Kind = "unpause"
	MigrationStarted Kind = "migration-started"
	MigrationEnded   Kind = "migration-ended" // Value: succeeded, failed
	Terminating      Kind = "terminating"
	ClusterEvent     Kind = "cluster-event" // Value: reason (Unhealthy, ProbeWarning, ...); Msg

	TryStarted      Kind = "try-started"      // Probe, Attempt, Try
	TryFinished     Kind = "try-finished"     // Probe, Attempt, Try, Class, Msg
	AttemptFinished Kind = "attempt-finished" // Probe, Attempt, Class
	ProbeState      Kind = "probe-state"      // Probe, OK: published state
	LivenessFailed  Kind = "liveness-failed"  // Probe
	ProberRestarted Kind = "prober-restarted"
	Trigger         Kind = "trigger" // Probe

	GuestBoot  Kind = "guest-boot"
	GuestPower Kind = "guest-power" // Value: crashed, hung, rebooting, poweroff, resumed
	// GuestWatchdog: the VM's watchdog device has expired. Value: what it does.
	GuestWatchdog Kind = "guest-watchdog"
	GuestStep     Kind = "guest-step" // Value: endpoint; Msg: name of the step ("as"), if any
	GuestSaw      Kind = "guest-saw"  // Value: endpoint; Msg: what it did, as compact JSON of the reply, or what it saw when that used no reply
	// Violation is something the guest must never see. Value: endpoint; Msg: what.
	Violation Kind = "violation"

	FaultStarted Kind = "fault-started" // Value: name or kind
	FaultEnded   Kind = "fault-ended"
	ClockStepped Kind = "clock-stepped" // Msg: by how much
	Finding      Kind = "finding"       // Value: requirement id; Msg
	Overrun      Kind = "overrun"       // the run could not go on; Msg: why
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

// Kinds lists every kind of event, in the order of their declaration.
func Kinds() []Kind {
	return []Kind{
		VMICreated, VMIDeleted, VMIPhase, ContainerStarted, ContainerStopped,
		DomainState, Kill, Ready, Endpoint, Restart, Pause, Unpause,
		MigrationStarted, MigrationEnded, Terminating, ClusterEvent,
		TryStarted, TryFinished, AttemptFinished, ProbeState, LivenessFailed,
		ProberRestarted, Trigger, GuestBoot, GuestPower, GuestWatchdog, GuestStep, GuestSaw,
		Violation,
		FaultStarted, FaultEnded, ClockStepped, Finding, Overrun,
	}
}

// A Sink takes the events of a run in the order in which they happen.
type Sink interface{ Record(e Event) }
