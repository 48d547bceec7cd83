package engine

import "github.com/vmprobe/vmprobe/probes"

// finishTry takes the result of a try. An error is tried again at once
// (TIM-RETRY), even when the container of the attempt is gone or the pod
// terminates: nothing cancels an attempt in flight.
func (w *Worker) finishTry(class probes.Class, acts *Actions) {
	if !w.inFlight() {
		return
	}
	if class == probes.NoClass || class > probes.Errored {
		class = probes.Failure // THR-UNKNOWN-IS-FAILURE
	}
	if w.cfg.Rules.retries(class) && w.try < w.cfg.Tries {
		w.try++
		acts.addTry(StartTry, w.attempt, w.try)
		return
	}
	w.finishAttempt(class, acts)
}

// losePanicked ends the attempt without a result: the panic unwinds past the
// retries into the loop, which goes on (PANIC-CONTINUE).
func (w *Worker) losePanicked(acts *Actions) {
	if !w.inFlight() {
		return
	}
	if w.cfg.Rules.panicEnds() {
		w.alive = false
	}
	w.finishAttempt(w.cfg.Rules.panicIs(probes.Errored), acts)
}

func (w *Worker) finishAttempt(class probes.Class, acts *Actions) {
	acts.addTry(AttemptFinished, w.attempt, w.try).Class = class
	w.try = 0
	if w.cfg.Rules != nil {
		class = w.finishOtherwise(class)
	}
	if class != probes.Errored { // THR-ERR-DISCARD
		w.judge(class.Passed(), acts)
	}
	w.next(acts)
}

// judge counts a result and turns the state when the run is long enough.
//
// A late result, of a container that has stopped or been replaced since,
// counts in the run like any other, for the run belongs to the worker. But the
// kubelet stores its verdict under the ID of the container that is gone, where
// nobody looks: it is not published, kills nothing, and the hold that it
// causes ends with the next container. What is left of it is the cleared run.
// The same holds for liveness and startup in a terminating pod.
func (w *Worker) judge(passed bool, acts *Actions) {
	if !w.count(passed) {
		if w.cfg.Rules.leaks() {
			w.leak(acts)
		}
		return // THR-NO-HYSTERESIS-LEAK
	}
	verdict := healthy
	if !passed {
		verdict = unhealthy
	}
	void := (w.stale || w.quiet) && !w.cfg.Rules.lateCounts()
	if !void && !w.cfg.Rules.ignores(w.state, verdict) {
		w.publish(verdict, acts)
	}
	if w.cfg.Kind == probes.Startup || w.cfg.Kind == probes.Liveness && !passed {
		if !w.cfg.Rules.holdKeepsRun() {
			w.run = streak{} // LIVE-HOLD: the next container gets its full threshold
		}
		w.onHold = !void && !w.cfg.Rules.opensHold()
		if !passed && !void {
			acts.add(LivenessFailed)
		}
	} else if w.cfg.Rules != nil {
		w.onHold = w.cfg.Rules.holdsToo(passed)
	}
}

// count adds a result to the run and tells whether it decides.
func (w *Worker) count(passed bool) bool {
	if w.cfg.Rules != nil {
		return w.countOtherwise(passed)
	}
	return w.run.count(passed, &w.cfg)
}

// next goes on after an attempt. When a trigger and a tick both wait, the
// kubelet's select picks either; here the trigger wins, and its reset discards
// the tick (TIM-TICK-DROP, TIM-READY-MANUAL).
func (w *Worker) next(acts *Actions) {
	switch {
	case w.cfg.Rules.opensHold() && int(acts.n) == len(acts.list): // the wake comes at once
	case w.triggered:
		w.triggered = false
		w.takeTrigger(acts)
	case w.tick.waiting(w.now):
		w.receive()
		if !w.cfg.Rules.forgetsTick() {
			w.check(acts)
		}
	}
}

// publish tells the world, when there is something new (THR-NO-HYSTERESIS-LEAK).
func (w *Worker) publish(to published, acts *Actions) {
	if w.state == to && !w.cfg.Rules.repeats() {
		return
	}
	w.state = to
	one := acts.add(Publish)
	one.Healthy, one.Unknown = to == healthy, to == unknown
}
