package guestagent

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Rules lets a try deviate from the law, one decision a field: the tool of
// those who must prove that a wrong prober is noticed. Nil Rules, and the zero
// value, are the law. A try in production has none.
type Rules struct {
	// ConnectedPasses asks nothing of an agent that has opened its end (GA-CMD).
	ConnectedPasses bool
	// SyncPasses takes the answer to guest-sync for that of the ping (GA-CMD).
	SyncPasses bool
	// ErrorPasses takes any reply for a success (GA-FAIL-MAP).
	ErrorPasses bool
	// NeedsEmptyReturn inspects the value of "return" (GA-CMD).
	NeedsEmptyReturn bool
	// PingCommand is asked for instead of guest-ping; empty: the law (GA-CMD,
	// GA-FREEZE).
	PingCommand string
	// AsksWhenPaused asks the agent of a domain that does not run (GA-ORDER).
	AsksWhenPaused bool
	// NeverSyncs sends no guest-sync at all (GA-SYNC).
	NeverSyncs bool
	// NeverResyncs sends none after a timeout (GA-SYNC).
	NeverResyncs bool
	// AnyID takes any answer to a guest-sync (GA-SYNC).
	AnyID bool
	// AsksOnce gives up at the first line of a sync that is no JSON (GA-SYNC).
	AsksOnce bool
	// ForgetsGarbage does not let an error of the channel stick (GA-GARBAGE).
	ForgetsGarbage bool
	// IgnoresGarbage passes over lines that no agent may send (GA-GARBAGE).
	IgnoresGarbage bool
	// NoReplyLimit reads a line without end (GA-GARBAGE).
	NoReplyLimit bool
	// EventReplies takes an event for a reply (GA-FRAMING).
	EventReplies bool
	// NoLock talks to the agent beside other commands (GA-SINGLE-FLIGHT).
	NoLock bool
	// LockAtOnce does not wait for the job lock (GA-SINGLE-FLIGHT).
	LockAtOnce bool
	// LockBusyPasses takes a busy agent for a healthy one (GA-SINGLE-FLIGHT).
	LockBusyPasses bool

	// SuppressAnyCode suppresses every error, not the two eligible ones
	// (GA-SUPPRESS-MIG, GA-SUPPRESS-PAUSE).
	SuppressAnyCode bool
	// SuppressInvalid adds OPERATION_INVALID to the eligible codes
	// (GA-SUPPRESS-GAP).
	SuppressInvalid bool
	// SuppressKilled suppresses a ping that the kubelet has killed
	// (GA-SUPPRESS-LATE).
	SuppressKilled bool
	// SuppressRunning suppresses whatever the state of the domain
	// (GA-SUPPRESS-PAUSE).
	SuppressRunning bool
	// SuppressAnyReason suppresses for every reason of a pause
	// (GA-SUPPRESS-PAUSE).
	SuppressAnyReason bool
	// SuppressSleep suppresses for a domain suspended to RAM
	// (GA-SUPPRESS-PAUSE).
	SuppressSleep bool
	// SuppressForGood goes on suppressing when pause or migration is over
	// (GA-SUPPRESS-MIG).
	SuppressForGood bool
	// SuppressExec suppresses errors of exec, too (EX-NOT-SUPPRESSED).
	SuppressExec bool
	// SuppressedDiscarded makes a suppressed failure an error
	// (GA-SUPPRESSED-COUNTS).
	SuppressedDiscarded bool
	// GoneSurfaces does not suppress for a domain that is gone
	// (GA-SUPPRESS-PAUSE).
	GoneSurfaces bool
	// AnnotationContacts pings although probes are paused (GA-PAUSE-ANNOT).
	AnnotationContacts bool
	// AnnotationPausesExec makes exec a success, too, while agent probes are
	// paused (GA-PAUSE-ANNOT).
	AnnotationPausesExec bool
	// NoEvent records no GuestAgentPingFailed (GA-EVENT).
	NoEvent bool
	// AlwaysEvent records it for suppressed failures, too (GA-EVENT).
	AlwaysEvent bool

	// WrapsTwice wraps a command that is one of virt-probe already (EX-MAP-KV).
	WrapsTwice bool
	// ExecPatience multiplies how long a command may run; 0: once (EX-POLL-KV).
	ExecPatience int
	// PollsOnce asks for the status of a command once (EX-POLL-KV).
	PollsOnce bool
	// AnyOutput takes output that is no base64 (EX-BASE64).
	AnyOutput bool
	// NoOutputLimit keeps all of the output (EX-OUTPUT).
	NoOutputLimit bool
	// Shell runs the words of the command by a shell (EX-NO-SHELL).
	Shell bool
	// StartedPasses takes a command that has started for a success (EX-EXIT0).
	StartedPasses bool
	// FailFrom is the least exit code that fails; 0: one (EX-EXIT0).
	FailFrom int
	// WholeExit looks at more than eight bits of an exit code
	// (EX-EXITCODE-MOD).
	WholeExit bool
	// SignalFails fails for a command that a signal has ended (EX-SIGNAL-KV).
	SignalFails bool
	// Escapes writes the words of a command as JSON (EX-JSON-INJECT).
	Escapes bool
}

func (r *Rules) ping() []byte {
	if r != nil && r.PingCommand != "" {
		return []byte(`{"execute":"` + r.PingCommand + `"}` + "\n")
	}
	return pingCommand
}

// runs tells whether a domain may be asked.
func (r *Rules) runs(st Status) bool {
	return st.State == Running || r != nil && r.AsksWhenPaused
}

// late tells whether a ping that was killed passes.
func (t *Target) late(st Status) bool {
	return t.Rules != nil && t.Rules.SuppressKilled && t.suppressed(st, AgentUnresponsive)
}

// quote is a word inside the JSON of a command.
func (r *Rules) quote(word string) string {
	if r == nil || !r.Escapes {
		return `"` + word + `"`
	}
	text, err := json.Marshal(word)
	if err != nil { // a string can always be written
		panic(err)
	}
	return string(text)
}

// mask is what is left of an exit code.
func (r *Rules) mask(code int64, signal int) int {
	switch {
	case r == nil:
	case r.SignalFails && signal != 0:
		return 1
	case r.WholeExit && code != 0:
		return 1
	}
	return int(code & 0xff)
}

func (r *Rules) jobWait() time.Duration {
	if r != nil && r.LockAtOnce {
		return 0
	}
	return JobWait
}

func (r *Rules) connectedPasses() bool { return r != nil && r.ConnectedPasses }
func (r *Rules) errorPasses() bool     { return r != nil && r.ErrorPasses }
func (r *Rules) neverSyncs() bool      { return r != nil && r.NeverSyncs }
func (r *Rules) neverResyncs() bool    { return r != nil && r.NeverResyncs }
func (r *Rules) noLock() bool          { return r != nil && r.NoLock }
func (r *Rules) forgetsGarbage() bool  { return r != nil && r.ForgetsGarbage }

// returns tells whether a reply is one that passes.
func (r *Rules) returns(name string, line []byte) bool {
	return r == nil || !r.NeedsEmptyReturn || name != "guest-ping" || strings.Contains(strings.ReplaceAll(string(line), " ", ""), `"return":{}`)
}

// reads is what a line is taken for.
func (r *Rules) reads(kind lineKind, line []byte) lineKind {
	switch {
	case r == nil:
	case r.IgnoresGarbage && (kind == notJSON || kind == malformed):
		return ignored
	case r.EventReplies && kind == ignored && strings.Contains(string(line), `"event"`):
		return reply
	}
	return kind
}

func (r *Rules) responseLimit() int {
	if r != nil && r.NoReplyLimit {
		return math.MaxInt
	}
	return maxResponse
}

func (r *Rules) accepts(want, got uint64) bool { return want == got || r != nil && r.AnyID }

func (r *Rules) patience(timeout time.Duration) time.Duration {
	if r != nil && r.ExecPatience > 0 {
		return timeout * time.Duration(r.ExecPatience)
	}
	return timeout
}

func (r *Rules) pollsOnce() bool { return r != nil && r.PollsOnce }
func (r *Rules) anyOutput() bool { return r != nil && r.AnyOutput }

func (r *Rules) clip(b []byte) string {
	if r != nil && r.NoOutputLimit {
		return string(b)
	}
	return clipOutput(b)
}

// argv is the command that is run.
func (r *Rules) argv(law []string) []string {
	if r != nil && r.Shell {
		return []string{"/bin/sh", "-c", strings.Join(law, " ")}
	}
	return law
}

// exits is the exit code as it is judged.
func (r *Rules) exits(code int) int {
	if r != nil && code < r.FailFrom {
		return 0
	}
	return code
}

// pingEnds is the result of a ping under Rules; done is false when the law
// decides.
func (t *Target) pingEnds(st Status, err *Error) (result probes.Result, done bool) {
	r := t.Rules
	switch {
	case r == nil || err == nil:
		return result, false
	case r.LockBusyPasses && err.Code == OperationTimeout,
		r.AnnotationContacts && t.Profile.PauseAnnotation && st.ProbesPaused:
		return probes.Result{Class: probes.Success}, true
	case r.SuppressedDiscarded && t.suppressed(st, err.Code):
		return probes.Result{Class: probes.Errored, Message: err.Error()}, true
	}
	return result, false
}

// eligible tells whether a code may be suppressed.
func (t *Target) eligible(code Code) bool {
	return code == AgentUnresponsive || code == NoDomain || t.SuppressInvalid && code == OperationInvalid ||
		t.Rules != nil && (t.Rules.SuppressAnyCode || t.Rules.SuppressInvalid && code == OperationInvalid)
}

// latch remembers a window of suppression that never ends.
func (t *Target) latch(st Status) bool {
	if t.Rules == nil || !t.Rules.SuppressForGood {
		return false
	}
	t.latched = t.latched || st.Migrating || st.State == Paused
	return t.latched
}

// excused tells whether the state of the domain excuses an error under Rules.
func (r *Rules) excused(st Status) bool {
	return r != nil && (r.SuppressRunning || r.SuppressSleep && st.State == PMSuspended ||
		r.SuppressAnyReason && st.State == Paused)
}

// execPasses tells whether an exec is a success whatever happens in the guest.
func (t *Target) execPasses(st Status) bool {
	r := t.Rules
	return r != nil && (r.AnnotationPausesExec && t.Profile.PauseAnnotation && st.ProbesPaused ||
		r.SuppressExec && (st.Migrating || st.State == Paused))
}
