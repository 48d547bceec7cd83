package engine

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Rules lets a worker deviate from the law, one decision a field: the tool of
// those who must prove that a wrong prober is noticed. Nil Rules, and the zero
// value, are the law. A worker in production has none.
type Rules struct {
	// ErrorCountsAs counts a discarded attempt as that class (THR-ERR-DISCARD).
	ErrorCountsAs probes.Class
	// ErrorBreaksRun lets a discarded attempt end the run (THR-ERR-DISCARD).
	ErrorBreaksRun bool
	// RetryFailures tries failures again, as if they were errors (TIM-RETRY).
	RetryFailures bool
	// RunSurvives names the class, Success or Failure, whose run an opposite
	// result only interrupts (THR-CONSECUTIVE).
	RunSurvives probes.Class
	// RunLeaks takes one off the run at an opposite result instead of ending
	// it, as a leaky bucket does (THR-CONSECUTIVE).
	RunLeaks bool
	// FirstDecides lets the first result of a container decide (THR-SUCCESS).
	FirstDecides bool
	// FirstSuccessSuffices asks for the success threshold only after a
	// failure: the first success of a container decides (THR-SUCCESS).
	FirstSuccessSuffices bool
	// RepeatVerdicts publishes a state again with each result that confirms it
	// (THR-NO-HYSTERESIS-LEAK).
	RepeatVerdicts bool
	// Leaks publishes results below the threshold (THR-NO-HYSTERESIS-LEAK).
	Leaks bool
	// StaysHealthy never takes a healthy state back (THR-FAILURE).
	StaysHealthy bool
	// StaysUnhealthy never takes an unhealthy verdict of results back
	// (THR-SUCCESS).
	StaysUnhealthy bool
	// StartsAs is the initial state of readiness, healthy with Success, and of
	// liveness, unhealthy with Failure (STATE-INIT).
	StartsAs probes.Class
	// OpenHold goes on probing after a liveness failure (LIVE-HOLD).
	OpenHold bool
	// HoldKeepsRun does not empty the run at a liveness failure (LIVE-HOLD).
	HoldKeepsRun bool
	// HoldForever keeps the hold over a new container (LIVE-HOLD).
	HoldForever bool
	// HoldAll puts readiness on hold after its failure, too (LIVE-HOLD).
	HoldAll bool
	// StopWhenHealthy ends readiness at its first success (THR-FAILURE).
	StopWhenHealthy bool
	// DelayRounds rounds the age of the container to whole seconds instead of
	// cutting it (TIM-DELAY-NEVER-EARLY).
	DelayRounds bool
	// DelayFromWorker counts the delay from the worker's own beginning
	// (TIM-DELAY-NEVER-EARLY).
	DelayFromWorker bool
	// DelayAfterFailure begins the delay anew with each failure (TIM-DELAY-ONCE).
	DelayAfterFailure bool
	// DelayOnce asks for the delay of the first container alone
	// (TIM-RESTART-FRESH).
	DelayOnce bool
	// DelayOnMonotonic keeps the delay apart from steps of the wall clock
	// (TIM-DELAY-ONCE).
	DelayOnMonotonic bool
	// TicksOnWall moves the ticks with the wall clock (TIM-PERIOD-START).
	TicksOnWall bool
	// TriggerSkipsDelay lets a trigger probe a container that is too young
	// (TIM-DELAY-NEVER-EARLY).
	TriggerSkipsDelay bool
	// FromCompletion begins the period when an attempt ends (TIM-PERIOD-START).
	FromCompletion bool
	// Wobble delays every other tick by that much (TIM-PERIOD-START).
	Wobble time.Duration
	// CatchUp makes up for every tick that an attempt outlasted (TIM-TICK-DROP).
	CatchUp bool
	// ForgetTick drops the latched tick, too (TIM-TICK-DROP).
	ForgetTick bool
	// Rephase begins a new grid with an attempt that is late (TIM-TICK-DROP).
	Rephase bool
	// Overlap starts an attempt at each tick, whatever is in flight
	// (TIM-NO-OVERLAP).
	Overlap bool
	// SlowAfterFailure multiplies the period after a failure, as a back-off
	// does; 0: not at all (TIM-PERIOD-START).
	SlowAfterFailure int
	// SlowWhenHealthy multiplies the period while healthy; 0: not at all
	// (TIM-PERIOD-START).
	SlowWhenHealthy int
	// TriggerAll lets triggers run liveness, too (TIM-READY-MANUAL).
	TriggerAll bool
	// TriggerKeepsPhase does not begin the period anew with a trigger
	// (TIM-READY-MANUAL).
	TriggerKeepsPhase bool
	// TriggerIsNoResult throws the result of a triggered attempt away
	// (TIM-READY-MANUAL).
	TriggerIsNoResult bool
	// FirstWaits waits a period before the first check (TIM-FIRST-IMMEDIATE).
	FirstWaits bool
	// TerminatingEndsReadiness stops readiness in a terminating pod, reported
	// as success (TERM-LIVENESS-OFF).
	TerminatingEndsReadiness bool
	// TerminatingIgnored goes on with liveness in a terminating pod
	// (TERM-LIVENESS-OFF).
	TerminatingIgnored bool
	// StoppedKeepsState leaves the state of a stopped container alone
	// (NONRUNNING-FAIL).
	StoppedKeepsState bool
	// StoppedIsProbed goes on probing a container that has stopped
	// (NONRUNNING-FAIL).
	StoppedIsProbed bool
	// StartupGoesOn probes startup after its success (STARTUP-GATE).
	StartupGoesOn bool
	// PanicEnds ends the worker at a panic (PANIC-CONTINUE).
	PanicEnds bool
	// PanicFails counts a panic as a failure (PANIC-CONTINUE).
	PanicFails bool
	// LateCounts publishes a result of a container that is gone for the one
	// that followed it (TIM-RESTART-FRESH).
	LateCounts bool
	// RunDecides lets the run that a container hands to the next one decide
	// about that one at once (RUN-CARRYOVER).
	RunDecides bool
}

// deviant is what Rules remember; it stays zero under the law.
type deviant struct {
	other     int32 // length of the interrupted run
	judged    bool  // a result of this container was counted
	succeeded bool  // a success of this container was counted
	delayed   bool  // a container has been through its delay
	manual    bool  // the attempt in flight was triggered
	odd       bool  // ticks taken, modulo 2
}

// Where the law has an answer of its own, a switch takes it and gives it back.

func (r *Rules) need(law time.Duration) time.Duration {
	if r != nil && r.DelayRounds {
		return law - time.Second/2
	}
	return law
}

func (r *Rules) firstTick(law, period time.Duration) time.Duration {
	if r != nil && r.FirstWaits {
		return law + period
	}
	return law
}

func (r *Rules) retries(class probes.Class) bool {
	return class == probes.Errored || r != nil && r.RetryFailures && class == probes.Failure
}

func (r *Rules) panicIs(law probes.Class) probes.Class {
	if r != nil && r.PanicFails {
		return probes.Failure
	}
	return law
}

// initial is a state of STATE-INIT, or its opposite.
func (r *Rules) initial(law published) published {
	if r != nil && r.StartsAs == probes.Success && law == unhealthy {
		return healthy
	}
	if r != nil && r.StartsAs == probes.Failure && law == healthy {
		return unhealthy
	}
	return law
}

// begins is the state of readiness in a new container.
func (w *Worker) begins() published {
	if r := w.cfg.Rules; r != nil && r.RunDecides && w.run.passed && w.run.length >= w.cfg.SuccessThreshold {
		return healthy
	}
	return w.cfg.Rules.initial(unhealthy)
}

// ignores tells whether a verdict leaves the state alone.
func (r *Rules) ignores(state, verdict published) bool {
	return r != nil && (r.StaysHealthy && state == healthy && verdict == unhealthy ||
		r.StaysUnhealthy && state == unhealthy && verdict == healthy)
}

// goesOn tells whether a worker goes on in a terminating pod.
func (r *Rules) goesOn(law bool) bool {
	if r != nil {
		return law && !r.TerminatingEndsReadiness || !law && r.TerminatingIgnored
	}
	return law
}

// holdsToo tells whether a verdict of readiness ends its attempts.
func (r *Rules) holdsToo(passed bool) bool {
	return r.HoldAll && !passed || r.StopWhenHealthy && passed
}

func (r *Rules) startupGoesOn() bool         { return r != nil && r.StartupGoesOn }
func (r *Rules) triggersAll() bool           { return r != nil && r.TriggerAll }
func (r *Rules) keepsPhase() bool            { return r != nil && r.TriggerKeepsPhase }
func (r *Rules) skipsDelay(manual bool) bool { return r != nil && r.TriggerSkipsDelay && manual }
func (r *Rules) overlaps() bool              { return r != nil && r.Overlap }
func (r *Rules) leaks() bool                 { return r != nil && r.Leaks }
func (r *Rules) panicEnds() bool             { return r != nil && r.PanicEnds }
func (r *Rules) lateCounts() bool            { return r != nil && r.LateCounts }
func (r *Rules) holdKeepsRun() bool          { return r != nil && r.HoldKeepsRun }
func (r *Rules) opensHold() bool             { return r != nil && r.OpenHold }
func (r *Rules) holdsForever() bool          { return r != nil && r.HoldForever }
func (r *Rules) forgetsTick() bool           { return r != nil && r.ForgetTick }
func (r *Rules) repeats() bool               { return r != nil && r.RepeatVerdicts }
func (r *Rules) probesStopped() bool         { return r != nil && r.StoppedIsProbed }
func (r *Rules) stoppedKeepsState() bool     { return r != nil && r.StoppedKeepsState }

// clockOtherwise is a step of the wall clock under Rules.
func (w *Worker) clockOtherwise(by time.Duration) {
	if w.cfg.Rules.DelayOnMonotonic {
		w.started = clamp(w.started + by)
	}
	if w.cfg.Rules.TicksOnWall {
		w.tick.next = max(w.tick.next-by, w.now)
	}
}

// leak publishes what is below the threshold.
func (w *Worker) leak(acts *Actions) { acts.add(Publish).Healthy = w.state == healthy }

// startOtherwise begins with a new container (containerStarted).
func (w *Worker) startOtherwise() {
	r := w.cfg.Rules
	w.dev.judged, w.dev.succeeded = false, false
	if r.DelayFromWorker {
		w.started = min(w.started, w.created)
	}
	if r.DelayOnce && w.dev.delayed {
		w.need = -time.Second + 1
	}
}

// finishOtherwise takes the class of an attempt that has ended
// (finishAttempt) and returns the one that counts.
func (w *Worker) finishOtherwise(class probes.Class) probes.Class {
	r := w.cfg.Rules
	manual := w.dev.manual
	w.dev.manual, w.dev.delayed = false, true
	if r.FromCompletion {
		w.tick.reset(w.now)
	}
	if r.DelayAfterFailure && class == probes.Failure {
		w.started = w.now
	}
	if class == probes.Errored {
		if r.ErrorBreaksRun {
			w.run = streak{}
		}
		if r.ErrorCountsAs != probes.NoClass {
			return r.ErrorCountsAs
		}
	}
	if r.TriggerIsNoResult && manual {
		return probes.Errored
	}
	return class
}

// countOtherwise is count under Rules.
func (w *Worker) countOtherwise(passed bool) bool {
	r, s := w.cfg.Rules, &w.run
	first, firstSuccess := !w.dev.judged, passed && !w.dev.succeeded
	w.dev.judged, w.dev.succeeded = true, w.dev.succeeded || passed
	if s.length > 0 && s.passed != passed {
		switch {
		case r.RunLeaks && s.length > 1:
			s.length--
			return false
		case r.RunSurvives == probes.NoClass:
		case r.RunSurvives.Passed() == s.passed:
			w.dev.other, s.passed, s.length = s.length, passed, 0
		default:
			s.passed, s.length, w.dev.other = passed, w.dev.other, 0
		}
	}
	reached := s.count(passed, &w.cfg) || r.FirstDecides && first || r.FirstSuccessSuffices && firstSuccess
	if reached && passed != (w.state == healthy) {
		w.dev.other = 0
	}
	return reached
}

// receiveOtherwise is receive under Rules.
func (w *Worker) receiveOtherwise() {
	r, t := w.cfg.Rules, &w.tick
	w.dev.manual = false
	late := t.next < w.now
	if r.CatchUp {
		t.next += t.period
	} else {
		t.receive(w.now)
	}
	if r.Rephase && late {
		t.reset(w.now)
	}
	if r.Wobble > 0 {
		if w.dev.odd = !w.dev.odd; w.dev.odd {
			t.next += r.Wobble
		} else {
			t.next -= r.Wobble
		}
	}
	if r.SlowAfterFailure > 0 && w.run.length > 0 && !w.run.passed {
		t.next += t.period * time.Duration(r.SlowAfterFailure-1)
	}
	if r.SlowWhenHealthy > 0 && w.state == healthy {
		t.next += t.period * time.Duration(r.SlowWhenHealthy-1)
	}
}

// Inherit takes over the run of another worker of the same probe, which no
// lawful worker does (TIM-RESTART-FRESH).
func (w *Worker) Inherit(from *Worker) { w.run = from.run }
