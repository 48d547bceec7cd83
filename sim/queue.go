package sim

import (
	"math"
	"time"
)

// Timer is an event of the queue. It is intrusive: arming it again allocates
// nothing. The zero value is not usable; see [Kernel.NewTimer] and
// [Kernel.Init].
type Timer struct {
	fn     func()
	source *source
	index  int32 // place in the heap, -1 when idle
}

// Armed reports whether the timer waits in the queue.
func (t *Timer) Armed() bool { return t.source != nil && t.index >= 0 }

// kept is how many timers a kernel that is reset keeps for the next run: as many
// as a small world needs.
const kept = 64

// NewTimer makes an idle timer that calls fn on behalf of the actor.
func (k *Kernel) NewTimer(actor Actor, fn func()) *Timer {
	var t *Timer
	if len(k.timers) > 0 {
		t = &k.timers[0]
		k.timers = k.timers[1:]
	} else {
		t = new(Timer)
	}
	k.Init(t, actor, fn)
	return t
}

// Init makes t an idle timer, for timers that are fields of something else.
// It must not be called on an armed timer.
func (k *Kernel) Init(t *Timer, actor Actor, fn func()) {
	*t = Timer{fn: fn, source: k.source(actor), index: -1}
}

// Assign moves an idle timer to another actor.
func (k *Kernel) Assign(t *Timer, actor Actor) {
	if t.source.actor != actor {
		t.source = k.source(actor)
	}
}

// Like gives an idle timer the actor of another timer of the same kernel:
// Assign without a look-up.
func (t *Timer) Like(o *Timer) { t.source = o.source }

// Set arms the timer, or moves it when it is armed. An instant in the past
// means now: the timer still fires after the present event. Timers of one
// instant, also those of one actor, fire in the order of their keys, which is
// seeded; chain them where an order is needed. [Forever] disarms.
func (k *Kernel) Set(t *Timer, at time.Duration) {
	if at == Forever || k.closed {
		k.Stop(t)
		return
	}
	e := entry{at: max(at, k.now), key: t.source.key(), timer: t}
	if t.index >= 0 {
		k.queue.fix(int(t.index), e)
		return
	}
	k.queue.push(e)
}

// Fire calls the function of an idle timer now, within the present event.
func (t *Timer) Fire() { t.fn() }

// Stop disarms the timer and reports whether it was armed.
func (k *Kernel) Stop(t *Timer) bool {
	if t.index < 0 {
		return false
	}
	k.queue.remove(int(t.index))
	t.index = -1
	return true
}

// entry holds the sort key beside the timer, so that comparisons stay within
// the heap's own memory.
type entry struct {
	at    time.Duration
	key   uint64
	timer *Timer
}

func (e *entry) less(o *entry) bool {
	if e.at != o.at {
		return e.at < o.at
	}
	if e.key != o.key {
		return e.key < o.key
	}
	// Keys of different actors may meet, once in 2^64 pairs.
	return e.timer != nil && o.timer != nil && e.timer.source.actor < o.timer.source.actor
}

// queue is a 4-ary heap. A pop leaves a hole at the root that the next push
// fills: most events arm one successor, and this saves half of the work.
type queue struct {
	entries []entry
	hole    bool // entries[0] is an entry at minus infinity without a timer
}

// fan is the number of children of a node; 4 children of 24 bytes span two
// cache lines.
const fan = 4

// clear forgets all entries.
func (q *queue) clear() {
	for i := range q.entries {
		if t := q.entries[i].timer; t != nil {
			t.index = -1
		}
	}
	clear(q.entries)
	q.entries, q.hole = q.entries[:0], false
}

// peek returns the least entry.
func (q *queue) peek() (entry, bool) {
	if q.hole {
		q.fill()
	}
	if len(q.entries) == 0 {
		return entry{}, false
	}
	return q.entries[0], true
}

// pop takes the entry that peek has just returned.
func (q *queue) pop() {
	q.entries[0].timer.index = -1
	q.entries[0] = entry{at: math.MinInt64}
	q.hole = true
}

// fill closes the hole with the last entry.
func (q *queue) fill() {
	q.hole = false
	n := len(q.entries) - 1
	last := q.entries[n]
	q.entries[n] = entry{}
	q.entries = q.entries[:n]
	if n > 0 {
		q.down(0, last)
	}
}

func (q *queue) push(e entry) {
	if q.hole {
		q.hole = false
		q.down(0, e)
		return
	}
	q.entries = append(q.entries, e)
	q.up(len(q.entries)-1, e)
}

// fix replaces the entry at i by e and restores the order.
func (q *queue) fix(i int, e entry) {
	if i > 0 && e.less(&q.entries[(i-1)/fan]) {
		q.up(i, e)
		return
	}
	q.down(i, e)
}

// remove takes the entry at i out.
func (q *queue) remove(i int) {
	n := len(q.entries) - 1
	last := q.entries[n]
	q.entries[n] = entry{}
	q.entries = q.entries[:n]
	if i < n {
		q.fix(i, last)
	}
}

// up moves e from the empty place i towards the root.
func (q *queue) up(i int, e entry) {
	for i > 0 {
		parent := (i - 1) / fan
		if !e.less(&q.entries[parent]) {
			break
		}
		q.place(i, q.entries[parent])
		i = parent
	}
	q.place(i, e)
}

// down moves e from the empty place i towards the leaves.
func (q *queue) down(i int, e entry) {
	n := len(q.entries)
	for {
		first := i*fan + 1
		if first >= n {
			break
		}
		least := first
		for c := first + 1; c < min(first+fan, n); c++ {
			if q.entries[c].less(&q.entries[least]) {
				least = c
			}
		}
		if !q.entries[least].less(&e) {
			break
		}
		q.place(i, q.entries[least])
		i = least
	}
	q.place(i, e)
}

func (q *queue) place(i int, e entry) {
	q.entries[i] = e
	if e.timer != nil {
		e.timer.index = int32(i)
	}
}
