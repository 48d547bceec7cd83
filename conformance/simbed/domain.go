package simbed

import (
	"strconv"

	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/platform"
)

// agentFaults are the faults between launcher and agent that are in force.
type agentFaults struct {
	hidden int                // hideDomain
	codes  []*scenarios.Fault // agentCode, by start
}

// code is that of the fault which began last; 0: none.
func (f *agentFaults) code() guestagent.Code {
	if len(f.codes) == 0 {
		return 0
	}
	code, _ := guestagent.LookupCode(f.codes[len(f.codes)-1].Code)
	return code
}

// domain is libvirt in the pod of one instance.
type domain struct {
	vm       *vm
	instance int32
}

// Name implements guestagent.Domain.
func (d *domain) Name() string { return d.vm.spec.Machine.Namespace + "_" + d.vm.spec.Name }

// Status implements guestagent.Domain.
func (d *domain) Status() guestagent.Status {
	now := d.vm.platform.Domain(d.instance)
	paused := false
	if now.Annotation != "" { // what is no truth value pauses nothing
		paused, _ = strconv.ParseBool(now.Annotation)
	}
	state, reason := runState(now)
	return guestagent.Status{
		ProbesPaused: paused && d.vm.world.c.Profile.PauseAnnotation,
		Exists:       now.Exists && d.vm.faults.hidden == 0,
		Active:       now.Active,
		State:        state,
		Reason:       reason,
		Migrating:    now.Migrating,
		Forced:       d.vm.faults.code(),
	}
}

func runState(d platform.Domain) (guestagent.RunState, guestagent.PauseReason) {
	switch d.State {
	case platform.DomainRunning:
		return guestagent.Running, 0
	case platform.DomainPaused:
		return guestagent.Paused, pauseReason(d.Reason)
	case platform.DomainPMSuspended:
		return guestagent.PMSuspended, 0
	case platform.DomainShutoff:
		return guestagent.ShutOff, 0
	}
	return guestagent.NoState, 0
}

func pauseReason(reason string) guestagent.PauseReason {
	switch reason {
	case "User":
		return guestagent.PausedUser
	case "IOError":
		return guestagent.PausedIOError
	case "Watchdog":
		return guestagent.PausedWatchdog
	case "Snapshot":
		return guestagent.PausedSnapshot
	case "Migration":
		return guestagent.PausedMigration
	case "StartingUp":
		return guestagent.PausedStartingUp
	}
	return guestagent.PausedUnknown
}

// PingFailed implements guestagent.Domain (GA-EVENT).
func (d *domain) PingFailed(message string) {
	d.vm.platform.LauncherEvent(d.vm.instance, "GuestAgentPingFailed", message)
}
