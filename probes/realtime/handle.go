package realtime

import (
	"context"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// Handle is a worker that runs. What happens to its container is told by the
// methods; they never block.
type Handle struct {
	driver *Driver
	try    Try
	ctx    context.Context // of this worker's tries
	cancel context.CancelFunc
	unhook func() bool
	done   chan struct{}

	mu      sync.Mutex
	worker  engine.Worker
	timer   *clock.Timer // of the next Wake, nil until the first
	queue   []input      // in the order of their instants
	busy    bool         // some goroutine works on the queue
	trying  bool         // a try is in flight
	stopped bool
	settled bool
}

// input is an event with the instant at which it happened.
type input struct {
	at     time.Duration
	event  engine.Event
	result probes.Result
}

// ContainerStarted gives the worker a new container that started at an instant
// of the driver (Driver.Now, Driver.Instant), which may be past.
func (h *Handle) ContainerStarted(at time.Duration) {
	h.post(engine.Event{Kind: engine.ContainerStarted, At: at}, probes.Result{})
}

// ContainerStopped says that the container is not running, and whether the
// worker will see another one.
func (h *Handle) ContainerStopped(willRestart bool) {
	h.post(engine.Event{Kind: engine.ContainerStopped, WillRestart: willRestart}, probes.Result{})
}

// Trigger asks for an unscheduled readiness run (TIM-READY-MANUAL).
func (h *Handle) Trigger() { h.post(engine.Event{Kind: engine.Trigger}, probes.Result{}) }

// Terminating says that the machine is being deleted (TERM-LIVENESS-OFF).
func (h *Handle) Terminating() { h.post(engine.Event{Kind: engine.Terminating}, probes.Result{}) }

// StartupPassed opens the startup gate (STARTUP-GATE).
func (h *Handle) StartupPassed() { h.post(engine.Event{Kind: engine.StartupPassed}, probes.Result{}) }

// ClockStepped says that the wall clock was moved. The driver itself measures
// the initial delay on the monotonic clock and does not notice
// (TIM-DELAY-ONCE).
func (h *Handle) ClockStepped(by time.Duration) {
	h.post(engine.Event{Kind: engine.ClockStepped, By: by}, probes.Result{})
}

// State is a look into the worker.
func (h *Handle) State() engine.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.worker.State()
}

// Stop ends the worker and cancels its try in flight. It does not wait; Done
// tells when all is over.
func (h *Handle) Stop() {
	h.mu.Lock()
	if h.stopped {
		h.mu.Unlock()
		return
	}
	h.stopped, h.queue = true, nil
	if h.timer != nil {
		h.timer.Stop()
	}
	if h.unhook != nil {
		h.unhook()
	}
	h.cancel()
	h.settle()
	h.mu.Unlock()
}

// Done is closed when the worker was stopped, its try has returned and its
// last update was delivered.
func (h *Handle) Done() <-chan struct{} { return h.done }

// post takes an event. The goroutine that finds nobody at work on the queue
// works until it is empty, so that updates are ordered and notify may post.
func (h *Handle) post(ev engine.Event, result probes.Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over() {
		return
	}
	h.queue = append(h.queue, input{h.driver.Now(), ev, result})
	if h.busy {
		return
	}
	h.busy = true
	defer h.rest()
	for !h.over() {
		if len(h.queue) == 0 && !h.due() {
			return
		}
		in := h.queue[0]
		h.queue = h.queue[1:]
		h.step(in)
	}
}

// over tells that nothing counts any more: the worker was stopped, or will be
// at once because its context is done. A try that gives up with the context
// must not pass for an answer of the guest.
func (h *Handle) over() bool { return h.stopped || h.ctx.Err() != nil }

// rest ends the work on the queue, also when notify panicked.
func (h *Handle) rest() {
	h.busy = false
	h.settle()
}

// due queues a Wake that is due at once, else sets the timer to the next.
func (h *Handle) due() bool {
	now := h.driver.Now()
	at, ok := h.worker.WakeAt()
	switch {
	case !ok:
		if h.timer != nil {
			h.timer.Stop()
		}
	case at <= now:
		h.queue = append(h.queue, input{at: now, event: engine.Event{Kind: engine.Wake}})
		return true
	case h.timer == nil:
		h.timer = h.driver.clock.AfterFunc(at-now, h.wake)
	default:
		h.timer.Reset(at - now)
	}
	return false
}

// wake is called by the timer. The engine disregards a Wake that comes too
// early, and the timer is then set again.
func (h *Handle) wake() { h.post(engine.Event{Kind: engine.Wake}, probes.Result{}) }

// step steps the worker and does what it says. It gives up the lock while
// notify runs.
func (h *Handle) step(in input) {
	acts := h.worker.Step(in.at, in.event)
	for _, a := range acts.All() {
		h.tell(Update{At: in.at, Handle: h, Action: a, Result: in.result})
		if h.over() {
			return
		}
		if a.Kind == engine.StartTry {
			h.trying = true
			go h.run(a.Attempt, a.Try)
		}
	}
}

func (h *Handle) tell(u Update) {
	h.mu.Unlock()
	defer h.mu.Lock()
	h.driver.notify(u)
}

// run makes a try. A panic, like a Goexit, leaves without a result.
func (h *Handle) run(attempt, try int32) {
	ev := engine.Event{Kind: engine.TryPanicked}
	result := probes.Result{Class: probes.Errored}
	defer func() {
		_ = recover() // the loop goes on and the process lives (PANIC-CONTINUE)
		h.mu.Lock()
		h.trying = false
		h.settle()
		h.mu.Unlock()
		h.post(ev, result)
	}()
	result = h.try(h.ctx, attempt, try)
	ev = engine.Event{Kind: engine.TryFinished, Class: result.Class}
}

// settle closes done when nothing is left to happen.
func (h *Handle) settle() {
	if h.stopped && !h.busy && !h.trying && !h.settled {
		h.settled = true
		h.driver.forget(h)
		close(h.done)
	}
}
