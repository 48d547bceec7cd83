package realtime

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

// Env is what a try sees of the real world: an attempt.Env and a
// guestagent.Env. It reads the system's clock.
type Env struct {
	ctx   context.Context //nolint:containedctx // of the tries: its end ends every dial and sleep
	start func(func(guestagent.Env))
	dial  Dial
}

// Dial opens a TCP connection until the deadline of the context.
type Dial func(ctx context.Context, address string) (net.Conn, error)

// NewEnv is the world until ctx ends. start runs what outlives a try, in a
// goroutine of its own.
func NewEnv(ctx context.Context, start func(func(guestagent.Env))) *Env {
	return NewEnvOn(ctx, sockets, start)
}

// NewEnvOn is NewEnv on another network than that of the system.
func NewEnvOn(ctx context.Context, dial Dial, start func(func(guestagent.Env))) *Env {
	return &Env{ctx, start, dial}
}

// sockets dials with the sockets of the system.
func sockets(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	return d.DialContext(ctx, "tcp", address)
}

// Done is closed when the world of the tries ends.
func (e *Env) Done() <-chan struct{} { return e.ctx.Done() }

// Now implements guestagent.Env.
func (e *Env) Now() time.Time { return time.Now() }

// SleepUntil implements guestagent.Env.
func (e *Env) SleepUntil(t time.Time) {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.ctx.Done():
	}
}

// Dial opens a connection. A timeout is os.ErrDeadlineExceeded.
func (e *Env) Dial(address string, deadline time.Time) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(e.ctx, deadline)
	defer cancel()
	c, err := e.dial(ctx, address)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	return c, err
}

// Go implements guestagent.Env.
func (e *Env) Go(fn func(guestagent.Env)) { e.start(fn) }

// Mutex implements guestagent.Env.
func (e *Env) Mutex() guestagent.Mutex { return NewMutex() }

// NewMutex makes a lock for those who ask a guest agent.
func NewMutex() guestagent.Mutex { return &lock{} }

// lock is a FIFO lock with deadlines that one goroutine may take and another
// open.
type lock struct {
	mu      sync.Mutex
	held    bool
	waiters []chan struct{}
}

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
