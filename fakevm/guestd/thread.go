package guestd

import (
	"slices"
	"sync"
	"time"
)

// thread is the guest's one logical thread: a lock, and timers on a clock whose
// offset to the machine's own may change. It is an oshost.Thread.
type thread struct {
	sync.Mutex
	clock  func() time.Duration // the machine's monotonic clock
	offset time.Duration
	last   time.Duration // never goes back
	timers []*timer      // ascending by instant
	poke   chan struct{}
	late   time.Duration // by how much the thread overslept at worst, see takeLate
}

// beat is how long the thread sleeps at most: the distance of two measurements
// of its lateness.
const beat = 50 * time.Millisecond

// tooLate tells that something in the machine took so long which takes no time
// in a script. The lock is held.
func (t *thread) tooLate(by time.Duration) { t.late = max(t.late, by) }

// takeLate is by how much the thread overslept since the last call. A host that
// is too busy lets its VMs wait, and their answers say nothing about a prober.
func (t *thread) takeLate() time.Duration {
	late := t.late
	t.late = 0
	return late
}

type timer struct {
	at time.Duration
	fn func()
}

// newThread makes a thread and begins to serve its timers, for ever.
func newThread(clock func() time.Duration) *thread {
	t := &thread{clock: clock, poke: make(chan struct{}, 1)}
	go t.serve()
	return t
}

// Now is the instant of the run.
func (t *thread) Now() time.Duration {
	t.last = max(t.last, t.clock()+t.offset)
	return t.last
}

// At calls fn under the lock at an instant.
func (t *thread) At(at time.Duration, fn func()) (cancel func()) {
	x := &timer{at, fn}
	i := len(t.timers)
	for i > 0 && t.timers[i-1].at > at {
		i--
	}
	t.timers = slices.Insert(t.timers, i, x)
	if i == 0 {
		t.wake()
	}
	return func() {
		if i := slices.Index(t.timers, x); i >= 0 {
			t.timers = slices.Delete(t.timers, i, i+1)
		}
	}
}

// adjust sets the offset.
func (t *thread) adjust(offset time.Duration) {
	t.offset = offset
	t.wake()
}

func (t *thread) wake() {
	select {
	case t.poke <- struct{}{}:
	default:
	}
}

// serve fires timers.
func (t *thread) serve() {
	for {
		t.Lock()
		sleep := beat
		for len(t.timers) > 0 {
			x := t.timers[0]
			if ahead := x.at - t.Now(); ahead > 0 {
				sleep = min(sleep, ahead)
				break
			}
			t.timers = slices.Delete(t.timers, 0, 1)
			x.fn()
		}
		t.Unlock()
		planned := t.clock() + sleep
		wait := time.NewTimer(sleep)
		select {
		case <-wait.C:
			over := t.clock() - planned
			t.Lock()
			t.late = max(t.late, over)
			t.Unlock()
		case <-t.poke:
		}
		wait.Stop()
	}
}
