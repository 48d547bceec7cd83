package sim

import (
	"iter"
	"time"
)

// state is what a task does.
type state uint8

const (
	idle     state = iota // without work, in the pool
	ready                 // in the queue, to begin or to go on
	running               // on its stack
	sleeping              // until its timer, deaf to Unpark
	parked                // until Unpark or its timer
)

// Task is blocking code in virtual time: a coroutine of the kernel. Only one
// runs at a time, and it runs until it parks. A Task is valid until its
// function returns; it is then used again for other work, so nobody may keep
// it longer.
type Task struct {
	kernel  *Kernel
	timer   Timer
	fn      func(*Task)
	handler func(*Panic)
	state   state
	woken   bool
	daemon  bool
	next    func() (struct{}, bool)
	yield   func(struct{}) bool
	stop    func()
}

// unwound is the panic value that unwinds tasks in Close.
type unwound struct{}

// Go runs fn as a task of the actor, from Now on, in tie order with the other
// events of the instant.
func (k *Kernel) Go(actor Actor, fn func(t *Task)) {
	if k.closed {
		return
	}
	var t *Task
	if n := len(k.idle); n > 0 {
		t = k.idle[n-1]
		k.idle = k.idle[:n-1]
		k.Assign(&t.timer, actor)
	} else {
		t = &Task{kernel: k}
		k.Init(&t.timer, actor, t.resume)
		t.next, t.stop = iter.Pull(t.body)
		k.tasks = append(k.tasks, t)
	}
	t.fn, t.state = fn, ready
	k.live++
	k.Set(&t.timer, k.now)
}

// Kernel is the kernel of the task.
func (t *Task) Kernel() *Kernel { return t.kernel }

// Actor is the actor on whose behalf the task runs.
func (t *Task) Actor() Actor { return t.timer.source.actor }

// Own gives an idle timer to the task's actor.
func (t *Task) Own(timer *Timer) { timer.source = t.timer.source }

// Now is the present instant.
func (t *Task) Now() time.Duration { return t.kernel.now }

// Daemon says that the task may wait for ever: it does not count as stuck.
// Servers are daemons.
func (t *Task) Daemon() {
	if !t.daemon {
		t.daemon = true
		t.kernel.live--
	}
}

// Recover sets what becomes of a panic of this task: the handler is called in
// its stead, after the task's deferred calls, and the run goes on. nil
// restores the default, the end of Run with a [*Panic].
func (t *Task) Recover(handler func(*Panic)) { t.handler = handler }

// SleepUntil parks the task until the instant; one in the past means a turn
// of the other events of now. Unpark does not wake it. [Forever] sleeps until
// Close.
func (t *Task) SleepUntil(at time.Duration) {
	t.mustRun("SleepUntil")
	t.kernel.Set(&t.timer, at)
	t.pause(sleeping)
}

// Park waits for Unpark, at most until the deadline, and reports whether
// Unpark came. A deadline that is not after Now returns false at once. An
// Unpark before the Park is not remembered: nothing runs between a task's
// check of its condition and its Park.
func (t *Task) Park(deadline time.Duration) bool {
	t.mustRun("Park")
	if deadline <= t.kernel.now {
		return false
	}
	t.kernel.Set(&t.timer, deadline)
	t.woken = false
	t.pause(parked)
	return t.woken
}

// Unpark ends a Park: the task goes on at Now, in tie order. It does nothing
// when the task is not parked.
func (t *Task) Unpark() {
	if t.state == parked {
		t.state, t.woken = ready, true
		t.kernel.Set(&t.timer, t.kernel.now)
	}
}

// Continue is Unpark without a turn in the queue: called from a timer's
// callback it runs the task inside the present event, until the task parks
// again or ends. From a task, or outside Run, it is Unpark.
func (t *Task) Continue() {
	if t.kernel.current != nil || !t.kernel.running {
		t.Unpark()
		return
	}
	if t.state == parked {
		t.woken = true
		t.kernel.Stop(&t.timer)
		t.resume()
	}
}

func (t *Task) mustRun(call string) {
	if t.kernel.current != t {
		panic("sim: " + call + " of a task that does not run")
	}
}

// resume switches to the task until it parks or ends.
func (t *Task) resume() {
	k := t.kernel
	cause := k.cause
	k.current, k.cause = t, t.timer.source
	t.state = running
	t.next()
	k.current, k.cause = nil, cause
}

// pause switches back to the kernel.
func (t *Task) pause(s state) {
	t.state = s
	if !t.yield(struct{}{}) {
		t.state = running
		panic(unwound{})
	}
}

// body is the life of the coroutine: one piece of work after the other.
func (t *Task) body(yield func(struct{}) bool) {
	t.yield = yield
	for {
		t.work()
		if t.kernel.closed {
			return
		}
		t.kernel.idle = append(t.kernel.idle, t)
		if !yield(struct{}{}) {
			return
		}
	}
}

// work runs the function and takes its panic.
func (t *Task) work() {
	k := t.kernel
	defer func() {
		handler := t.handler
		if !t.daemon {
			k.live--
		}
		t.fn, t.handler, t.daemon, t.state = nil, nil, false, idle
		r := recover()
		if r == nil || k.closed {
			return
		}
		p := k.newPanic(t.timer.source, r)
		if handler == nil {
			k.Halt(p)
			return
		}
		handler(p)
	}()
	t.fn(t)
}
