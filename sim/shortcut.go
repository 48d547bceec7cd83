package sim

import (
	"maps"
	"slices"
	"time"
)

// The methods here are for those who know what a stretch of a run would come
// to and leave it out: they tell whether the world is quiet, and account for
// the tie keys of the events that do not happen.

// Busy is the number of tasks with work whose actors count; the one that runs
// is among them.
func (k *Kernel) Busy(counts func(Actor) bool) int {
	n := 0
	if len(k.tasks) == len(k.idle) {
		return 0
	}
	for _, t := range k.tasks {
		if t.state != idle && counts(t.Actor()) {
			n++
		}
	}
	return n
}

// Pending is the number of armed timers whose actors count, those of tasks
// among them, and the instant of the first; Forever when there is none.
func (k *Kernel) Pending(counts func(Actor) bool) (n int, next time.Duration) {
	next = Forever
	for i := range k.queue.entries {
		e := &k.queue.entries[i]
		if e.timer != nil && counts(e.timer.source.actor) {
			n, next = n+1, min(next, e.at)
		}
	}
	return n, next
}

// Spent is how many tie keys each actor has been given, added to dst.
func (k *Kernel) Spent(dst map[Actor]uint64) {
	for _, a := range slices.Sorted(maps.Keys(k.actors)) {
		if n := k.actors[a].count; n > 0 {
			dst[a] = n
		}
	}
}

// SpentBy is how many tie keys one actor has been given.
func (k *Kernel) SpentBy(a Actor) uint64 {
	if s := k.actors[a]; s != nil {
		return s.count
	}
	return 0
}

// Spend takes n tie keys of an actor, as n armed timers would.
func (k *Kernel) Spend(a Actor, n uint64) { k.source(a).count += n }
