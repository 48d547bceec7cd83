package platform

import (
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// ReadyChanged tells the published state of the readiness probe.
func (v *VM) ReadyChanged(instance int32, healthy bool) {
	p := v.pod(instance)
	if p == nil || p.probeReady == healthy {
		return
	}
	p.probeReady = healthy
	// A failure makes the kubelet sync the pod, and the sync asks for a run
	// at once (KL:2813-2821, TIM-READY-MANUAL). The first, unknown state does
	// the same in a kubelet; there the run would be skipped by the delay.
	p.wantTrigger = !healthy
	if healthy && v.rules().StartWaitsReady && p == v.active && p.domain.Active && v.cfg.Profile.VM {
		v.setPhase(running)
	}
	v.touchPod(p)
}

// StartupChanged tells the published state of the startup probe.
func (v *VM) StartupChanged(instance int32, passed bool) {
	if p := v.pod(instance); p != nil && p.startupPassed != passed {
		p.startupPassed = passed
		v.touchPod(p)
	}
}

// Sync is a pod sync for a reason of its own: while the container is not
// ready, it says so in the pod's status and readiness runs out of turn
// (TIM-READY-MANUAL).
func (v *VM) Sync() {
	for _, p := range v.pods {
		if p.statusArmed && !p.probeReady {
			v.k.Stop(&p.statusTimer)
			p.wantTrigger = false
			v.syncPod(p)
		}
		if p.running && (!p.probeReady || v.rules().SyncsReady) {
			v.trigger(p)
		}
	}
}

// Heeds tells whether a Sync would do anything now.
func (v *VM) Heeds() bool {
	for _, p := range v.pods {
		if !p.probeReady && (p.statusArmed || p.running) || p.running && v.rules().SyncsReady {
			return true
		}
	}
	return false
}

func (v *VM) trigger(p *pod) {
	if v.probes[probes.Readiness] == nil {
		return
	}
	v.record(trace.Event{Instance: p.instance, Kind: trace.Trigger, Probe: probes.Readiness, HasProbe: true})
	v.cfg.Prober.Trigger(p.instance)
}

// touchPod makes the kubelet write the pod's status soon.
func (v *VM) touchPod(p *pod) {
	if p.gone || p.statusArmed {
		return
	}
	p.statusArmed = true
	v.k.Set(&p.statusTimer, v.k.Now()+PodLatency)
}

// syncPod writes the pod's status.
func (v *VM) syncPod(p *pod) {
	p.statusArmed = false
	ready, reason := v.podReady(p)
	changed := !p.known || ready != p.ready
	p.known, p.ready, p.reason = true, ready, reason
	v.cfg.Publisher.Pod(v.k.Now(), v.podObject(p))
	if changed || p.finished {
		v.touchSlice(p)
		v.touchVMI()
	}
	if p.wantTrigger {
		p.wantTrigger = false
		if p.running && !p.probeReady {
			v.trigger(p)
		}
	}
}

// podReady is the kubelet's Ready condition (generate.go of its status
// package).
func (v *VM) podReady(p *pod) (ready bool, reason string) {
	switch {
	case p.finished && p.clean:
		return false, "PodCompleted"
	case p.finished:
		return false, "PodFailed"
	case !p.shown || !p.startupPassed || !p.probeReady:
		return false, "ContainersNotReady"
	case v.cfg.Profile.VM && p.gate != True && !v.rules().NoGate:
		return false, "ReadinessGatesNotReady"
	}
	return true, ""
}

// touchVMI makes the VM's Ready condition follow soon. In the kubernetes
// profile it is the pod's, written already.
func (v *VM) touchVMI() {
	if !v.cfg.Profile.VM {
		v.syncVMI()
		return
	}
	if v.vmiArmed {
		return
	}
	v.vmiArmed = true
	v.k.Set(&v.vmiTimer, v.k.Now()+VMILatency)
}

// syncVMI writes the Ready condition of VMI and VM.
func (v *VM) syncVMI() {
	v.vmiArmed = false
	ready, reason := v.vmReady()
	if ready == v.vmi.Ready && reason == v.vmi.Reason {
		return
	}
	changed := ready != v.vmi.Ready
	v.vmi.Ready, v.vmi.Reason = ready, reason
	if changed {
		v.record(trace.Event{Instance: v.activeInstance(), Kind: trace.Ready, OK: ready, Value: reason})
	}
	v.publishVMI()
}

// vmReady is KV-READY-COND.
func (v *VM) vmReady() (ready bool, reason string) {
	p := v.active
	switch {
	case p == nil || p.gone:
		return false, "PodNotExists"
	case !v.cfg.Profile.VM:
		return p.ready, p.reason
	case (p.terminating || p.finished) && !v.rules().ReadyTerminating:
		return false, "PodTerminating"
	case v.vmi.Phase != running && !v.rules().ReadyWithoutPhase:
		return false, "GuestNotRunning"
	case !p.known:
		return false, "PodConditionMissing"
	}
	return p.ready, p.reason
}

// touchSlice makes the endpoint controller look at the pod soon.
func (v *VM) touchSlice(p *pod) {
	if p.gone || p.sliceArmed {
		return
	}
	p.sliceArmed = true
	v.k.Set(&p.sliceTimer, v.k.Now()+EndpointLatency)
}

func (v *VM) syncSlice(p *pod) {
	p.sliceArmed = false
	v.writeSlice(p)
}

// writeSlice is READY-ENDPOINT: ready needs a pod that is not going down; a
// pod that is over or gone has no entry.
func (v *VM) writeSlice(p *pod) {
	member := !p.gone && !p.finished
	if !member && !p.inSlice {
		return
	}
	p.inSlice = member
	seen := v.cfg.Publisher.Endpoint(v.k.Now(), Endpoint{
		VM: v.cfg.Name, Namespace: v.cfg.Namespace, Pod: p.name, Instance: p.instance,
		Ready: v.rules().endpoint(p, member), Serving: member && p.ready,
		Terminating: p.terminating, Gone: !member,
	})
	if seen != p.seen {
		p.seen = seen
		v.record(trace.Event{Instance: p.instance, Kind: trace.Endpoint, OK: seen})
	}
}

// touchGate makes virt-controller look at the pause of the domain soon.
func (v *VM) touchGate() {
	if v.gateArmed || !v.cfg.Profile.VM {
		return
	}
	v.gateArmed = true
	v.k.Set(&v.gateTimer, v.k.Now()+GateLatency)
}

func (v *VM) syncGate() {
	v.gateArmed = false
	v.publishVMI()
	if v.active != nil {
		v.setGate(v.active)
	}
}

// setGate writes the condition behind the readiness gate (KV-GATE-PAUSED).
// Only the pod that runs the domain has it.
func (v *VM) setGate(p *pod) {
	gate := True
	if v.pause.any() {
		gate = False
	}
	if p.gate != gate {
		p.gate = gate
		v.touchPod(p)
	}
}
