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

// serve fires timers. It looks at the clock at least once a second.
func (t *thread) serve() {
	for {
		t.Lock()
		sleep := time.Second
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
		wait := time.NewTimer(sleep)
		select {
		case <-wait.C:
		case <-t.poke:
		}
		wait.Stop()
	}
}
