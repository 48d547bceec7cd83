package wall

import (
	"sync"
	"time"
)

// Watching is how often Waits want to look. The last looks make the window in
// which waits are added up, a second: who waits 150 ms, runs for 5 and waits
// again, is late by both.
const (
	Watching = 200 * time.Millisecond
	looks    = 5
)

// Waits are the last looks at one process: by thread, how long it has waited
// for a processor in its life. The zero value has not looked yet.
type Waits struct{ last []map[string]time.Duration }

// Longest takes one more look, which is what Waited tells, and says how long
// one thread has waited within the window.
func (w *Waits) Longest(now map[string]time.Duration) (longest time.Duration) {
	w.last = append(w.last, now)
	if len(w.last) > looks+1 {
		w.last = w.last[1:]
	}
	for thread, sum := range now {
		for _, look := range w.last { // the first one that knows it
			if was, known := look[thread]; known {
				longest = max(longest, sum-was)
				break
			}
		}
	}
	return longest
}

// WatchWaits looks at a process until end is called, which tells how long it
// has waited for a processor at worst.
func WatchWaits(pid int) (end func() time.Duration) {
	var worst time.Duration
	var waits Waits
	var done sync.WaitGroup
	quit := make(chan struct{})
	done.Go(func() {
		tick := time.NewTicker(Watching)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				worst = max(worst, waits.Longest(Waited(pid)))
			case <-quit:
				return
			}
		}
	})
	return func() time.Duration {
		close(quit)
		done.Wait()
		return worst
	}
}
