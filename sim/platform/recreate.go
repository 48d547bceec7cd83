package platform

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes/spec"
)

// vmiEnded goes on after the container of the active pod (LIVE-RECREATE).
func (v *VM) vmiEnded() {
	v.finish(failed) // the launcher vanished, unless a phase was settled before
	v.decideSoon()
}

func (v *VM) decideSoon() { v.afterInVMI(ControllerLatency, v.decide) }

// decide is what the VM controller makes of a VMI that is over or deleted.
func (v *VM) decide() {
	if !v.outcome.deleted && !v.recreates() {
		return // it stays in its final phase
	}
	again := !v.outcome.deleted || v.cfg.Resolved.RunStrategy == spec.Always
	restart := v.outcome.liveness && !v.outcome.deleted
	wait := v.startBackOff()
	v.deleteVMI()
	if !again {
		return
	}
	create := func() {
		v.createVMI()
		v.startSoon(restart)
	}
	if wait > 0 {
		v.after(wait, create)
		return
	}
	create()
}

// startBackOff is how long virt-controller waits before it replaces a VMI that
// failed before it was Running; one that was Running is replaced at once
// (LIVE-RECREATE). The guide knows of no wait.
func (v *VM) startBackOff() time.Duration {
	if v.ran || v.outcome.deleted || v.final != failed || v.cfg.Profile.RecreateAlways {
		return 0
	}
	v.startFailures++
	n := min(time.Duration(v.startFailures), StartBackOffMax/StartBackOffUnit)
	lo := n * n * StartBackOffUnit
	return min(v.between(drawBackOff, v.vmi.Number, lo, lo*3/2), StartBackOffMax)
}

func (v *VM) recreates() bool {
	if again, done := v.rules().recreatesOtherwise(v.cfg.Resolved.RunStrategy, v.final); done {
		return again
	}
	if v.cfg.Profile.RecreateAlways && v.outcome.liveness {
		return true // guide 14.7.1: deleted, and a new one created
	}
	switch v.cfg.Resolved.RunStrategy {
	case spec.Always:
		return true
	case spec.RerunOnFailure:
		return v.final == failed
	default:
		return false
	}
}

// startSoon starts the container of a new VMI after a seeded while.
func (v *VM) startSoon(restart bool) {
	wait := v.rules().BacksOff * time.Duration(v.instances)
	v.afterInVMI(wait+v.between(drawStart, v.vmi.Number, StartLatencyMin, StartLatencyMax), func() {
		if !v.outcome.deleted {
			v.startPod(restart)
		}
	})
}

// restartsInPlace is the restartPolicy of a plain pod. A container that a
// probe had killed counts as failed whatever its exit code, and the sync that
// killed it goes on when the pod is deleted meanwhile (kubernetes v1.37.2
// pkg/kubelet/kubelet.go:2253-2258): the next container starts, if it need not
// wait, and is told to end at once.
func (v *VM) restartsInPlace(p *pod) bool {
	if v.cfg.Profile.VM || p.terminating && !p.unhealed {
		return false
	}
	switch v.cfg.Resolved.RestartPolicy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return p.unhealed || !p.clean
	default: // Always
		return true
	}
}

// restartInPlace starts the next container of the pod, after its back-off. The
// kubelet writes the pod's status at the beginning of a sync. The sync that
// kills a container for its probe starts the next one, too, unless that has to
// wait: no status ever tells of the stop (NONRUNNING-FAIL).
func (v *VM) restartInPlace(p *pod) {
	wait := p.backOff.next(p.startedAt, p.stoppedAt, p.unhealed)
	p.syncing = p.unhealed && wait == 0
	p.shown = p.syncing || v.rules().StopUnseen
	if wait > 0 && p.terminating {
		v.giveUp(p)
		return
	}
	if wait > 0 {
		v.ClusterEvent(p.instance, true, "BackOff", "Back-off restarting failed container "+v.containerName()+" in pod "+p.name)
	}
	restart, latency := p.unhealed, v.between(drawRestart, p.instance, RestartLatencyMin, RestartLatencyMax)
	v.after(wait+latency, func() {
		if p.finished || p.gone {
			return
		}
		p.last = &Ended{
			Instance: p.instance, StartedAt: p.startedAt, StoppedAt: p.stoppedAt, Clean: p.clean, Killed: p.killed,
		}
		v.instances++
		p.instance = v.instances
		p.restarts++
		p.domain, p.syncing = Domain{}, false
		v.startContainer(p, restart)
		if p.terminating {
			v.endAtNextSync(p)
		}
	})
}

// endAtNextSync tells the container to end that a sync has started after its pod
// was deleted: the next sync hears of that.
func (v *VM) endAtNextSync(p *pod) {
	instance := p.instance
	v.after(SyncLatency, func() {
		if p.instance != instance || !p.running {
			return
		}
		v.recordTerminating(p)
		v.cfg.Prober.Terminating(instance)
		v.terminate(p, v.cfg.Resolved.PodGrace, v.stoppingMessage())
	})
}

// giveUp ends a pod that is deleted while it waits for its next container.
func (v *VM) giveUp(p *pod) {
	p.finished, p.shown = true, false
	v.cfg.Prober.ContainerStopped(p.instance, false)
	v.podEnded()
}

// podEnded settles a plain pod whose last container is over.
func (v *VM) podEnded() {
	if v.outcome.deleted {
		v.decideSoon()
		return
	}
	v.setPhase(v.podPhase(v.active))
}

// Delete deletes the VMI (or the pod) gracefully (TERM-LIVENESS-OFF).
func (v *VM) Delete() error {
	if !v.vmiExists || v.outcome.deleted {
		return v.notFound()
	}
	v.outcome.deleted = true
	v.publishVMI()
	v.shutDown()
	return nil
}

// Evict deletes the pod gracefully, not the VMI, whose runStrategy decides
// what follows. A plain pod is deleted.
func (v *VM) Evict() error {
	if !v.cfg.Profile.VM {
		return v.Delete()
	}
	if v.active == nil || v.active.finished || v.active.terminating {
		return v.notFound()
	}
	v.shutDown()
	return nil
}

// shutDown lets every pod of the VMI terminate.
func (v *VM) shutDown() {
	if v.active == nil || v.active.finished {
		v.decideSoon()
		return
	}
	for _, p := range v.pods {
		if !p.finished && !p.terminating {
			v.terminatePod(p)
		}
	}
}

func (v *VM) terminatePod(p *pod) {
	v.recordTerminating(p)
	p.terminating = true
	v.cfg.Prober.Terminating(p.instance)
	v.touchPod(p)
	v.touchSlice(p)
	v.touchVMI()
	switch {
	case p.running:
		v.terminate(p, v.cfg.Resolved.PodGrace, v.stoppingMessage())
	case !p.syncing:
		v.giveUp(p)
	}
}
