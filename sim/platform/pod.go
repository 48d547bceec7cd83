package platform

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// pod is a pod with the one container that matters.
type pod struct {
	name     string
	number   int32 // instance of its first container
	instance int32 // of its present container
	migrated bool  // made by a migration

	running     bool // the container runs
	shown       bool // the container runs, as far as the pod's status knows
	startedAt   time.Duration
	stoppedAt   time.Duration
	restarts    int32
	backOff     backOff
	last        *Ended // the container before the present one
	finished    bool   // the container is over for good
	clean       bool   // the last container ended with 0
	killed      bool   // the last container was ended by SIGKILL
	terminating bool   // the pod is being deleted
	gone        bool   // the object is removed

	killing  bool // the container was told to end
	asked    bool // and the guest, whose grace began with that
	unhealed bool // by a liveness or startup failure
	syncing  bool // the sync that killed the container is about to start the next

	probeReady, startupPassed bool
	wantTrigger               bool // the readiness probe has turned to false
	gate                      Tristate

	known   bool // the pod's status has been written
	ready   bool // as written
	reason  string
	inSlice bool
	seen    bool // as a reader of the EndpointSlice saw it

	wasIn, wasOut, wasPaused bool // for Rules

	domain     Domain
	annotation string // as the launcher knows it

	statusTimer, sliceTimer sim.Timer
	statusArmed, sliceArmed bool
}

func (v *VM) newPod(migrated bool) *pod {
	v.instances++
	p := &pod{name: v.podName(v.instances), number: v.instances, instance: v.instances, migrated: migrated}
	v.k.Init(&p.statusTimer, v.cfg.Actor, func() { v.syncPod(p) })
	v.k.Init(&p.sliceTimer, v.cfg.Actor, func() { v.syncSlice(p) })
	v.pods = append(v.pods, p)
	return p
}

// startPod makes the pod of a VMI, whose container starts at once.
func (v *VM) startPod(restart bool) {
	p := v.newPod(false)
	v.active = p
	v.startContainer(p, restart)
	if v.cfg.Profile.VM {
		v.setGate(p)
	}
}

// startContainer starts the container of p, which has its instance already.
func (v *VM) startContainer(p *pod, restart bool) {
	now := v.k.Now()
	p.running, p.shown, p.killing, p.unhealed, p.startedAt = true, true, false, false, now
	p.startupPassed = v.probes[probes.Startup] == nil
	p.probeReady = v.probes[probes.Readiness] == nil && !v.rules().NoProbeNotReady
	p.wantTrigger = false
	if restart {
		v.record(trace.Event{Instance: p.instance, Kind: trace.Restart})
	}
	role := ""
	if p.migrated {
		role = "target"
	}
	v.record(trace.Event{Instance: p.instance, Kind: trace.ContainerStarted, Value: role})
	if p == v.active {
		if v.cfg.Profile.VM {
			v.enterPhase(scheduled)
		} else {
			v.enterPhase(running)
		}
	}
	v.cfg.Prober.ContainerStarted(Container{Instance: p.instance, Pod: p.number, At: now, Target: p.migrated})
	v.touchPod(p)
	if !p.migrated {
		instance := p.instance
		v.afterDomainDelay(func() { v.startDomain(p, instance) })
	}
}

func (v *VM) afterDomainDelay(fn func()) {
	if v.cfg.DomainDelay == 0 {
		fn()
		return
	}
	v.after(v.cfg.DomainDelay, fn)
}

// stopContainer ends the container of p. clean: its process ended with 0.
func (v *VM) stopContainer(p *pod, reason string, clean bool) {
	if !p.running {
		return
	}
	p.running, p.shown, p.stoppedAt, p.clean, p.killed = false, false, v.k.Now(), clean, reason == killedReason
	v.record(trace.Event{Instance: p.instance, Kind: trace.ContainerStopped, Value: reason})
	if p == v.active {
		v.endMigration(false)
	}
	if p.domain.Active {
		v.loseDomain(p)
	}
	restart := v.restartsInPlace(p)
	p.finished = !restart
	v.cfg.Prober.ContainerStopped(p.instance, restart)
	v.touchPod(p)
	switch {
	case restart:
		v.restartInPlace(p)
	case p == v.target:
		v.endMigration(false)
	case p != v.active: // left behind by a migration
	case v.cfg.Profile.VM:
		v.vmiEnded()
	default:
		v.podEnded()
	}
}

// loseDomain takes the guest away with its launcher (LIVE-PHASE: Failed).
func (v *VM) loseDomain(p *pod) {
	v.setDomain(p, Domain{State: DomainShutoff, Reason: "Destroyed"})
	if p == v.active {
		v.cfg.Guest.Destroy()
		v.finish(failed)
	}
}

// removePod deletes the object of a pod that has ended.
func (v *VM) removePod(p *pod) {
	if p.gone {
		return
	}
	p.gone = true
	v.k.Stop(&p.statusTimer)
	v.k.Stop(&p.sliceTimer)
	v.writeSlice(p)
	v.cfg.Publisher.PodDeleted(v.k.Now(), v.podObject(p))
}

func (v *VM) podPhase(p *pod) string {
	switch {
	case p.finished && p.clean:
		return succeeded
	case p.finished:
		return failed
	}
	return running
}

func (v *VM) podObject(p *pod) Pod {
	return Pod{
		VM: v.cfg.Name, Namespace: v.cfg.Namespace, Name: p.name,
		Instance: p.instance, Number: p.number, Phase: v.podPhase(p),
		Running: p.shown, StartedAt: p.startedAt, StoppedAt: p.stoppedAt,
		Containers: p.shown && p.startupPassed && p.probeReady,
		Ready:      p.ready, Reason: p.reason,
		HasGate: v.cfg.Profile.VM, Gate: p.gate,
		Terminating: p.terminating, Restarts: p.restarts, Killed: p.killed, Last: p.last,
	}
}
