package loopback

import (
	"context"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// beat is how long the kernel's thread sleeps at most: the distance of two
// measurements of its lateness.
const beat = 50 * time.Millisecond

// thread lets a kernel follow the wall clock. It is a lock: with it the kernel
// has lived up to now. It is an oshost.Thread.
type thread struct {
	mu      sync.Mutex
	kernel  *sim.Kernel
	actor   sim.Actor
	running bool
	over    bool // what is recorded now, did not happen in the run
	start   time.Time
	until   time.Duration
	late    time.Duration
	err     error
	poke    chan struct{}
}

func newThread() *thread { return &thread{poke: make(chan struct{}, 1)} }

// Lock implements sync.Locker.
func (t *thread) Lock() {
	t.mu.Lock()
	t.advance()
}

// Unlock wakes the sleeper: an earlier event may wait.
func (t *thread) Unlock() {
	t.mu.Unlock()
	select {
	case t.poke <- struct{}{}:
	default:
	}
}

// advance lets everything happen that is due.
func (t *thread) advance() {
	if !t.running || t.err != nil {
		return
	}
	now := min(time.Since(t.start), t.until)
	if next, ok := t.kernel.Next(); ok && next < now {
		t.late = max(t.late, now-next)
	}
	t.err = t.kernel.Run(now)
}

// Now implements oshost.Thread.
func (t *thread) Now() time.Duration { return t.kernel.Now() }

// At implements oshost.Thread.
func (t *thread) At(at time.Duration, fn func()) (cancel func()) {
	timer := t.kernel.NewTimer(t.actor, fn)
	t.kernel.Set(timer, at)
	return func() { t.kernel.Stop(timer) }
}

// run lives up to an instant. Afterwards the kernel stands still.
func (t *thread) run(ctx context.Context, until time.Duration) error {
	t.mu.Lock()
	t.running, t.start, t.until = true, time.Now(), until
	t.mu.Unlock()
	defer t.halt()
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
			t.overslept(time.Since(planned))
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
func (t *thread) Over() bool { return t.over }

func (t *thread) overslept(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = max(t.late, by)
}

func (t *thread) halt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running, t.over = false, true
}

// Record implements trace.Sink for the recorder of a run.
func (s sink) Record(e trace.Event) {
	if !s.thread.over {
		s.Recorder.Record(e)
	}
}

// sink keeps what happens until the run is over.
type sink struct {
	*trace.Recorder
	thread *thread
}
