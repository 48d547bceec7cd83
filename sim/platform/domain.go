package platform

import "github.com/vmprobe/vmprobe/sim/trace"

// DomainState is the state of a libvirt domain.
type DomainState string

// The states of a domain, as in "domain-state" events.
const (
	DomainRunning     DomainState = "running"
	DomainPaused      DomainState = "paused"
	DomainShutoff     DomainState = "shutoff"
	DomainPMSuspended DomainState = "pmsuspended"
)

// Domain is what libvirt in one pod knows of the VM; GA-ORDER goes through it
// from top to bottom.
type Domain struct {
	// Exists: the domain is found; false is NO_DOMAIN.
	Exists bool
	// Active: it has a QEMU process.
	Active bool
	State  DomainState
	// Reason of the state: User, IOError, Watchdog, Snapshot, Migration,
	// StartingUp when paused; Booted, Unpaused, Migrated when running; Shutdown,
	// Destroyed, Crashed, Migrated when shut off.
	Reason string
	// Migrating: a live migration has started and not ended; true in both
	// pods (GA-SUPPRESS-MIG).
	Migrating bool
	// Annotation is the value of kubevirt.io/pause-guest-agent-probes that
	// reached the launcher (GA-PAUSE-ANNOT).
	Annotation string
}

// Domain returns the domain in the pod of that instance; the zero Domain when
// there is no such pod.
func (v *VM) Domain(instance int32) Domain {
	p := v.pod(instance)
	if p == nil || !p.running {
		return Domain{}
	}
	d := p.domain
	d.Migrating = v.migration.running && (p == v.active || p == v.target)
	d.Annotation = v.annotated(p)
	return d
}

// startDomain boots the guest in the pod, unless it is being killed.
func (v *VM) startDomain(p *pod, instance int32) {
	if !p.running || p.killing || p.instance != instance {
		return
	}
	p.annotation = v.vmi.Annotation // the sync that defines the domain brings it
	if v.cfg.Resolved.StartPaused && v.cfg.Profile.VM {
		v.pause.user, v.pause.unbooted = true, true
		v.setDomain(p, Domain{Exists: true, Active: true, State: DomainPaused, Reason: "StartingUp"})
		v.setPhase(running)
		v.touchGate()
		return
	}
	v.setDomain(p, Domain{Exists: true, Active: true, State: DomainRunning, Reason: "Booted"})
	v.cfg.Guest.Boot(instance)
	if v.cfg.Profile.VM && (p.probeReady || !v.rules().StartWaitsReady) {
		v.setPhase(running)
	}
}

func (v *VM) setDomain(p *pod, d Domain) {
	changed := d.State != p.domain.State
	p.domain = d
	if changed && v.cfg.Profile.VM {
		v.record(trace.Event{Instance: p.instance, Kind: trace.DomainState, Value: string(d.State), Msg: d.Reason})
	}
}

// PoweredOff says that the guest has shut itself down, asked to or not.
func (v *VM) PoweredOff() { v.guestEnded("Shutdown", true) }

// Crashed says that the guest is dead.
func (v *VM) Crashed() { v.guestEnded("Crashed", false) }

// guestEnded ends the domain; the launcher follows (LIVE-PHASE).
func (v *VM) guestEnded(reason string, clean bool) {
	p := v.active
	if p == nil || !p.domain.Active {
		return
	}
	v.endMigration(false)
	v.setDomain(p, Domain{State: DomainShutoff, Reason: reason})
	if clean {
		v.finish(succeeded)
	} else {
		v.finish(failed)
	}
	if !v.cfg.Profile.VM { // the container's process is the guest
		v.exitContainer(p, clean)
		return
	}
	v.exitLauncher(p, clean)
}

// exitLauncher ends the container some time after its domain.
func (v *VM) exitLauncher(p *pod, clean bool) {
	if v.cfg.LauncherHangs {
		return
	}
	instance := p.instance
	v.after(LauncherExit, func() {
		if p.instance == instance {
			v.exitContainer(p, clean)
		}
	})
}

func (v *VM) exitContainer(p *pod, clean bool) {
	if clean {
		v.stopContainer(p, "Completed", true)
		return
	}
	v.stopContainer(p, "Error", false)
}

// finish settles the final phase of the VMI; the first cause counts.
func (v *VM) finish(phase string) {
	if v.final != "" || !v.cfg.Profile.VM {
		return
	}
	v.final = v.rules().ends(phase)
	v.setPhase(v.final)
}

// Suspended says that the guest has suspended itself to RAM: no pause that
// any rule knows of (GA-SUPPRESS-PAUSE).
func (v *VM) Suspended() { v.guestSleeps(DomainRunning, DomainPMSuspended, "Unknown") }

// Woke says that the guest has left its suspension.
func (v *VM) Woke() { v.guestSleeps(DomainPMSuspended, DomainRunning, "Wakeup") }

func (v *VM) guestSleeps(from, to DomainState, reason string) {
	p := v.active
	if p == nil || !p.domain.Active || p.domain.State != from {
		return
	}
	v.setDomain(p, Domain{Exists: true, Active: true, State: to, Reason: reason})
	if to == DomainRunning {
		v.goesOn(p)
	}
}
