package engine

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// containerStarted begins with a new container. Its initial state is published
// at once; the kubelet stores it with the next check, but until then nothing
// is stored for the container, which readers take for the same.
//
// The run is not reset (RUN-CARRYOVER).
func (w *Worker) containerStarted(at time.Duration, acts *Actions) {
	w.started = clamp(at)
	w.running, w.onHold, w.passed = true, w.onHold && w.cfg.Rules.holdsForever(), false
	w.stale = true
	w.state = unset
	if w.cfg.Rules != nil {
		w.startOtherwise()
	}
	if w.cfg.Resume && w.started < w.created-ResumeGrace {
		return // PROBER-RESTART
	}
	switch w.cfg.Kind { // STATE-INIT
	case probes.Readiness:
		w.publish(w.begins(), acts)
	case probes.Liveness:
		w.publish(w.cfg.Rules.initial(healthy), acts)
	case probes.Startup:
		w.publish(unknown, acts)
	}
}

// containerStopped fails the state without a threshold (NONRUNNING-FAIL): at
// once, for no reader waits for the next check to see that the container does
// not run. A worker on hold leaves its verdict alone.
func (w *Worker) containerStopped(willRestart bool, acts *Actions) {
	if w.cfg.Rules.probesStopped() {
		return
	}
	if w.running && !w.onHold && !w.cfg.Rules.stoppedKeepsState() {
		w.publish(unhealthy, acts)
	}
	w.running = false
	w.stale = true
	w.alive = willRestart
}

// terminating ends liveness and startup, reported as success for a quiet
// shutdown; readiness goes on (TERM-LIVENESS-OFF). A verdict that put the
// worker on hold stands, and so does the failure of a stopped container.
func (w *Worker) terminating(acts *Actions) {
	if w.cfg.Rules.goesOn(w.cfg.Kind == probes.Readiness) {
		return
	}
	if w.running && !w.onHold {
		w.publish(healthy, acts)
	}
	w.quiet = true
	w.alive = false
}
