package engine

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// published is what the world was told of the present container.
type published uint8

const (
	unset   published = iota // nothing yet: no container, or one that kept its state (PROBER-RESTART)
	unknown                  // startup before its verdict (STATE-INIT)
	healthy
	unhealthy
)

// Worker probes one container of one pod, and the containers that follow it in
// place. It is a plain value: a copy is a snapshot, and stepping it allocates
// nothing. The zero Worker has ended.
type Worker struct {
	cfg  Config
	tick ticker
	run  streak

	now     time.Duration // of the last step; time never goes back
	created time.Duration // when the worker, and with Resume the prober, began
	started time.Duration // start of the container on the wall clock's scale
	need    time.Duration // age at which the container may be probed

	attempt int32 // number of the last attempt
	try     int32 // number of the last try in it; 0 when none is in flight
	state   published

	alive     bool // the worker has not ended
	looping   bool // the first check is over (TIM-FIRST-IMMEDIATE)
	running   bool // there is a container and it runs
	onHold    bool // no attempts until a new container (LIVE-HOLD)
	passed    bool // the startup probe of the container has passed
	triggered bool // a manual trigger waits; the channel holds one
	stale     bool // the container of the attempt in flight is gone
	quiet     bool // liveness or startup of a terminating pod

	dev deviant
}

// NewWorker returns a worker that begins now. Its first check is due at once,
// or after the jitter, and the ticks follow from there. A Config that does not
// pass Validate gives a worker that has ended.
func NewWorker(cfg Config, now time.Duration) Worker {
	if cfg.Validate() != nil {
		return Worker{}
	}
	now = clamp(now)
	return Worker{
		cfg:     cfg,
		tick:    ticker{next: cfg.Rules.firstTick(now+cfg.StartJitter, cfg.Period), period: cfg.Period},
		now:     now,
		created: now,
		need:    cfg.delayNeed(),
		alive:   true,
	}
}

// WakeAt is the next instant at which the worker would act by itself; the
// caller then steps a Wake. It may lie in the past: at once. There is none
// while an attempt is in flight, and ticks that would do nothing (during the
// delay, on hold, without a container) are passed over.
func (w *Worker) WakeAt() (time.Duration, bool) {
	if !w.probing() || w.busy() {
		return 0, false
	}
	return w.tick.from(w.started + w.need), true
}

// Step takes one event at an instant and returns what has to be done. Instants
// before the last one count as the last one. At one instant the order of the
// calls is the order of the events; a tick of that instant is taken by Wake,
// or by the end of an attempt, whichever comes first.
func (w *Worker) Step(now time.Duration, ev Event) (acts Actions) {
	w.now = min(max(now, w.now), horizon)
	switch {
	case ev.Kind == TryFinished:
		w.finishTry(ev.Class, &acts)
	case ev.Kind == TryPanicked:
		w.losePanicked(&acts)
	case w.alive: // one that has ended lets its attempt in flight end, no more
		w.learn(ev, &acts)
	}
	return acts
}

// learn takes the events of the world around the worker.
func (w *Worker) learn(ev Event, acts *Actions) {
	if !w.inFlight() {
		w.passTicks()
	}
	switch ev.Kind {
	case Wake:
		w.wake(acts)
	case Trigger:
		w.trigger(acts)
	case ContainerStarted:
		w.containerStarted(ev.At, acts)
	case ContainerStopped:
		w.containerStopped(ev.WillRestart, acts)
	case Terminating:
		w.terminating(acts)
	case StartupPassed:
		w.passed = true // of the present container; the next one begins anew
	case ClockStepped:
		w.started = clamp(w.started - clamp(ev.By))
		if w.cfg.Rules != nil {
			w.clockOtherwise(clamp(ev.By))
		}
	case TryFinished, TryPanicked: // see Step
	}
}

// probing tells whether a check, once the container is old enough, would start
// an attempt: the conditions of the kubelet's doProbe, except for the delay.
func (w *Worker) probing() bool {
	if !w.alive || !w.running || w.onHold {
		return false
	}
	if w.cfg.Kind == probes.Startup {
		return !w.passed || w.cfg.Rules.startupGoesOn()
	}
	return w.passed || !w.cfg.StartupGate // STARTUP-GATE
}

// passTicks lets the idle loop take the ticks before the present instant that
// did nothing. One that would have started an attempt stays in the channel:
// the caller is late with its Wake.
func (w *Worker) passTicks() {
	to := w.tick.from(w.now)
	if due, ok := w.WakeAt(); ok && due < to {
		to = due
	}
	if to > w.tick.next {
		w.tick.next = to
		w.enterLoop()
	}
}

// enterLoop ends the first check. A trigger that came during the jitter is
// taken right after it and finds the same state; the period that it begins is
// the one that begins anyway.
func (w *Worker) enterLoop() {
	if !w.looping {
		w.looping, w.triggered = true, false
	}
}

// wake takes a tick and checks.
func (w *Worker) wake(acts *Actions) {
	if w.busy() || !w.tick.waiting(w.now) {
		return
	}
	w.receive()
	if w.check(acts); !w.inFlight() {
		w.enterLoop()
	}
	w.looping = true
}

// trigger checks at once when the loop is idle, else leaves one trigger
// waiting (TIM-READY-MANUAL). Either way the period begins anew when the
// trigger is taken, also when the check does nothing.
func (w *Worker) trigger(acts *Actions) {
	switch {
	case w.cfg.Kind != probes.Readiness && !w.cfg.Rules.triggersAll():
	case w.inFlight() || !w.looping:
		w.triggered = true
	default:
		w.takeTrigger(acts)
	}
}

// takeTrigger begins the period anew and checks.
func (w *Worker) takeTrigger(acts *Actions) {
	if !w.cfg.Rules.keepsPhase() {
		w.tick.reset(w.now)
	}
	if w.cfg.Rules != nil {
		w.dev.manual = true
	}
	w.check(acts)
}

// receive takes a tick out of the channel.
func (w *Worker) receive() {
	if w.cfg.Rules != nil {
		w.receiveOtherwise()
		return
	}
	w.tick.receive(w.now)
}

// busy tells whether ticks have to wait: an attempt is in flight
// (TIM-NO-OVERLAP).
func (w *Worker) busy() bool { return w.inFlight() && !w.cfg.Rules.overlaps() }

// inFlight tells whether an attempt is in flight.
func (w *Worker) inFlight() bool { return w.try > 0 }

// check is the kubelet's doProbe up to the attempt.
func (w *Worker) check(acts *Actions) {
	if !w.probing() || w.now-w.started < w.need && !w.cfg.Rules.skipsDelay(w.dev.manual) {
		return
	}
	w.attempt++
	w.try, w.stale = 1, false
	acts.addTry(StartTry, w.attempt, 1)
}

// clamp keeps an instant or interval within the horizon.
func clamp(d time.Duration) time.Duration {
	return min(max(d, -horizon), horizon)
}
