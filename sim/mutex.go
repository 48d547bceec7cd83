package sim

import (
	"slices"
	"time"
)

// Mutex is a lock for tasks that wait in the order of their coming. The zero
// value is an open lock. It belongs to one kernel.
type Mutex struct {
	owner   *Task
	waiters []*Task
}

// Lock takes the lock for the task, waiting at most until the deadline
// ([Forever]: as long as it takes), and reports whether it did. An open lock
// is taken whatever the deadline. Locking twice waits for oneself.
func (m *Mutex) Lock(t *Task, deadline time.Duration) bool {
	if m.owner == nil {
		m.owner = t
		return true
	}
	m.waiters = append(m.waiters, t)
	defer m.forget(t) // also when the kernel is closed
	for t.Park(deadline) {
		if !slices.Contains(m.waiters, t) {
			return true // handed over; any other Unpark means nothing
		}
	}
	return !slices.Contains(m.waiters, t)
}

// TryLock takes the lock if it is open.
func (m *Mutex) TryLock(t *Task) bool {
	if m.owner != nil {
		return false
	}
	m.owner = t
	return true
}

// Locked reports whether somebody holds the lock.
func (m *Mutex) Locked() bool { return m.owner != nil }

// Unlock opens the lock or hands it to the first waiter, which goes on at
// Now. Unlocking an open lock panics: an invariant of the caller is broken.
func (m *Mutex) Unlock() {
	if m.owner == nil {
		panic("sim: Unlock of an open Mutex")
	}
	if len(m.waiters) == 0 {
		m.owner = nil
		return
	}
	m.owner = m.waiters[0]
	m.waiters = m.waiters[1:]
	m.owner.Unpark()
}

func (m *Mutex) forget(t *Task) {
	if i := slices.Index(m.waiters, t); i >= 0 {
		m.waiters = slices.Delete(m.waiters, i, i+1)
	}
}
