// Package lanes arranges a run as lanes of time: what each guest endpoint did,
// which faults there were, each attempt of each probe, what became of the VM,
// and what was expected. It is the one analysis behind every picture of a run:
// the timeline in text and the one in HTML draw the same lanes.
package lanes

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Picture is a run as lanes. It is plain data: nothing in it points into the
// trace, and it survives JSON.
type Picture struct {
	// End is the length of the run; every instant lies in [0, End].
	End time.Duration
	VMs []VM // in the order of the case
}

// VM has the lanes of one VM, from cause to effect.
type VM struct {
	Name  string
	Lanes []Lane
}

// Kind says what a lane shows.
type Kind string

// The kinds of lanes, from cause to effect.
const (
	Guest     Kind = "guest"     // Spans: each step of the script of one endpoint
	Fault     Kind = "fault"     // Spans: one, Text its kind
	Paused    Kind = "paused"    // Spans
	Migration Kind = "migration" // Spans
	Probe     Kind = "probe"     // Attempts
	Ready     Kind = "ready"     // Spans: On tells whether the VM is Ready
	Live      Kind = "live"      // Spans: containers, Text their number when there are several; Marks
	Expect    Kind = "expect"    // Spans: windows, On tells to which value; Text is "ready" or "live"
)

// Lane is one line of a picture.
type Lane struct {
	Kind     Kind
	Name     string    // "http/8080", "readiness", "ready"
	Spans    []Span    `json:",omitempty"`
	Attempts []Attempt `json:",omitempty"`
	Marks    []Mark    `json:",omitempty"`
}

// Span is something that lasts.
type Span struct {
	From, To time.Duration // From <= To
	Text     string        `json:",omitempty"`
	On       bool          `json:",omitempty"`
}

// Attempt is one attempt of a probe.
type Attempt struct {
	Start, End time.Duration
	Ended      bool // false: no result within the run, and End has no meaning
	Class      probes.Class
}

// Event names what a mark stands for.
type Event string

// The marks of a live lane.
const (
	Killed         Event = "killed"
	LivenessFailed Event = "liveness failed"
)

// Mark is something that happens at an instant.
type Mark struct {
	At   time.Duration
	What Event
}

// Of arranges a run of the case.
func Of(c *scenarios.Case, t *trace.Trace) *Picture {
	a := analysis{run: history.New(c, t), windows: judge.Windows(c, t)}
	p := &Picture{End: a.run.End}
	for _, v := range a.run.VMs {
		p.VMs = append(p.VMs, VM{Name: v.Name, Lanes: a.vm(v)})
	}
	return p
}
