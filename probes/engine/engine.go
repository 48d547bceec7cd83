// Package engine is the worker behind one probe of one container: a pure
// state machine with the semantics of the kubelet's prober (semantics 1.2 and
// 1.3). It has no clock, no I/O, no goroutine and no randomness: the caller
// tells it what happened and when, and does what it says.
//
// The same machine is stepped by the simulator, by the byte-free model, by
// the lockstep door and, through package realtime, by wall time.
package engine

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Config fixes what a worker needs to know of its probe.
type Config struct {
	Kind             probes.Kind
	InitialDelay     time.Duration // >= 0, from the start of the container
	Period           time.Duration // > 0
	FailureThreshold int32         // >= 1
	SuccessThreshold int32         // >= 1
	Tries            int32         // tries of an attempt while Errored; >= 1
	// StartJitter delays the first check of the worker; in [0, Period).
	// Only a prober younger than one period jitters (TIM-START-JITTER).
	StartJitter time.Duration
	// StartupGate makes readiness and liveness wait for the startup probe
	// (STARTUP-GATE).
	StartupGate bool
	// Resume tells that the prober process itself started with this worker.
	// A container that started more than ResumeGrace before keeps the state
	// that it had: its initial state is not published (PROBER-RESTART).
	Resume bool
	// Rules deviate from the law; nil in every prober that means well.
	Rules *Rules
}

// ResumeGrace is how long before the prober process a container must have
// started for its initial state to be left alone (PROBER-RESTART).
const ResumeGrace = 10 * time.Second

// EventKind says what happened to a worker.
type EventKind uint8

// The events of a worker. Step accepts any event at any time; one that makes
// no sense in the present state changes nothing.
const (
	// Wake says that WakeAt has come.
	Wake EventKind = iota
	// ContainerStarted gives a new container, started at Event.At.
	ContainerStarted
	// ContainerStopped says that the container is not running; WillRestart
	// tells whether the same worker will see another one.
	ContainerStopped
	// TryFinished answers the last StartTry with Event.Class.
	TryFinished
	// Trigger asks for an unscheduled readiness run; whether one may be asked
	// for is the caller's business (the kubelet asks on every pod sync while
	// the container is not ready). Other kinds ignore it (TIM-READY-MANUAL).
	Trigger
	// Terminating says that the pod is being deleted (TERM-LIVENESS-OFF).
	Terminating
	// StartupPassed opens the startup gate of the present container. It keeps
	// a startup worker itself from probing a container that passed under an
	// earlier prober process.
	StartupPassed
	// ClockStepped moves the wall clock by Event.By; only the initial delay
	// is measured on it (TIM-DELAY-ONCE).
	ClockStepped
	// TryPanicked says that the last StartTry panicked: the attempt is lost
	// without a result and without further tries, and probing goes on
	// (PANIC-CONTINUE).
	TryPanicked
)

// Event is one input.
type Event struct {
	Kind EventKind
	// At tells when the container started. It may lie before the step. The
	// kubelet's own copy is cut to whole seconds of wall time; a caller that
	// wants its first attempt up to a second early cuts At likewise.
	At          time.Duration
	By          time.Duration // ClockStepped: by how much, may be negative
	Class       probes.Class  // TryFinished
	WillRestart bool          // ContainerStopped
}

// ActionKind says what the caller has to do.
type ActionKind uint8

// The actions of a worker.
const (
	// StartTry starts try Action.Try of attempt Action.Attempt; the caller
	// answers with TryFinished.
	StartTry ActionKind = iota + 1
	// AttemptFinished reports the class of the whole attempt, for the trace.
	// A lost attempt (TryPanicked) is reported as Errored: its result is
	// thrown away alike.
	AttemptFinished
	// Publish sets the state of the probe to Action.Healthy. It is emitted
	// only when the state changes or a container is new (STATE-INIT).
	Publish
	// LivenessFailed asks for the container to be killed. It follows the
	// Publish of a liveness or startup failure.
	LivenessFailed
)

// Action is one output.
type Action struct {
	Kind    ActionKind
	Class   probes.Class // AttemptFinished
	Healthy bool         // Publish
	// Unknown marks the Publish of a startup probe that has no verdict yet
	// (STATE-INIT); Healthy is false then.
	Unknown bool
	Attempt int32 // numbered from 1 in the life of the worker; not with Publish
	Try     int32 // numbered from 1 in the attempt; of AttemptFinished, the last one
}

// Actions holds the outputs of one step, in order, without allocation. The
// longest list has three: AttemptFinished, Publish, then LivenessFailed or the
// StartTry of a latched tick.
type Actions struct {
	list [3]Action
	n    int32
}

// All returns the actions in order.
func (a *Actions) All() []Action { return a.list[:a.n] }

// add appends an action of a kind. Its fields are set in place, which is cheaper
// than to build it elsewhere and copy it.
func (a *Actions) add(kind ActionKind) *Action {
	one := &a.list[a.n]
	a.n++
	one.Kind = kind
	return one
}

// addTry appends an action that concerns a try.
func (a *Actions) addTry(kind ActionKind, attempt, try int32) *Action {
	one := a.add(kind)
	one.Attempt, one.Try = attempt, try
	return one
}
