package platform

import (
	"time"

	"github.com/vmprobe/vmprobe/probes/spec"
)

// Rules lets the platform deviate from the law, one decision a field: the tool
// of those who must prove that what acts on a prober's word is watched, too.
// Nil Rules, and the zero value, are the law.
type Rules struct {
	// EndpointStays never takes an endpoint out (READY-ENDPOINT).
	EndpointStays bool
	// EndpointNeverBack takes it out for good (READY-ENDPOINT).
	EndpointNeverBack bool
	// EndpointServes leaves a terminating pod in (READY-ENDPOINT).
	EndpointServes bool
	// ReadyWithoutPhase copies the pod's condition whatever the phase, and
	// ReadyTerminating that of a terminating pod (KV-READY-COND).
	ReadyWithoutPhase, ReadyTerminating bool
	// NoProbeNotReady holds a container without readinessProbe for not ready
	// (STATE-READY-ALWAYS-NO-PROBE).
	NoProbeNotReady bool
	// StopUnseen keeps the stop of a container from the status of a pod that
	// starts it again, though it waits for that (NONRUNNING-FAIL).
	StopUnseen bool
	// PauseAnswers lets a paused guest answer on the network (PAUSE-NET).
	PauseAnswers bool
	// NoGate lets a paused VM be ready (KV-GATE-PAUSED).
	NoGate bool
	// PausesAnything lets the API pause what liveness would kill, and
	// PausesNothing refuses every VM with a livenessProbe (PAUSE-API).
	PausesAnything, PausesNothing bool
	// RecreatesSucceeded makes RerunOnFailure care for success, too, and
	// RecreatesAll every strategy for everything (LIVE-RECREATE).
	RecreatesSucceeded, RecreatesAll bool
	// RecreatesFailed makes Always care for failures alone, and RecreatesNone
	// recreates nothing (LIVE-RECREATE).
	RecreatesFailed, RecreatesNone bool
	// BacksOff waits longer before each new instance; 0: it does not
	// (LIVE-RECREATE).
	BacksOff time.Duration
	// NoSignal kills at once, without the power button (LIVE-GRACE).
	NoSignal bool
	// PressesOnce does not repeat the power button (LIVE-GRACE).
	PressesOnce bool
	// AlwaysFailed ends every VMI as Failed, AlwaysSucceeded as Succeeded
	// (LIVE-PHASE).
	AlwaysFailed, AlwaysSucceeded bool
	// SyncsReady triggers containers that are ready, too (TIM-READY-MANUAL).
	SyncsReady bool
	// StartWaitsReady calls a VMI running when it is ready
	// (KV-START-NOT-BLOCKED).
	StartWaitsReady bool
	// ReadyMoves takes the source's readiness to the target of a migration
	// (MIG-DUAL).
	ReadyMoves bool
	// FailedMoves hands over to the target of a migration that has failed
	// (MIG-DUAL).
	FailedMoves bool
	// SparesTargets kills no target of a migration (MIG-HTTP-LIVE).
	SparesTargets bool
	// AnyAnnotation takes every value of the annotation for true, and
	// AnnotationStays keeps what was true once (GA-PAUSE-ANNOT).
	AnyAnnotation, AnnotationStays bool
}

// law is what nil Rules mean.
var law Rules //nolint:gochecknoglobals // a constant

func (v *VM) rules() *Rules {
	if v.cfg.Rules == nil {
		return &law
	}
	return v.cfg.Rules
}

// annotated is the annotation as the launcher reads it.
func (v *VM) annotated(p *pod) string {
	r := v.rules()
	if r.AnnotationStays {
		if p.annotation == "true" {
			p.wasPaused = true
		}
		if p.wasPaused {
			return "true"
		}
	}
	if r.AnyAnnotation && p.annotation != "" {
		return "true"
	}
	return p.annotation
}

// ends is the final phase of a VMI.
func (r *Rules) ends(phase string) string {
	switch {
	case r.AlwaysFailed:
		return failed
	case r.AlwaysSucceeded:
		return succeeded
	}
	return phase
}

// endpoint is what the EndpointSlice says of a pod.
func (r *Rules) endpoint(p *pod, member bool) bool {
	ready := member && p.ready && !p.terminating
	switch {
	case r.EndpointStays:
		ready = ready || member && p.seen
	case r.EndpointServes:
		ready = member && p.ready
	case r.EndpointNeverBack:
		p.wasOut = p.wasOut || p.wasIn && !ready
		p.wasIn = p.wasIn || ready
		ready = ready && !p.wasOut
	}
	return ready
}

// recreatesOtherwise decides about a new instance; done is false when the law
// does.
func (r *Rules) recreatesOtherwise(strategy spec.RunStrategy, final string) (again, done bool) {
	switch {
	case r.RecreatesAll:
		return true, true
	case r.RecreatesNone:
		return false, true
	case r.RecreatesSucceeded && strategy == spec.RerunOnFailure:
		return true, true
	case r.RecreatesFailed && strategy == spec.Always:
		return final == failed, true
	}
	return false, false
}
