// Package guestagent makes one try of a guestAgentPing or exec probe the way
// KubeVirt does: the kubelet runs virt-probe, virt-probe asks virt-launcher,
// virt-launcher asks libvirt, libvirt talks to the QEMU guest agent over one
// persistent serial channel (semantics 1.6 and 1.7).
//
// framing.go cuts the byte stream into messages, channel.go holds libvirt's
// connection of one domain, exchange.go is one agent command from job lock to
// reply, ping.go and exec.go are virt-launcher and the kubelet around it.
//
// The kubelet kills virt-probe at T+1 s but the call inside virt-launcher goes
// on and keeps libvirt's job lock (GA-TIMEOUT-KUBELET, GA-SINGLE-FLIGHT). So a
// command is a small state machine that blocks up to an instant; when the
// kubelet's patience ends first, the rest of it moves to a task of its own.
package guestagent

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Env is the world of the agent's clients: tasks of a simulator or
// goroutines.
type Env interface {
	// Now is the present instant on the clock of the deadlines.
	Now() time.Time
	// SleepUntil parks the caller.
	SleepUntil(t time.Time)
	// Mutex makes an open lock.
	Mutex() Mutex
	// Go runs fn in a task of its own with that task's Env. It is called for
	// what outlives the try: the rest of a command whose virt-probe was
	// killed.
	Go(fn func(Env))
}

// Mutex is a lock of an Env. Waiters are served in the order of their coming.
type Mutex interface {
	// Lock waits for the lock until the deadline and tells whether it was
	// taken. An open lock is taken whatever the deadline.
	Lock(deadline time.Time) bool
	// Unlock opens it. It may be called by another task than the one that
	// locked: a command can change tasks while it holds the lock. So
	// "owner" must not be decided by task identity, and a Lock that timed
	// out must say false even if the same task locked before.
	Unlock()
}

// Domain is the libvirt domain behind a virt-launcher.
type Domain interface {
	// Name is "<namespace>_<name>", as virt-probe is told.
	Name() string
	// Status is the present state; it is asked again at each check.
	Status() Status
	// PingFailed tells that virt-launcher records a GuestAgentPingFailed
	// event (GA-EVENT; KubeVirt >= 1.9). It may come after the try has
	// ended, from another task.
	PingFailed(message string)
}

// Status is what the checks of GA-ORDER look at.
type Status struct {
	// SocketGone: virt-launcher's command socket cannot be dialled.
	SocketGone bool
	// ProbesPaused is the annotation kubevirt.io/pause-guest-agent-probes as
	// virt-launcher last saw it, already parsed as a boolean (GA-PAUSE-ANNOT).
	ProbesPaused bool
	// LibvirtDown: virt-launcher has no connection to libvirt.
	LibvirtDown bool
	// Exists: libvirt knows the domain. Active: it runs.
	Exists, Active bool
	State          RunState
	Reason         PauseReason // when State is Paused
	// StateUnknown: asking for the state fails.
	StateUnknown bool
	// Migrating: StartTimestamp is set and EndTimestamp is not
	// (GA-SUPPRESS-MIG).
	Migrating bool
	// NoAgentDevice: the domain has no agent channel at all.
	NoAgentDevice bool
	// Forced makes libvirt answer every agent command with this code; 0: it
	// does not. For fault injection (GA-SUPPRESS-GAP).
	Forced Code
}

// RunState is virDomainState.
type RunState uint8

// The states of a domain.
const (
	NoState RunState = iota
	Running
	Blocked
	Paused
	ShuttingDown
	ShutOff
	Crashed
	PMSuspended
)

// PauseReason is virDomainPausedReason.
type PauseReason uint8

// The reasons for a pause, with libvirt's numbers.
const (
	PausedUnknown PauseReason = iota
	PausedUser
	PausedMigration
	PausedSave
	PausedDump
	PausedIOError
	PausedWatchdog
	PausedFromSnapshot
	PausedShuttingDown
	PausedSnapshot
	PausedCrashed
	PausedStartingUp
	PausedPostcopy
	PausedPostcopyFailed
	PausedAPIError
)

// Healthy tells whether virt-launcher takes a domain paused for this reason
// for a healthy one (GA-SUPPRESS-PAUSE).
func (r PauseReason) Healthy() bool {
	switch r {
	case PausedUser, PausedMigration, PausedSave, PausedDump, PausedFromSnapshot,
		PausedShuttingDown, PausedSnapshot, PausedStartingUp, PausedPostcopy:
		return true
	case PausedUnknown, PausedIOError, PausedWatchdog, PausedCrashed, PausedPostcopyFailed, PausedAPIError:
	}
	return false
}

// Container runs commands in the container: exec in the kubernetes profile.
type Container interface {
	// Exec runs argv until the deadline. An error that is
	// os.ErrDeadlineExceeded is a timeout, any other error means that the
	// command could not be started (EX-ERR).
	Exec(argv []string, deadline time.Time) (exit int, output []byte, err error)
}

// Target is what is tried again and again.
type Target struct {
	Probe   *probes.Probe
	Profile *probes.Profile
	// Container is where exec runs when the profile is not one of VMs.
	Container Container
	// SuppressInvalid adds OPERATION_INVALID to the errors that are
	// suppressed: what KubeVirt seems to intend (GA-SUPPRESS-GAP), not what
	// it does. Default false.
	SuppressInvalid bool
	// Rules deviate from the law; nil in every prober that means well.
	Rules *Rules
	// Replies remembers what lines of the agent mean; nil: nothing does.
	Replies *Replies

	latched bool // see Rules.SuppressForGood
}

// Try makes one try of a guestAgentPing or exec probe. Domain and channel may
// be nil for exec in a container.
func Try(env Env, d Domain, ch *Channel, t *Target) probes.Result {
	switch t.Probe.Handler {
	case probes.GuestAgentPing:
		return Ping(env, d, ch, t)
	case probes.Exec:
		return Exec(env, d, ch, t)
	case probes.NoHandler, probes.HTTPGet, probes.TCPSocket:
	}
	return probes.Result{
		Class:   probes.Errored,
		Message: "missing probe handler: " + t.Probe.Handler.String() + " is no agent handler",
	}
}

// waits are the time limits of a try.
type waits struct {
	cut   time.Time     // the kubelet kills virt-probe
	inner time.Duration // libvirt's wait for each step
	limit time.Time     // the end of everything inside; far unless the profile has no inner timeout
}

// far is later than any deadline.
var far = time.Unix(1<<40, 0)

// limits computes the time limits of a try that starts now; extra is what the
// kubelet waits beyond the timeout. Without libvirt's
// own timeout the probe's timeout ends the call inside too, so nothing
// outlives the try (profile openshift-doc).
func (t *Target) limits(now time.Time, extra time.Duration) waits {
	timeout := t.Probe.Timeout
	if t.Profile.AgentInner == 0 {
		return waits{cut: far, inner: timeout, limit: now.Add(timeout)}
	}
	return waits{cut: now.Add(timeout + extra), inner: t.Profile.AgentInner, limit: far}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
