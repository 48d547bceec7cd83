package sim

import "time"

// The methods here are for those who know what a stretch of a run would come
// to and leave it out: they tell whether the world is quiet, and account for
// the tie keys of the events that do not happen.

// Circle is a mark that actors bear, for those who ask about them. It means what
// they want it to mean; 0 is that of actors without a mark.
type Circle int32

// Mark puts an actor into a circle, until the kernel is closed.
func (k *Kernel) Mark(a Actor, c Circle) { k.source(a).circle = c }

// Busy is the number of tasks with work whose actors' circle counts; the one
// that runs is among them.
func (k *Kernel) Busy(counts func(Circle) bool) int {
	n := 0
	if len(k.tasks) == len(k.idle) {
		return 0
	}
	for _, t := range k.tasks {
		if t.state != idle && counts(t.timer.source.circle) {
			n++
		}
	}
	return n
}

// Pending is the number of armed timers whose actors' circle counts, those of
// tasks among them, and the instant of the first; Forever when there is none.
func (k *Kernel) Pending(counts func(Circle) bool) (n int, next time.Duration) {
	next = Forever
	for i := range k.queue.entries {
		e := &k.queue.entries[i]
		if e.timer != nil && counts(e.timer.source.circle) {
			n, next = n+1, min(next, e.at)
		}
	}
	return n, next
}

// Account is that of an actor's tie keys.
type Account source

// Account is good until the kernel is closed.
func (k *Kernel) Account(a Actor) *Account { return (*Account)(k.source(a)) }

// Circle is that of the actor.
func (a *Account) Circle() Circle { return a.circle }

// Spent is how many tie keys the actor has been given.
func (a *Account) Spent() uint64 { return a.count }

// Spend takes n tie keys, as n armed timers would.
func (a *Account) Spend(n uint64) { a.count += n }

// Accounts are those of which keys have been taken.
func (k *Kernel) Accounts() []*Account {
	var list []*Account
	for _, s := range k.known {
		if s.count > 0 {
			list = append(list, (*Account)(s))
		}
	}
	return list
}
