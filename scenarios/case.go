package scenarios

import (
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Case is one run: a scenario in one profile with one binding of its "vary"
// values. It is plain data; testbeds run it, judges judge it.
type Case struct {
	Scenario     string // kebab-case name
	Title        string
	File         string // where it came from, for reports
	Line         int    // of the Scenario document
	Digest       string // "sha256:..." of the file's bytes
	Profile      probes.Profile
	Vary         []Binding // sorted by name
	Requirements []string
	Features     []string
	Kills        []string
	Until        time.Duration
	ProberAge    time.Duration
	Proxy        string // "host:port" that the prober's environment names as a proxy; empty: none
	VMs          []VM   // in the order of the manifests
	Faults       []Fault
	Events       []Event
	Let          []Let // in dependency order
	Expect       map[string]*Expectation
	Rejected     []Rejected // not empty: the manifests must be rejected
	Findings     []WantFinding
}

// ID is "scenario[name=value,...]@profile", unique in a suite and stable.
func (c *Case) ID() string { return c.Name() + "@" + string(c.Profile.Name) }

// Name is the part of the ID that the cases of all profiles share.
func (c *Case) Name() string {
	var vary []string
	for _, b := range c.Vary {
		vary = append(vary, b.Name+"="+b.Value)
	}
	id := c.Scenario
	if vary != nil {
		id += "[" + strings.Join(vary, ",") + "]"
	}
	return id
}

// Binding is one value of a "vary" name.
type Binding struct{ Name, Value string }

// VM is one virtual machine (or pod) of a case.
type VM struct {
	Name string
	// Machine is the manifest as admitted; Resolved its probes in the profile.
	Machine  *spec.Machine
	Resolved spec.Resolved
	// DomainDelay is the time from container start to guest boot.
	DomainDelay time.Duration
	// Program counts from the start of the run, EveryBoot from each boot;
	// an endpoint is in one of them.
	Program, EveryBoot fakevm.Program
}

// FaultKind names a fault.
type FaultKind string

// The faults of the language.
const (
	Partition  FaultKind = "partition"
	RefuseAll  FaultKind = "refuse"
	ResetAll   FaultKind = "reset"
	Delay      FaultKind = "delay"
	Loss       FaultKind = "loss"
	HalfOpen   FaultKind = "halfOpen"
	Bandwidth  FaultKind = "bandwidth"
	CloseFails FaultKind = "closeFails"
	HideDomain FaultKind = "hideDomain"
	AgentLock  FaultKind = "agentLock"
	AgentCode  FaultKind = "agentCode"
)

// Fault is a window in which something between prober and guest is broken.
type Fault struct {
	At, For        time.Duration // For < 0: until the end
	As             string
	Kind           FaultKind
	Sides          []string // one VM, or the two sides of a partition
	By             time.Duration
	Percent        int
	BytesPerSecond int64
	Code           string
}

// EventKind names something that happens to a VM or to the prober.
type EventKind string

// The events of the language.
const (
	PauseVM       EventKind = "pause"
	UnpauseVM     EventKind = "unpause"
	SuspendIO     EventKind = "suspendIO"
	Snapshot      EventKind = "snapshot"
	Migrate       EventKind = "migrate"
	DeleteVMI     EventKind = "delete"
	Annotate      EventKind = "annotate"
	TriggerSync   EventKind = "trigger"
	RestartProber EventKind = "restartProber"
	StepClock     EventKind = "stepClock"
	StopContainer EventKind = "stopContainer"
	PanicAttempt  EventKind = "panic"
)

// Event is one entry of "events".
type Event struct {
	At, For, Every time.Duration
	As             string
	Kind           EventKind
	VM             string
	Value          string        // annotate
	By             time.Duration // stepClock
	Result         string        // migrate: succeeded (default) or failed
}

// Let is one named formula.
type Let struct {
	Name string
	Expr Formula
}

// Expectation is what must be true of one VM. Nil or empty pointers are not
// asserted.
type Expectation struct {
	Ready, Endpoints *History
	Live             *[]LiveFailure
	Restarts         *Restarts
	Phase            *[]PhaseChange
	Attempts         map[probes.Kind][]ClassRun
	Tries            map[probes.Kind][]CountRun
	Events           []EventCount
	Requests         []RequestCount
	Kills            *[]KillStep
}

// Window is an interval of instants; both edges are inclusive. After is an
// exact instant instead.
type Window struct {
	Lo, Hi Formula
	After  Formula
	Pos    Pos

	fixed  bool // neither edge hangs on the run
	lo, hi time.Duration
}

// Source is the window as the author wrote it.
func (w *Window) Source() string {
	if !w.After.IsZero() {
		return "after " + w.After.Text
	}
	return "[" + w.Lo.Text + ", " + w.Hi.Text + "]"
}

// Pos is a place in a scenario file.
type Pos = diag.Pos

// History is a complete history of a boolean.
type History struct {
	Initial bool
	Changes []Change
	Pos     Pos
}

// Change is one transition.
type Change struct {
	To bool
	Window
}

// LiveFailure is a liveness verdict on the n-th instance.
type LiveFailure struct {
	Instance int32
	Window
}

// Restarts lists new instances after liveness failures.
type Restarts struct {
	Windows []Window
	More    bool
}

// PhaseChange is one VMI phase; the first may have no window.
type PhaseChange struct {
	To     string
	HasWin bool
	Window
}

// ClassRun is "S x3", "F" or "E ..." (Times 0: any number, also none).
type ClassRun struct {
	Class probes.Class
	Times int
}

// CountRun is the same for numbers.
type CountRun struct {
	N     int32
	Times int
}

// EventCount bounds the number of cluster events with a reason.
type EventCount struct {
	Reason, Contains string
	Min, Max         int // Max < 0: no bound
	Pos              Pos
}

// RequestCount bounds what an endpoint saw.
type RequestCount struct {
	Endpoint string
	Min, Max int
	Pos      Pos
}

// KillStep is one step of a termination.
type KillStep struct {
	With string
	Window
}

// Rejected is a required rejection of the manifests.
type Rejected struct {
	Message string
	Pos     Pos
}

// WantFinding is a required finding.
type WantFinding struct {
	Requirement, Contains string
	Pos                   Pos
}
