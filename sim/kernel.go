// Package sim is the simulated world: virtual time, an event queue, tasks,
// seeded randomness; its sub-packages add the network, the platform, the
// prober's driver and the trace. One kernel is single-threaded and
// reproducible by construction: no wall clock, no scheduling, no map order.
package sim

import "time"

// Actor identifies who causes an event; ties at one instant are ordered by
// mix(seed, actor, the actor's own counter), so that adding an actor does not
// reorder the others.
type Actor uint32

// Timer is an event of the queue. It is intrusive: arming it again allocates
// nothing. The zero value is not usable; see NewTimer.
type Timer struct {
	fn    func()
	actor Actor
	at    time.Duration
	key   uint64
	index int32 // place in the heap, -1 when idle
}

// API to be provided by this package (kernel.go, queue.go, task.go, rand.go):
//
//	func New(seed uint64) *Kernel
//	func (k *Kernel) Seed() uint64
//	func (k *Kernel) Now() time.Duration
//	func (k *Kernel) NewTimer(actor Actor, fn func()) *Timer
//	func (k *Kernel) Set(t *Timer, at time.Duration)      // arm or re-arm; at < Now means Now
//	func (k *Kernel) Stop(t *Timer) bool
//	func (k *Kernel) Go(actor Actor, fn func(t *Task))     // a pooled coroutine, starts at Now in tie order
//	func (k *Kernel) Run(until time.Duration) error        // *Stuck, *Panic
//	func (k *Kernel) Next() (time.Duration, bool)          // instant of the next event
//	func (k *Kernel) Close()                               // unwinds parked tasks
//
//	func (t *Task) SleepUntil(at time.Duration)
//	func (t *Task) Park(deadline time.Duration) bool       // false when the deadline came
//	func (t *Task) Unpark()
//
//	func Draw(seed, stream, index uint64) uint64           // counter-based, splitmix64 twice
//	func Below(draw uint64, n uint64) uint64               // unbiased enough, integers only
//	type Mutex: FIFO lock for tasks with a deadline
