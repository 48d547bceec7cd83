package prober

import (
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// Rules lets the driver deviate from the law, one decision a field: the tool
// of those who must prove that a wrong prober is noticed. Nil Rules, and the
// zero value, are the law.
type Rules struct {
	// DelayFirstPod honours the delay of the first pod alone
	// (TIM-RESTART-FRESH).
	DelayFirstPod bool
	// InheritRun hands the run of a worker to that of the next pod
	// (TIM-RESTART-FRESH).
	InheritRun bool
	// ReadinessKills acts on a failure of readiness as on one of liveness
	// (READY-NEVER-KILLS).
	ReadinessKills bool
	// NeverKills finds liveness failed and leaves it at that (LIVE-KILL).
	NeverKills bool
	// LivenessWaits probes for liveness once the container is ready
	// (LIVE-INDEP-READY).
	LivenessWaits bool
	// NoGate does not wait for startup (STARTUP-GATE).
	NoGate bool
	// OneTry makes one try at a time for all VMs (TIM-SCHED-INDEP).
	OneTry bool
	// OneTryEach makes one try at a time for each VM (LIVE-INDEP-READY).
	OneTryEach bool
	// SkipsTargets does not probe the target of a migration (MIG-DUAL).
	SkipsTargets bool
	// FirstPodOnly does not probe the pods that follow (TIM-RESTART-FRESH).
	FirstPodOnly bool
	// MissesStop does not see that a container stops (NONRUNNING-FAIL).
	MissesStop bool
	// NoWarnings writes no ProbeWarning event (THR-WARN-IS-SUCCESS).
	NoWarnings bool
	// ForgetsStates publishes initial states when the prober restarts
	// (PROBER-RESTART).
	ForgetsStates bool
	// RestartsPods begins the delay of every container anew when the prober
	// restarts (TIM-DELAY-ONCE).
	RestartsPods bool
}

// law is what nil Rules mean.
var law Rules //nolint:gochecknoglobals // a constant

func (r *Rules) orLaw() *Rules {
	if r == nil {
		return &law
	}
	return r
}

// ignores tells whether a new container is not probed.
func (r *Rules) ignores(first, target bool) bool {
	return r != nil && (r.FirstPodOnly && !first || r.SkipsTargets && target)
}

// deviate changes the configuration of a worker; first: its pod is the first.
func (v *VM) deviate(cfg *engine.Config, first bool) {
	r := v.d.cfg.Rules
	if r == nil {
		return
	}
	if r.DelayFirstPod && !first {
		cfg.InitialDelay = 0
	}
	if r.NoGate {
		cfg.StartupGate = false
	}
	if r.LivenessWaits && cfg.Kind == probes.Liveness && v.hasReadiness() {
		cfg.StartupGate = true
	}
	if r.ForgetsStates {
		cfg.Resume = false
	}
}

func (v *VM) hasReadiness() bool {
	for i := range v.cfg.Probes {
		if v.cfg.Probes[i].Kind == probes.Readiness {
			return true
		}
	}
	return false
}

// inherit gives a new worker the run of the one before it, of the same probe.
func (v *VM) inherit(w *worker) {
	if v.d.cfg.Rules == nil || !v.d.cfg.Rules.InheritRun {
		return
	}
	if v.lastRun == nil {
		v.lastRun = make([]*worker, len(v.cfg.Probes))
	}
	if old := v.lastRun[w.slot]; old != nil {
		w.machine.Inherit(&old.machine)
	}
	v.lastRun[w.slot] = w
}

// queue makes tries one at a time.
type queue struct {
	busy    bool
	waiting []func()
}

func (q *queue) enter(start func()) {
	if q.busy {
		q.waiting = append(q.waiting, start)
		return
	}
	q.busy = true
	start()
}

func (q *queue) leave() {
	if len(q.waiting) == 0 {
		q.busy = false
		return
	}
	next := q.waiting[0]
	q.waiting = q.waiting[1:]
	next()
}

// ask hands a request to the Tryer.
func (w *worker) ask(req Request) {
	d := w.vm.d
	r := d.cfg.Rules.orLaw()
	var q *queue
	switch {
	case r.OneTry:
		q = &d.queue
	case r.OneTryEach:
		q = &w.vm.queue
	default:
		d.cfg.Tryer.Try(req, w.done)
		return
	}
	q.enter(func() {
		d.cfg.Tryer.Try(req, func(result probes.Result) {
			w.done(result)
			q.leave()
		})
	})
}
