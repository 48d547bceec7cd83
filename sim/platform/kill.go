package platform

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// LivenessFailed tells the verdict of the liveness (or startup) probe: the
// container has to go (LIVE-KILL).
func (v *VM) LivenessFailed(instance int32, kind probes.Kind) {
	p := v.pod(instance)
	if p == nil || !p.running || p.killing || p == v.target && v.rules().SparesTargets {
		return
	}
	grace := v.cfg.Resolved.PodGrace
	if int(kind) < len(v.probes) && v.probes[kind] != nil && v.cfg.Profile.Startup {
		if own := v.probes[kind].TerminationGrace; own >= 0 {
			grace = own
		}
	}
	// The kubelet acts on it in its own loop, not in the prober's.
	v.after(0, func() {
		if p.instance != instance || !p.running || p.killing {
			return
		}
		p.unhealed = true
		if p == v.active {
			v.outcome.liveness = true
		}
		v.terminate(p, grace, v.killingMessage(kind))
	})
}

func (v *VM) killingMessage(kind probes.Kind) string {
	if v.cfg.Profile.VM || v.cfg.Resolved.RestartPolicy == corev1.RestartPolicyNever {
		return v.stoppingMessage() // the whole pod goes, and no probe is named (LIVE-KILL)
	}
	return "Container " + v.containerName() + " failed " + kind.String() + " probe, will be restarted"
}

// terminate is SIGTERM to the container, and what follows from it (LIVE-GRACE).
func (v *VM) terminate(p *pod, grace time.Duration, message string) {
	if !p.running || p.killing {
		return
	}
	p.killing = true
	v.record(trace.Event{Instance: p.instance, Kind: trace.Kill, Value: "sigterm"})
	v.ClusterEvent(p.instance, false, "Killing", message)
	instance := p.instance
	v.after(max(grace, MinimumGrace), func() {
		if p.instance == instance {
			v.sigkill(p)
		}
	})
	if v.target == p {
		v.endMigration(false)
		return
	}
	v.endMigration(false)
	switch {
	case v.rules().NoSignal:
		v.sigkill(p)
	case !p.domain.Active: // it had not started yet
		v.exitLauncher(p, false)
	case v.cfg.Profile.VM:
		v.askGuest(p)
		if !p.asked {
			v.after(v.cfg.Resolved.Grace+LauncherPatience, func() {
				if p.domain.Active && p == v.active {
					v.destroy(p)
				}
			})
		}
	default:
		v.cfg.Guest.ACPIShutdown()
	}
}

// sigkill ends a container that did not end in time.
func (v *VM) sigkill(p *pod) {
	if !p.running {
		return
	}
	v.record(trace.Event{Instance: p.instance, Kind: trace.Kill, Value: "sigkill"})
	v.stopContainer(p, killedReason, false)
}

// killedReason is why a container stopped that SIGKILL ended.
const killedReason = "Killed"

// askGuest begins the VMI's grace. libvirt shuts down no domain that is paused,
// and virt-handler notes the beginning of the grace only when one was asked: such
// a VM has what the launcher's own patience gives it, or is asked when it goes on
// (LIVE-GRACE; kubevirt v1.9.0 pkg/virt-launcher/virtwrap/manager.go:2158-2172).
func (v *VM) askGuest(p *pod) {
	if p.asked || p != v.active || p.domain.State != DomainRunning && v.cfg.Resolved.Grace > 0 {
		return
	}
	p.asked = true
	v.press(p, v.k.Now()+v.cfg.Resolved.Grace)
}

// press sends the ACPI signal now and every five seconds, while it can be sent,
// and destroys the domain when the VMI's own grace is over.
func (v *VM) press(p *pod, deadline time.Duration) {
	if !p.domain.Active || p != v.active {
		return
	}
	now := v.k.Now()
	if now >= deadline {
		v.destroy(p)
		return
	}
	if p.domain.State == DomainRunning {
		v.record(trace.Event{Instance: p.instance, Kind: trace.Kill, Value: "acpi"})
		v.cfg.Guest.ACPIShutdown()
	}
	next := min(ACPIInterval, deadline-now)
	if v.rules().PressesOnce {
		next = deadline - now
	}
	v.after(next, func() { v.press(p, deadline) })
}

// destroy ends the domain; with no grace at all that was the plan, and the VMI
// has succeeded (LIVE-PHASE).
func (v *VM) destroy(p *pod) {
	v.record(trace.Event{Instance: p.instance, Kind: trace.Kill, Value: "destroy"})
	v.cfg.Guest.Destroy()
	planned := v.cfg.Resolved.Grace == 0
	v.setDomain(p, Domain{State: DomainShutoff, Reason: "Destroyed"})
	if planned {
		v.finish(succeeded)
	} else {
		v.finish(failed)
	}
	v.exitLauncher(p, planned)
}

// StopContainer makes the active container die at once.
func (v *VM) StopContainer() {
	if v.active != nil {
		v.stopContainer(v.active, "Error", false)
	}
}
