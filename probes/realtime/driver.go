// Package realtime runs probe workers against real machines: package engine
// decides, this package keeps the time and makes the tries. It is the only
// part of probes with goroutines: one for each try in flight, none for an idle
// worker.
//
// Time is a [clock.Clock]: clock.New() in production, a Mock in tests of what
// stands on this package. The simulator does not stand on it.
package realtime

import (
	"context"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// Try makes one try of an attempt and returns its result. It bounds itself by
// the probe's timeout; ctx ends when its handle or the driver stops, and then
// the result no longer matters. A panic loses the whole attempt and nothing
// else (PANIC-CONTINUE).
type Try func(ctx context.Context, attempt, try int32) probes.Result

// Update tells what a worker did.
type Update struct {
	// At is the instant since the start of the driver.
	At time.Duration
	// Handle is the worker.
	Handle *Handle
	// Action is what it did. StartTry is reported before the try begins.
	Action engine.Action
	// Result is that of the last try when Action is AttemptFinished or what
	// follows from it; its message is empty for a lost attempt.
	Result probes.Result
}

// Driver runs workers. Its methods, and those of its handles, may be called
// from any goroutine.
type Driver struct {
	ctx    context.Context // of every try
	cancel context.CancelFunc
	clock  clock.Clock
	start  time.Time
	notify func(Update)

	mu      sync.Mutex
	closed  bool
	handles map[*Handle]struct{}
}

// New returns a driver that lives until Close, or until ctx is done. Updates
// of one worker come in order and one at a time; those of different workers
// may come at once. notify may call the methods of handles and Add, but must
// not wait for Close or Handle.Done. A nil notify hears nothing.
func New(ctx context.Context, clk clock.Clock, notify func(Update)) *Driver {
	if notify == nil {
		notify = func(Update) {}
	}
	d := &Driver{clock: clk, start: clk.Now(), notify: notify, handles: map[*Handle]struct{}{}}
	d.ctx, d.cancel = context.WithCancel(ctx)
	return d
}

// Now is the time since the start of the driver.
func (d *Driver) Now() time.Duration { return d.clock.Since(d.start) }

// Instant turns a reading of the driver's clock into time since its start, for
// Handle.ContainerStarted.
func (d *Driver) Instant(t time.Time) time.Duration { return t.Sub(d.start) }

// Add begins a worker now. It errs when the configuration is invalid, or with
// context.Canceled (by errors.Is) when the driver is closed.
func (d *Driver) Add(cfg engine.Config, try Try) (*Handle, error) {
	return d.AddSince(cfg, try, d.Now())
}

// AddSince is Add for a worker that began at an instant of the driver, now or
// before: its ticks follow from there. A kubelet's worker begins with its pod,
// some time before the container does.
func (d *Driver) AddSince(cfg engine.Config, try Try, began time.Duration) (*Handle, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Handle{driver: d, try: try, worker: engine.NewWorker(cfg, min(began, d.Now())), done: make(chan struct{})}
	if err := d.register(h); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unhook = context.AfterFunc(h.ctx, h.Stop)
	return h, nil
}

func (d *Driver) register(h *Handle) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return context.Canceled
	}
	if err := d.ctx.Err(); err != nil {
		return err
	}
	h.ctx, h.cancel = context.WithCancel(d.ctx)
	d.handles[h] = struct{}{}
	return nil
}

// Close stops every worker, cancels the tries in flight and waits until they
// have returned: afterwards there are no goroutines and no updates.
func (d *Driver) Close() {
	d.mu.Lock()
	d.closed = true
	open := make([]*Handle, 0, len(d.handles))
	for h := range d.handles {
		open = append(open, h)
	}
	d.mu.Unlock()
	for _, h := range open {
		h.Stop()
	}
	d.cancel()
	for _, h := range open {
		<-h.done
	}
}

// forget is called with the lock of the handle held.
func (d *Driver) forget(h *Handle) {
	d.mu.Lock()
	delete(d.handles, h)
	d.mu.Unlock()
}
