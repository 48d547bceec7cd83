package history

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Never is the instant of what did not happen within the run.
const Never = time.Duration(math.MaxInt64)

// NoEvent is the index of an event that is not there.
const NoEvent = -1

// Run is a trace arranged for judging.
type Run struct {
	Case   *scenarios.Case
	Events []trace.Event
	View   trace.View
	Wall   bool // it took place in wall time
	// End is the last instant that is judged: the case's until.
	End time.Duration
	VMs []*VM // in the order of the case
	// world holds the events without a VM.
	world marks
}

// Mark is one event of a VM with its place in the trace.
type Mark struct {
	*trace.Event
	Index int
}

// VM is what happened to one VM.
type VM struct {
	Name       string
	Spec       *scenarios.VM
	Containers []*Container // in the order of their starts
	marks      marks
	// Strays are attempts of instances that never started.
	Strays []*Attempt
}

// Container is one instance of a VM: a container from its start to its end.
type Container struct {
	Instance   int32
	Start      time.Duration
	Stop       time.Duration // Never while it runs
	StartEvent int
	StopEvent  int    // NoEvent while it runs
	Side       string // "source" or "target" of a migration, else empty
	Stints     []*Stint
}

// Stint is the work of one probe on one container.
type Stint struct {
	VM        *VM
	Container *Container
	Probe     *probes.Probe
	Attempts  []*Attempt
	States    []Mark // probe-state
	Verdicts  []Mark // liveness-failed
}

// Attempt is one attempt of a probe.
type Attempt struct {
	Number     int32
	Start, End time.Duration // End is Never when it did not end
	Class      probes.Class
	Tries      []Try
	StartEvent int
	EndEvent   int // NoEvent when it did not end
}

// Try is one try of an attempt.
type Try struct {
	Number     int32
	Start, End time.Duration // End is Never when it did not end
	Class      probes.Class
	StartEvent int
	EndEvent   int // NoEvent when it did not end
}

// Ended tells whether the attempt came to a result.
func (a *Attempt) Ended() bool { return a.EndEvent != NoEvent }

// Ended tells whether the try came to a result.
func (t *Try) Ended() bool { return t.EndEvent != NoEvent }

// Of returns the events of that kind in order. Those that begin and end
// attempts and their tries are left to Attempts.
func (v *VM) Of(k trace.Kind) []Mark { return v.marks.of(k) }

// Of returns the events of that kind that are of no VM, in order.
func (r *Run) Of(k trace.Kind) []Mark { return r.world.of(k) }

// Container returns the container of that instance, nil when it never
// started.
func (v *VM) Container(instance int32) *Container {
	for _, c := range v.Containers {
		if c.Instance == instance {
			return c
		}
	}
	return nil
}

// Stints returns the work of a kind of probe over all containers.
func (v *VM) Stints(k probes.Kind) []*Stint {
	var list []*Stint
	for _, c := range v.Containers {
		if s := c.Stint(k); s != nil {
			list = append(list, s)
		}
	}
	return list
}

// Attempts returns all attempts of a kind of probe in the order of their
// ends; unfinished ones are last. The list is not to be changed.
func (v *VM) Attempts(k probes.Kind) []*Attempt {
	var list []*Attempt
	for _, c := range v.Containers {
		s := c.Stint(k)
		switch {
		case s == nil:
		case list == nil:
			list = slices.Clip(s.Attempts)
		default:
			list = append(list, s.Attempts...)
		}
	}
	byEnd := func(a, b *Attempt) int { return cmp.Compare(a.End, b.End) }
	if !slices.IsSortedFunc(list, byEnd) {
		list = slices.Clone(list)
		slices.SortStableFunc(list, byEnd)
	}
	return list
}

// Probe returns the VM's probe of that kind, nil when it has none.
func (v *VM) Probe(k probes.Kind) *probes.Probe {
	for i := range v.Spec.Resolved.Probes {
		if p := &v.Spec.Resolved.Probes[i]; p.Kind == k {
			return p
		}
	}
	return nil
}

// Migrates tells whether the story moves the VM.
func (v *VM) Migrates() bool { return len(v.Of(trace.MigrationStarted)) > 0 }

// Stint returns the work of that kind of probe, nil when the VM has none.
func (c *Container) Stint(k probes.Kind) *Stint {
	for _, s := range c.Stints {
		if s.Probe.Kind == k {
			return s
		}
	}
	return nil
}

// VM returns the VM of that name, nil when the case has none.
func (r *Run) VM(name string) *VM {
	for _, v := range r.VMs {
		if v.Name == name {
			return v
		}
	}
	return nil
}
