// Package wall is what testbeds in wall time have in common: the kernel of a
// simulated world that follows the wall clock, and what a try sees of it.
package wall

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// beat is how long the kernel's thread sleeps at most: the distance of two
// measurements of its lateness.
const beat = 50 * time.Millisecond

// Thread lets a kernel follow the wall clock. It is a lock: with it the kernel
// has lived up to now. It is an oshost.Thread.
type Thread struct {
	mu      sync.Mutex
	kernel  *sim.Kernel
	actor   sim.Actor
	running bool
	over    bool // what is recorded now, did not happen in the run
	start   time.Time
	until   time.Duration
	late    time.Duration
	stamp   time.Duration // see As; < 0: none
	err     error
	poke    chan struct{}
}

// NewThread makes a thread that does not run yet.
func NewThread() *Thread { return &Thread{poke: make(chan struct{}, 1), stamp: -1} }

// Begin is told the kernel, before anything else.
func (t *Thread) Begin(k *sim.Kernel) {
	t.kernel = k
	t.actor = k.Name("outside")
}

// Lock implements sync.Locker.
func (t *Thread) Lock() {
	t.mu.Lock()
	t.advance()
}

// Unlock wakes the sleeper: an earlier event may wait.
func (t *Thread) Unlock() {
	t.mu.Unlock()
	select {
	case t.poke <- struct{}{}:
	default:
	}
}

// advance lets everything happen that is due.
func (t *Thread) advance() {
	if !t.running || t.err != nil {
		return
	}
	now := min(time.Since(t.start), t.until)
	if next, ok := t.kernel.Next(); ok && next < now {
		t.late = max(t.late, now-next)
	}
	if err := t.kernel.Run(now); t.err == nil { // what happened may have failed
		t.err = err
	}
}

// Now implements oshost.Thread.
func (t *Thread) Now() time.Duration { return t.kernel.Now() }

// At implements oshost.Thread.
func (t *Thread) At(at time.Duration, fn func()) (cancel func()) {
	timer := t.kernel.NewTimer(t.actor, fn)
	t.kernel.Set(timer, at)
	return func() { t.kernel.Stop(timer) }
}

// Run lives up to an instant. Afterwards the kernel stands still. begun, if not
// nil, is called when the clock has started, with the instant 0.
func (t *Thread) Run(ctx context.Context, until time.Duration, begun func(start time.Time)) error {
	t.mu.Lock()
	t.running, t.start, t.until = true, time.Now(), until
	t.mu.Unlock()
	if begun != nil {
		begun(t.start)
	}
	defer t.Halt()
	for {
		t.Lock()
		now, err := t.kernel.Now(), t.err
		sleep := min(beat, until-now)
		if next, ok := t.kernel.Next(); ok {
			sleep = min(sleep, next-now)
		}
		t.mu.Unlock()
		if err != nil || now >= until {
			return err
		}
		planned := time.Now().Add(max(sleep, 0))
		timer := time.NewTimer(sleep)
		select {
		case <-timer.C:
			t.TooLate(time.Since(planned))
		case <-t.poke:
		case <-ctx.Done():
		}
		timer.Stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Over tells that the run has ended. The lock is held.
func (t *Thread) Over() bool { return t.over }

// TooLate tells that something came late by the harness's own fault.
func (t *Thread) TooLate(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = max(t.late, by)
}

// TooLateLocked is TooLate for those who hold the lock.
func (t *Thread) TooLateLocked(by time.Duration) { t.late = max(t.late, by) }

// Fail ends the run: the harness broke.
func (t *Thread) Fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.FailLocked(err)
}

// FailLocked is Fail for those who hold the lock.
func (t *Thread) FailLocked(err error) {
	if t.err == nil {
		t.err = err
	}
}

// Late is by how much the harness was late at worst.
func (t *Thread) Late() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.late
}

// As lets fn happen as at an instant that has passed: what a guest saw then is
// recorded with it. The lock is held.
func (t *Thread) As(at time.Duration, fn func()) {
	t.stamp = min(max(at, 0), t.kernel.Now())
	defer func() { t.stamp = -1 }()
	fn()
}

// Halt stops the kernel; what is recorded from now on did not happen.
func (t *Thread) Halt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running, t.over = false, true
}

// Sink keeps what happens until the run is over, in the order of the instants.
type Sink struct {
	trace.Recorder
	thread *Thread
}

// NewSink makes the sink of a thread's run.
func NewSink(t *Thread) *Sink { return &Sink{thread: t} }

// Record implements trace.Sink.
func (s *Sink) Record(e trace.Event) {
	if s.thread.over {
		return
	}
	if s.thread.stamp >= 0 && ofGuest(e.Kind) {
		e.T = s.thread.stamp
	}
	s.Recorder.Record(e)
}

// ofGuest tells what a guest tells of itself.
func ofGuest(k trace.Kind) bool {
	return k == trace.GuestSaw || k == trace.GuestStep || k == trace.GuestBoot || k == trace.Violation
}

// Trace is the run so far.
func (s *Sink) Trace(h trace.Header) *trace.Trace {
	slices.SortStableFunc(s.Events, func(a, b trace.Event) int { return cmp.Compare(a.T, b.T) })
	return s.Recorder.Trace(h)
}
