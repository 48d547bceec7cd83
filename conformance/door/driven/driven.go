// Package driven puts our engine around the handler of a prober that needs
// goroutines, package time or an http.Transport, and so a bubble: the engine
// decides when to try and what follows, the handler makes one try.
//
//	func TestHandler(t *testing.T) {
//		conformance.Test(t, driven.By(try), conformance.ClockSteps())
//	}
//
// A handler that needs none of these is put to the test some ten times faster by
// conformance.TestTry.
package driven

import (
	"context"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/realtime"
)

// Request asks for one try.
type Request struct {
	Probe *door.Probe
	// Address is the IP address of the pod.
	Address string
	// Instance is the number of the container; Attempt counts from 1 in the
	// life of the Probe, Try in the attempt.
	Instance, Attempt, Try int32
}

// Try makes a try. The deadline of ctx is the timeout of the probe.
type Try func(ctx context.Context, r Request) probes.Result

// Ours makes the try by our own handler; for kinds that a Try does not know.
func (r Request) Ours() probes.Result { return r.Probe.Try(r.Instance, r.Attempt, r.Try) }

// By is a factory for the Go door.
func By(try Try) func() door.Prober {
	return func() door.Prober { return &prober{try: try, panics: map[string]bool{}} }
}

// prober is our own prober as it is for real machines: goroutines, timers of
// clock.New() and connections, of package realtime.
type prober struct {
	try Try

	mu     sync.Mutex
	panics map[string]bool // by VM: the next try panics
}

// Probe implements door.Prober.
func (o *prober) Probe(ctx context.Context, p *door.Probe) {
	r := &runner{prober: o, p: p}
	d := realtime.New(context.Background(), clock.New(), r.notify)
	defer d.Close()
	jitter := time.Duration(0)
	if p.Resumed { // so that the state of the pod is known before the first check
		jitter = p.Spec.Period / 2
	}
	h, err := d.Add(engine.Config{
		StartJitter: jitter,
		Kind:        p.Spec.Kind, InitialDelay: p.Spec.InitialDelay, Period: p.Spec.Period,
		FailureThreshold: p.Spec.FailureThreshold, SuccessThreshold: p.Spec.SuccessThreshold,
		Tries: p.Profile.Tries, StartupGate: p.StartupGate, Resume: p.Resumed,
	}, r.make)
	if err != nil {
		panic(err)
	}
	for {
		select {
		case <-ctx.Done():
			r.finish(h)
			return
		case e := <-p.Events():
			r.hear(d, h, e)
		}
	}
}

// runner is the work of one Probe.
type runner struct {
	prober *prober
	p      *door.Probe

	mu       sync.Mutex
	address  string
	instance int32 // of the container
	tried    int32 // of the attempt
	trying   bool
	gone     bool // the pod
}

func (r *runner) hear(d *realtime.Driver, h *realtime.Handle, e door.Event) {
	switch e.Kind {
	case door.ContainerStarted:
		r.mu.Lock()
		r.instance, r.address = e.Instance, e.Address
		r.mu.Unlock()
		h.ContainerStarted(d.Instant(e.Started))
		if e.Passed {
			h.StartupPassed()
		}
	case door.ContainerStopped:
		r.gone = !e.WillRestart
		h.ContainerStopped(e.WillRestart)
	case door.StartupPassed:
		h.StartupPassed()
	case door.Terminating:
		h.Terminating()
	case door.Sync:
		h.Trigger()
	case door.ClockStepped:
		h.ClockStepped(e.By)
	case door.Panic:
		r.prober.mu.Lock()
		r.prober.panics[r.p.VM] = true
		r.prober.mu.Unlock()
	}
}

// finish hears what is still to be told, and lets an attempt of a pod that is
// gone come to its end: the law does not cancel it.
func (r *runner) finish(h *realtime.Handle) {
	for {
		r.mu.Lock()
		trying := r.trying
		r.mu.Unlock()
		if !r.gone || !trying {
			break
		}
		time.Sleep(time.Second)
	}
	h.Stop()
}

func (r *runner) notify(u realtime.Update) {
	r.mu.Lock()
	instance := r.instance
	switch u.Action.Kind {
	case engine.StartTry:
		if r.trying = true; u.Action.Try == 1 {
			r.tried = instance
		}
	case engine.AttemptFinished:
		r.trying = false
	default:
	}
	tried := r.tried
	r.mu.Unlock()
	switch u.Action.Kind {
	case engine.StartTry:
		r.p.Report(door.TryStarted{Instance: tried, Attempt: u.Action.Attempt, Try: u.Action.Try})
	case engine.Publish:
		r.p.Report(door.State{Instance: instance, Healthy: u.Action.Healthy, Unknown: u.Action.Unknown})
	case engine.LivenessFailed:
		r.p.Report(door.Failed{Instance: instance})
	default:
	}
}

// make makes a try and tells how it ended.
func (r *runner) make(ctx context.Context, number, try int32) probes.Result {
	r.prober.mu.Lock()
	panics := r.prober.panics[r.p.VM]
	delete(r.prober.panics, r.p.VM)
	r.prober.mu.Unlock()
	r.mu.Lock()
	req := Request{Probe: r.p, Address: r.address, Instance: r.tried, Attempt: number, Try: try}
	r.mu.Unlock()
	report := door.TryFinished{Instance: req.Instance, Attempt: number, Try: try}
	if panics {
		report.Class, report.Panicked = probes.Errored, true
		r.p.Report(report)
		panic("as the story wants")
	}
	ctx, cancel := context.WithTimeout(ctx, r.p.Spec.Timeout)
	defer cancel()
	result := r.prober.try(ctx, req)
	report.Class, report.Message = result.Class, result.Message
	report.Again = result.Class == probes.Errored && try < r.p.Profile.Tries
	r.p.Report(report)
	return result
}
