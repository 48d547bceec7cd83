// Package kernel puts functions to the test that wait through what they are
// given alone: a dialer, a RoundTripper, Now and Sleep. They run as tasks of the
// simulator's kernel, on the calling goroutine, some ten times faster than in a
// bubble.
//
// A [Try] makes one try of a probe; our engine decides when, and what follows. A
// [Worker] is a whole prober: it makes a probe of a container from its start to
// its end, and reports what it finds.
//
// What does not work here is whatever needs another goroutine or package time:
// http.Transport, a Timeout of an http.Client, context.WithTimeout (there is
// Env.WithTimeout), select on a timer. The deadline of a try is that of the
// context given.
package kernel

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door/desk"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Try makes one try of a probe. The deadline of ctx is the timeout of the
// probe, in virtual time.
type Try func(ctx context.Context, e *Env, p *probes.Probe) probes.Result

// Bed is a testbed for a Try or a Worker: one of them is needed.
type Bed struct {
	// Tool is the version written into traces.
	Tool   string
	Try    Try
	Worker Worker
	// Lacks says why the Worker cannot be put through a case; empty, or nil: it
	// can.
	Lacks func(*scenarios.Case) string
	// Outside: the Worker tells of no tries; its runs are judged by what the
	// guests and the cluster saw. So is, in any case, a run in which guests were
	// asked and no try was told of.
	Outside bool
	// Handlers that Try can make; the others are made by our own. Default
	// httpGet and tcpSocket.
	Handlers []probes.Handler
	// Patience is how long, of real time, the function may run without a wait;
	// default DefaultPatience.
	Patience time.Duration
}

// DefaultPatience of a Bed.
const DefaultPatience = 30 * time.Second

// ErrStuck says that a function waits for something that is no part of the
// simulation, or never ends.
var ErrStuck = errors.New("the function under test does not give way: it waits for something outside of the simulation, or never ends")

// Name implements testbed.Testbed.
func (Bed) Name() string { return "kernel" }

// Unsupported implements testbed.Testbed: for a Try, every case can be
// expressed.
func (b Bed) Unsupported(c *scenarios.Case) string {
	if b.Worker == nil {
		return ""
	}
	for _, e := range c.Events {
		if reason := unable[e.Kind]; reason != "" {
			return reason
		}
	}
	if b.Lacks == nil {
		return ""
	}
	return b.Lacks(c)
}

// Run implements testbed.Testbed.
func (b Bed) Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	if b.Handlers == nil {
		b.Handlers = []probes.Handler{probes.HTTPGet, probes.TCPSocket}
	}
	r := &runner{bed: b, done: make(chan error, 1)}
	go func() {
		var err error
		bed := simbed.Bed{Tool: b.Tool, Bare: true, Door: r.door}
		r.trace, err = bed.Run(ctx, c, seed)
		r.done <- err
	}()
	if err := r.watch(); err != nil {
		return nil, err
	}
	if b.Worker == nil {
		return r.trace, nil
	}
	return desk.Seen(r.trace, b.Outside), nil
}

type runner struct {
	bed      Bed
	g        *simbed.Ground
	progress atomic.Uint64 // odd: inside of the function
	done     chan error
	trace    *trace.Trace
}

func (r *runner) door(g *simbed.Ground) (simbed.Prober, error) {
	r.g = g
	if r.bed.Worker != nil {
		return &workers{run: r}, nil
	}
	return g.Ours(r)
}

// panicked makes a panic of the function an error of the case.
func (r *runner) panicked(what string) func(*sim.Panic) {
	return func(p *sim.Panic) { r.g.Fail(fmt.Errorf("the %s panicked: %w\n%s", what, p, p.Stack)) }
}

// Try implements prober.Tryer.
func (r *runner) Try(req prober.Request, done func(probes.Result)) {
	if !slices.Contains(r.bed.Handlers, req.Probe.Handler) {
		r.g.Try(req, done)
		return
	}
	r.g.Kernel().Go(req.Actor, func(t *sim.Task) {
		t.Recover(r.panicked("try"))
		e := r.env(t, req.Name, req.Instance)
		ctx := deadline{context.Background(), e, e.Now().Add(req.Probe.Timeout)}
		r.progress.Add(1)
		result := r.bed.Try(ctx, e, req.Probe)
		r.progress.Add(1)
		done(result)
	})
}

// env is the world of a function that runs in a task, for a container.
func (r *runner) env(t *sim.Task, vm string, instance int32) *Env {
	return &Env{
		Address: r.g.Address(vm, instance), Profile: &r.g.Case().Profile,
		run: r, task: t, vm: vm, instance: instance,
	}
}

// wait is around everything that parks the task.
func (r *runner) wait(park func()) {
	r.progress.Add(1)
	defer r.progress.Add(1)
	park()
}

// watch waits for the end of the run, in real time.
func (r *runner) watch() error {
	patience := r.bed.Patience
	if patience <= 0 {
		patience = DefaultPatience
	}
	tick := time.NewTicker(max(patience/10, time.Millisecond))
	defer tick.Stop()
	seen, since := uint64(0), time.Now()
	for {
		select {
		case err := <-r.done:
			return err
		case <-tick.C:
		}
		if n := r.progress.Load(); n != seen || n%2 == 0 {
			seen, since = n, time.Now()
			continue
		}
		if time.Since(since) >= patience {
			buf := make([]byte, 1<<20)
			return fmt.Errorf("%w (for %v). All goroutines:\n\n%s", ErrStuck, patience, buf[:runtime.Stack(buf, true)])
		}
	}
}
