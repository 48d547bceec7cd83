package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// State is a look into a worker, for tests, traces and people.
type State struct {
	// Published tells whether a state was published for the present
	// container; Unknown and Healthy say which.
	Published, Unknown, Healthy bool
	// RunClass and Run are the class (Success, Failure, or NoClass when empty)
	// and the length of the present run of equal results, up to the threshold.
	RunClass probes.Class
	Run      int32
	// Attempt and Try number the attempt and try in flight; when InFlight is
	// false Attempt is the last one and Try is 0.
	InFlight     bool
	Attempt, Try int32
	// Stale tells that the container of the attempt in flight is gone.
	Stale bool
	// Running, OnHold, GateClosed and Ended tell why there may be no attempts.
	Running, OnHold, GateClosed, Ended bool
	// Triggered tells that a manual trigger waits.
	Triggered bool
	// NextTick is the next tick of the worker's ticker that has not been
	// taken; in the past it waits for the end of the attempt in flight, or
	// for a Wake.
	NextTick time.Duration
}

// State describes the worker as of its last step.
func (w *Worker) State() State {
	s := State{
		Published: w.state != unset, Unknown: w.state == unknown, Healthy: w.state == healthy,
		RunClass: w.run.class(), Run: w.run.length,
		InFlight: w.inFlight(), Attempt: w.attempt, Try: w.try, Stale: w.stale && w.inFlight(),
		Running: w.running, OnHold: w.onHold, Ended: !w.alive,
		GateClosed: w.running && w.cfg.StartupGate && w.cfg.Kind != probes.Startup && !w.passed,
		Triggered:  w.triggered, NextTick: w.tick.next,
	}
	return s
}

// String draws the state on one line, as in "healthy run=F2 tick=30s held".
func (s State) String() string {
	var b strings.Builder
	switch {
	case !s.Published:
		b.WriteString("unset")
	case s.Unknown:
		b.WriteString("unknown")
	case s.Healthy:
		b.WriteString("healthy")
	default:
		b.WriteString("unhealthy")
	}
	if s.Run > 0 {
		fmt.Fprintf(&b, " run=%c%d", s.RunClass.Letter(), s.Run)
	}
	if s.InFlight {
		fmt.Fprintf(&b, " in-flight=%d.%d", s.Attempt, s.Try)
	}
	if !s.Ended {
		fmt.Fprintf(&b, " tick=%v", s.NextTick)
	}
	for _, f := range []struct {
		is   bool
		name string
	}{
		{!s.Running, "no-container"},
		{s.OnHold, "held"},
		{s.GateClosed, "gated"},
		{s.Stale, "stale"},
		{s.Triggered, "triggered"},
		{s.Ended, "ended"},
	} {
		if f.is {
			b.WriteString(" " + f.name)
		}
	}
	return b.String()
}

// class names the class of the run.
func (s *streak) class() probes.Class {
	switch {
	case s.length == 0:
		return probes.NoClass
	case s.passed:
		return probes.Success
	default:
		return probes.Failure
	}
}
