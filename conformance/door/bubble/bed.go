package bubble

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/desk"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Bed is a testbed for probers written in Go. Factory is needed.
type Bed struct {
	// Tool is the version written into traces.
	Tool string
	// Factory makes a prober, in the bubble, for each run and each restart of
	// the prober.
	Factory func() door.Prober
	// Lacks says why the prober cannot be put through a case; empty, or nil:
	// it can.
	Lacks func(*scenarios.Case) string
	// ClockSteps: the prober hears of steps of the wall clock by
	// door.ClockStepped. Otherwise cases with one are not run.
	ClockSteps bool
	// Outside: the prober tells of no tries; its runs are judged by what the
	// guests and the cluster saw (trace.ViewWire). So is, in any case, a run in
	// which guests were asked and no try was told of.
	Outside bool
	// Patience is how long, of real time, the bubble may stand still before
	// it counts as stuck; default DefaultPatience.
	Patience time.Duration
	// Farewell is how much virtual time a prober may take to end; default
	// DefaultFarewell.
	Farewell time.Duration
	// Hook, if not nil, is called in the bubble before each run with the way
	// into the network, and what it returns when the run is over: for
	// probers with a dialer of their own.
	Hook func(Dial) (unhook func())
}

// Dial connects to "address:port" of the simulated network, from any
// goroutine of the bubble.
type Dial = door.Dial

// The defaults of a Bed.
const (
	DefaultPatience = 30 * time.Second
	DefaultFarewell = time.Hour
)

// noClock is why some cases are not run.
const noClock = "the clock of a bubble cannot be set, and the prober does not ask to be told"

// Name implements testbed.Testbed.
func (Bed) Name() string { return "bubble" }

// Unsupported implements testbed.Testbed.
func (b Bed) Unsupported(c *scenarios.Case) string {
	steps := slices.ContainsFunc(c.Events, func(e scenarios.Event) bool { return e.Kind == scenarios.StepClock })
	if steps && !b.ClockSteps {
		return noClock
	}
	if b.Lacks == nil {
		return ""
	}
	return b.Lacks(c)
}

// Run implements testbed.Testbed. Errors are a *Stuck, a *Leak, or what went
// wrong in the world.
func (b Bed) Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	r := &run{bed: b, ctx: ctx, c: c, seed: seed, done: make(chan error, 1)}
	go r.enter()
	err := r.watch()
	if err != nil {
		return nil, fmt.Errorf("run %s with seed %d in a bubble: %w", c.ID(), seed, err)
	}
	return desk.Seen(r.trace, b.Outside), nil
}

// run is one run, in a bubble of its own.
type run struct {
	bed      Bed
	ctx      context.Context
	c        *scenarios.Case
	seed     uint64
	progress atomic.Uint64
	root     atomic.Pointer[string] // name of the bubble, as stacks show it
	done     chan error
	trace    *trace.Trace
	err      error
}

// enter makes the bubble. The T is nobody's: what package synctest needs of
// one is its name, and a failed test of the vendor's is not ours to fail. A
// goroutine that is left when the first one of the bubble returns, or a bubble
// in which nothing can ever happen, is a panic here.
func (r *run) enter() {
	defer func() {
		if v := recover(); v != nil {
			r.err = errors.Join(r.err, &Leak{Reason: fmt.Sprint(v), Goroutines: r.goroutines(nil)})
		}
		r.done <- r.err
	}()
	synctest.Test(&testing.T{}, func(*testing.T) { r.inside() })
}

// inside is the life of the bubble.
func (r *run) inside() {
	name := bubbleOf(ownStack())
	r.root.Store(&name)
	clock := newClock(&r.progress)
	w := newWorld(clock, r.bed.Factory)
	if r.bed.Hook != nil {
		defer r.bed.Hook(w.dial)()
	}
	bed := simbed.Bed{Tool: r.bed.Tool, Bare: true, Door: w.door, Clock: clock.run}
	clock.mu.Lock()
	r.trace, r.err = bed.Run(r.ctx, r.c, r.seed)
	clock.end()
	w.farewell()
	clock.mu.Unlock()
	r.wait(w)
}

// farewell tells the prober that all is over.
func (w *world) farewell() {
	w.ended = true
	if w.process != nil {
		w.process.kill()
	}
	for n := range w.conns {
		_ = n.end()
	}
}

// wait gives the prober some virtual time to end; whoever is left afterwards
// makes package synctest panic.
func (r *run) wait(w *world) {
	farewell := r.bed.Farewell
	if farewell <= 0 {
		farewell = DefaultFarewell
	}
	late := false
	t := time.AfterFunc(farewell, func() {
		w.clock.mu.Lock()
		late = true
		w.empty.Broadcast()
		w.clock.mu.Unlock()
	})
	defer t.Stop()
	w.clock.mu.Lock()
	for w.alive > 0 && !late {
		r.progress.Add(1)
		w.empty.Wait()
	}
	w.clock.mu.Unlock()
	if !late {
		time.Sleep(time.Second) // for goroutines that Probe has left to end by themselves
	}
}
