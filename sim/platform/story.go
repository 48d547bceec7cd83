package platform

import (
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// pauses holds why the domain is paused; several reasons may hold at once.
type pauses struct {
	user         bool
	watchdog     bool // until somebody unpauses it
	unbooted     bool // the guest waits for its first start
	io, snapshot int
}

func (p *pauses) any() bool { return p.user || p.watchdog || p.io > 0 || p.snapshot > 0 }

func (p *pauses) reason() string {
	switch {
	case p.unbooted:
		return "StartingUp"
	case p.io > 0:
		return "IOError"
	case p.snapshot > 0:
		return "Snapshot"
	case p.watchdog:
		return "Watchdog"
	}
	return "User"
}

// Pause asks the API to pause the VMI. The error is the API's answer: 403 when
// a livenessProbe forbids it (PAUSE-API), 409 when the VMI is not running or
// paused already.
func (v *VM) Pause() error {
	err := v.refusePause()
	e := trace.Event{Instance: v.activeInstance(), Kind: trace.Pause, OK: err == nil}
	if err != nil {
		e.Msg = err.Error()
	}
	v.record(e)
	if err != nil {
		return err
	}
	v.pause.user = true
	v.applyPause()
	return nil
}

func (v *VM) refusePause() error {
	if !v.cfg.Profile.VM {
		return apierrors.NewBadRequest("a pod cannot be paused")
	}
	if !v.vmiExists || v.vmi.Phase != running {
		return v.conflict("VM is not running")
	}
	if live := v.probes[probes.Liveness]; live != nil && !v.rules().PausesAnything {
		switch {
		case v.rules().PausesNothing:
			return v.forbidden("Pausing VMIs with LivenessProbe is currently not supported")
		case !v.cfg.Profile.SuppressPause:
			return v.forbidden("Pausing VMIs with LivenessProbe is currently not supported")
		case live.Handler != probes.GuestAgentPing:
			return v.forbidden("Pausing VMIs with a non-GuestAgentPing LivenessProbe is not supported")
		}
	}
	if v.pause.user {
		return v.conflict("VMI is already paused")
	}
	return nil
}

// Unpause asks the API to unpause the VMI; 409 when it is not paused.
func (v *VM) Unpause() error {
	var err error
	switch {
	case !v.cfg.Profile.VM:
		err = apierrors.NewBadRequest("a pod cannot be unpaused")
	case !v.vmiExists || v.vmi.Phase != running:
		err = v.conflict("VM is not running")
	case !v.pause.any():
		err = v.conflict("VMI is not paused")
	}
	e := trace.Event{Instance: v.activeInstance(), Kind: trace.Unpause, OK: err == nil}
	if err != nil {
		e.Msg = err.Error()
	}
	v.record(e)
	if err == nil {
		v.pause.user, v.pause.watchdog = false, false
		v.applyPause()
	}
	return err
}

// SuspendIO pauses the domain by an I/O error for so long; negative: for ever.
func (v *VM) SuspendIO(d time.Duration) error { return v.pauseFor(&v.pause.io, d) }

// Snapshot pauses the domain for a snapshot for so long; negative: for ever.
func (v *VM) Snapshot(d time.Duration) error { return v.pauseFor(&v.pause.snapshot, d) }

// WatchdogPaused says that a watchdog device has stopped the guest's processors,
// which go on when somebody unpauses the VMI.
func (v *VM) WatchdogPaused() {
	if v.active == nil || !v.active.domain.Active {
		return
	}
	v.pause.watchdog = true
	v.applyPause()
}

// pauseFor bypasses the API and its refusals (PAUSE-API).
func (v *VM) pauseFor(count *int, d time.Duration) error {
	if !v.cfg.Profile.VM {
		return apierrors.NewBadRequest("a pod cannot be paused")
	}
	if v.active == nil || !v.active.domain.Active {
		return v.conflict("VM is not running")
	}
	*count++
	v.applyPause()
	if d >= 0 {
		v.afterInVMI(d, func() {
			*count--
			v.applyPause()
		})
	}
	return nil
}

// applyPause makes domain and guest follow the reasons.
func (v *VM) applyPause() {
	v.touchGate()
	p := v.active
	if p == nil || !p.domain.Active {
		return
	}
	paused := v.pause.any()
	switch {
	case paused && p.domain.State == DomainRunning:
		v.setDomain(p, Domain{Exists: true, Active: true, State: DomainPaused, Reason: v.pause.reason()})
		if !v.rules().PauseAnswers {
			v.cfg.Guest.Pause()
		}
	case paused && p.domain.State == DomainPaused:
		p.domain.Reason = v.pause.reason()
	case !paused && p.domain.State == DomainPaused:
		v.setDomain(p, Domain{Exists: true, Active: true, State: DomainRunning, Reason: "Unpaused"})
		if v.pause.unbooted {
			v.pause.unbooted = false
			v.cfg.Guest.Boot(p.instance)
		} else {
			v.cfg.Guest.Resume()
		}
		v.goesOn(p)
	}
}

// goesOn asks a guest that runs again for what it could not be asked before.
func (v *VM) goesOn(p *pod) {
	if p.killing {
		v.askGuest(p)
	}
}

// Annotate sets kubevirt.io/pause-guest-agent-probes on the VMI; the empty
// value removes it. The launcher sees it at its next sync (GA-PAUSE-ANNOT).
// It is lost with the VMI; the next one has what Config says.
func (v *VM) Annotate(value string) error {
	if !v.vmiExists || !v.cfg.Profile.VM {
		return v.notFound()
	}
	v.vmi.Annotation = value
	v.publishVMI()
	v.deliverAnnotation()
	return nil
}

func (v *VM) deliverAnnotation() {
	value := v.vmi.Annotation
	v.afterInVMI(AnnotationLatency, func() {
		if v.active != nil {
			v.active.annotation = value
		}
	})
}

func (v *VM) recordTerminating(p *pod) {
	v.record(trace.Event{Instance: p.instance, Kind: trace.Terminating})
}

func (v *VM) stoppingMessage() string { return "Stopping container " + v.containerName() }

// containerName is the container that is probed: the launcher's, the one of
// the user's pod, or one that is called as the VM.
func (v *VM) containerName() string {
	switch {
	case v.cfg.Profile.VM:
		return "compute"
	case v.cfg.Resolved.Container != "":
		return v.cfg.Resolved.Container
	}
	return v.cfg.Name
}

func (v *VM) resource() schema.GroupResource {
	if v.cfg.Profile.VM {
		return schema.GroupResource{Group: "kubevirt.io", Resource: "virtualmachineinstance"}
	}
	return schema.GroupResource{Resource: "pods"}
}

func (v *VM) conflict(text string) error {
	return apierrors.NewConflict(v.resource(), v.cfg.Name, errors.New(text))
}

func (v *VM) forbidden(text string) error {
	return apierrors.NewForbidden(v.resource(), v.cfg.Name, errors.New(text))
}

func (v *VM) notFound() error { return apierrors.NewNotFound(v.resource(), v.cfg.Name) }
