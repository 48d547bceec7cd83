package loopback

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// env is what a try sees of the real world.
type env struct {
	ctx   context.Context //nolint:containedctx // of the run: its end ends every dial
	start func(func(guestagent.Env))
}

func (e *env) Now() time.Time { return time.Now() }

func (e *env) SleepUntil(t time.Time) {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.ctx.Done():
	}
}

// Dial opens a connection. A timeout is os.ErrDeadlineExceeded.
func (e *env) Dial(address string, deadline time.Time) (net.Conn, error) {
	d := net.Dialer{Deadline: deadline, KeepAlive: -1}
	c, err := d.DialContext(e.ctx, "tcp", address)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	return c, err
}

func (e *env) Go(fn func(guestagent.Env)) { e.start(fn) }

func (e *env) Mutex() guestagent.Mutex { return newLock() }

// lock is a FIFO lock with deadlines that one goroutine may take and another
// open.
type lock struct {
	mu      sync.Mutex
	held    bool
	waiters []chan struct{}
}

func newLock() *lock { return &lock{} }

// Lock implements guestagent.Mutex.
func (l *lock) Lock(deadline time.Time) bool {
	l.mu.Lock()
	if !l.held {
		l.held = true
		l.mu.Unlock()
		return true
	}
	mine := make(chan struct{})
	l.waiters = append(l.waiters, mine)
	l.mu.Unlock()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-mine:
		return true
	case <-timer.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := slices.Index(l.waiters, mine); at >= 0 {
		l.waiters = slices.Delete(l.waiters, at, at+1)
		return false
	}
	return true // it was handed over at the last moment
}

// Unlock implements guestagent.Mutex.
func (l *lock) Unlock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiters) == 0 {
		l.held = false
		return
	}
	close(l.waiters[0])
	l.waiters = l.waiters[1:]
}
