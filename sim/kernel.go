// Package sim is the simulated world: virtual time, an event queue, tasks,
// seeded randomness; its sub-packages add the network, the platform, the
// prober's driver and the trace. One kernel is single-threaded and
// reproducible by construction: no wall clock, no scheduling, no map order.
// Many kernels may run in parallel; they share nothing.
package sim

import (
	"fmt"
	"math"
	"time"
)

// Forever is an instant that never comes: no deadline, or a run until nothing
// is left to happen.
const Forever time.Duration = math.MaxInt64

// DefaultBurst is the number of events at one instant that a kernel takes for
// a livelock unless [Kernel.LimitBurst] says otherwise.
const DefaultBurst = 1_000_000

// culprits is how many of the last events before a livelock are looked at for
// the names of their actors.
const culprits = 1000

// Kernel runs events in the total order (instant, key), where key is
// mix(seed, actor, the actor's own counter). Its zero value is not usable;
// see [New]. It must be used from one goroutine at a time.
type Kernel struct {
	seed   uint64
	now    time.Duration
	queue  queue
	actors map[Actor]*source
	known  []*source // all of them, in the order in which they came

	running bool
	closed  bool
	halted  error
	cause   *source // who is being served
	current *Task   // the task that runs, nil in a timer's callback

	pool   []Timer // of a kernel that was reset
	timers []Timer // the rest of them

	tasks []*Task // every coroutine ever made
	idle  []*Task // those without work
	live  int     // tasks that have begun or will, daemons excluded

	events   uint64
	burst    int // events at the present instant
	maxBurst int
	suspects []Actor
}

// New makes a kernel at instant 0. Equal seeds and equal calls give equal runs.
func New(seed uint64) *Kernel {
	return &Kernel{seed: seed, actors: map[Actor]*source{}, maxBurst: DefaultBurst}
}

// Seed is the seed of the kernel's draws and tie keys.
func (k *Kernel) Seed() uint64 { return k.seed }

// Now is the present instant, since the start of the run; >= 0.
func (k *Kernel) Now() time.Duration { return k.now }

// Events is the number of events fired so far: a measure of work, the same in
// every run of one seed.
func (k *Kernel) Events() uint64 { return k.events }

// Current is the task that runs now; nil in a timer's callback and outside Run.
func (k *Kernel) Current() *Task { return k.current }

// Draw is the draw of the kernel's seed; see [Draw].
func (k *Kernel) Draw(stream, index uint64) uint64 { return Draw(k.seed, stream, index) }

// LimitBurst sets how many events may fire at one instant before Run gives up
// with a [*Livelock]; n <= 0 restores [DefaultBurst].
func (k *Kernel) LimitBurst(n int) {
	if n <= 0 {
		n = DefaultBurst
	}
	k.maxBurst = n
}

// Next is the instant of the next event; false when there is none.
func (k *Kernel) Next() (time.Duration, bool) {
	e, ok := k.queue.peek()
	return e.at, ok
}

// Halt makes Run return err after the present event; nil takes an earlier
// Halt back. Run may be called again to go on.
func (k *Kernel) Halt(err error) { k.halted = err }

// Run fires every event up to and including the instant until, then moves the
// clock there. It returns a [*Panic] when a callback or a task without a
// handler of its own panics, a [*Livelock] when an instant does not end, a
// [*Stuck] when nothing is left to happen and tasks wait without a deadline,
// and the error given to Halt. After an error the clock stands at the event
// at fault (for Stuck: at until), and Run may be called again.
func (k *Kernel) Run(until time.Duration) (err error) {
	if k.running {
		panic("sim: Run called from inside Run")
	}
	if k.closed {
		return ErrClosed
	}
	k.running = true
	defer func() {
		k.running, k.current = false, nil
		if r := recover(); r != nil {
			err = k.newPanic(k.cause, r)
		}
	}()
	k.burst = 0
	if err := k.loop(until); err != nil {
		return err
	}
	if until > k.now && until != Forever {
		k.now = until
	}
	return k.stuck()
}

// loop fires events until the instant is passed, the queue is empty or
// something asks for a halt.
func (k *Kernel) loop(until time.Duration) error {
	for k.halted == nil {
		e, ok := k.queue.peek()
		if !ok || e.at > until {
			return nil
		}
		if e.at > k.now {
			k.now, k.burst = e.at, 0
		}
		if k.burst++; k.burst > k.maxBurst-culprits {
			if err := k.suspect(e.timer.source); err != nil {
				return err
			}
		}
		k.queue.pop()
		k.events++
		k.cause = e.timer.source
		e.timer.fn()
	}
	err := k.halted
	k.halted = nil
	return err
}

// suspect notes the actors of the last events before the limit and reports
// them when it is reached.
func (k *Kernel) suspect(s *source) error {
	if k.burst == max(1, k.maxBurst-culprits+1) {
		k.suspects = k.suspects[:0]
	}
	k.suspects = append(k.suspects, s.actor)
	if k.burst <= k.maxBurst {
		return nil
	}
	err := &Livelock{At: k.now, Events: k.maxBurst, Actors: distinct(k.suspects)}
	err.Names = k.names(err.Actors)
	k.burst, k.suspects = 0, nil
	return err
}

// stuck reports tasks that wait for ever in a world without events.
func (k *Kernel) stuck() error {
	if k.live == 0 {
		return nil
	}
	if _, ok := k.queue.peek(); ok {
		return nil
	}
	err := &Stuck{At: k.now}
	for _, t := range k.tasks {
		if t.state == parked && !t.daemon {
			err.Actors = append(err.Actors, t.timer.source.actor)
		}
	}
	if len(err.Actors) == 0 {
		return nil
	}
	err.Actors = distinct(err.Actors)
	err.Names = k.names(err.Actors)
	return err
}

// Reset makes the kernel one of another seed at instant 0, as New does, and
// keeps its memory: coroutines without work, some timers, the accounts of actors
// with their names and circles. Timers and tasks of the run before must not be used any
// more. Reset from inside Run panics.
func (k *Kernel) Reset(seed uint64) {
	if k.running {
		panic("sim: Reset called from inside Run")
	}
	k.closed = true // what is unwound arms nothing
	tasks := k.tasks[:0]
	for _, t := range k.tasks {
		if t.state == idle {
			tasks = append(tasks, t)
			continue
		}
		k.current = t
		t.stop()
	}
	clear(k.tasks[len(tasks):])
	k.queue.clear()
	for _, s := range k.known {
		s.base, s.count = streamBase(seed, uint64(s.actor)), 0
	}
	if k.pool == nil {
		k.pool = make([]Timer, kept)
	}
	*k = Kernel{
		seed: seed, actors: k.actors, known: k.known, queue: k.queue, tasks: tasks, idle: k.idle, maxBurst: DefaultBurst,
		pool: k.pool, timers: k.pool,
	}
}

// Close unwinds every parked and pooled coroutine and forgets all events.
// Deferred calls of the tasks run; whatever they arm or start is dropped, and
// a wait inside them unwinds further. A kernel that is not closed keeps its
// coroutines in memory. Close twice does nothing; Close from inside Run
// panics.
func (k *Kernel) Close() {
	if k.closed {
		return
	}
	if k.running {
		panic("sim: Close called from inside Run")
	}
	k.closed = true
	for _, t := range k.tasks {
		k.current = t
		t.stop()
	}
	k.current = nil
	k.queue.clear()
	k.queue = queue{}
	k.tasks, k.idle, k.live = nil, nil, 0
	k.pool, k.timers = nil, nil
}

func (k *Kernel) newPanic(s *source, value any) *Panic {
	p := &Panic{At: k.now, Value: value, Stack: stack()}
	if s != nil {
		p.Actor, p.Name = s.actor, s.name
	}
	return p
}

func (k *Kernel) names(actors []Actor) []string {
	names := make([]string, len(actors))
	for i, a := range actors {
		names[i] = fmt.Sprintf("actor %d", a)
		if s := k.actors[a]; s != nil && s.name != "" {
			names[i] = s.name
		}
	}
	return names
}
