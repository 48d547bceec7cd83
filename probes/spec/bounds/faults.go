package bounds

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Mode names a way of failing.
type Mode string

// The ways of failing that handlers tell apart.
const (
	Hang      Mode = "hang"      // accepts the request and never answers
	Blackhole Mode = "blackhole" // packets vanish: paused guest, firewall DROP
	Refusal   Mode = "refusal"   // connection refused or reset
	BadStatus Mode = "badStatus" // HTTP status outside 200..399
	BodyStall Mode = "bodyStall" // good status, body never ends
	AgentHung Mode = "agentHung" // channel open, no reply
	AgentGone Mode = "agentGone" // not installed, stopped, not connected
	AgentErr  Mode = "agentError"
	ExitCode  Mode = "exitCode" // command exits with another status than 0
)

// Title is the mode in words.
func (m Mode) Title() string {
	switch m {
	case Hang:
		return "hang (no answer)"
	case Blackhole:
		return "packets lost, paused"
	case Refusal:
		return "refused or reset"
	case BadStatus:
		return "bad status (4xx, 5xx)"
	case BodyStall:
		return "body never ends"
	case AgentHung:
		return "agent hung"
	case AgentGone:
		return "agent absent"
	case AgentErr:
		return "agent error reply"
	case ExitCode:
		return "exit status not 0"
	}
	return string(m)
}

// Modes lists the ways in which a target of the handler can fail, in the order
// of reports.
func Modes(h probes.Handler) []Mode {
	switch h {
	case probes.HTTPGet:
		return []Mode{Hang, Blackhole, Refusal, BadStatus, BodyStall}
	case probes.TCPSocket:
		return []Mode{Hang, Blackhole, Refusal}
	case probes.GuestAgentPing:
		return []Mode{AgentHung, AgentGone, AgentErr}
	case probes.Exec:
		return []Mode{Hang, ExitCode, AgentGone}
	case probes.NoHandler:
	}
	return nil
}

// FaultOf computes one way of failing.
func FaultOf(p probes.Probe, profile probes.Profile, mode Mode) Fault {
	f := attempt(p, profile, mode)
	f.Mode = mode
	f.Detected = f.Class == probes.Failure
	if unresolved(p) {
		f.Class, f.Attempt, f.Detected = probes.Errored, Window{}, false
		f.Requirement, f.Note = "VAL-NAMED-PORT", "the port does not resolve: every attempt is an error and is discarded"
	}
	if f.Detected {
		f.Detect = Detect(p, f.Attempt)
		f.Recover = Recover(p, f.Attempt)
		f.RecoverEarliest = f.Recover.Lo
		if p.Kind == probes.Readiness {
			f.RecoverEarliest = 0
		}
	}
	return f
}

// unresolved tells whether no attempt can even be made.
func unresolved(p probes.Probe) bool {
	var port probes.Port
	switch p.Handler {
	case probes.HTTPGet:
		port = p.HTTP.Port
	case probes.TCPSocket:
		port = p.TCP.Port
	case probes.NoHandler, probes.GuestAgentPing, probes.Exec:
		return false
	}
	return port.Number < 1 || port.Number > 65535
}

func attempt(p probes.Probe, profile probes.Profile, mode Mode) Fault {
	switch p.Handler {
	case probes.HTTPGet:
		return httpAttempt(p, profile, mode)
	case probes.TCPSocket:
		return tcpAttempt(p, mode)
	case probes.GuestAgentPing:
		return agentAttempt(p, profile, mode)
	case probes.Exec:
		return execAttempt(p, profile, mode)
	case probes.NoHandler:
	}
	return Fault{}
}

func exactly(d time.Duration) Window { return Window{Lo: d, Hi: d} }

func httpAttempt(p probes.Probe, profile probes.Profile, mode Mode) Fault {
	switch mode {
	case Hang, Blackhole:
		return Fault{Class: probes.Failure, Attempt: exactly(p.Timeout), Requirement: "HTTP-TIMEOUT-SCOPE"}
	case Refusal:
		return Fault{Class: probes.Failure, Requirement: "HTTP-CONN-FAIL"}
	case BodyStall:
		if profile.StatusDecides {
			return Fault{
				Class: probes.Success, Attempt: Window{Hi: p.Timeout}, Requirement: "HTTP-BODY-ERROR",
				Note: "the status alone decides",
			}
		}
		return Fault{
			Class: probes.Errored, Attempt: exactly(times(max(profile.Tries, 1), p.Timeout)),
			Requirement: "HTTP-BODY-ERROR", Note: "an error, not a failure: discarded, even behind a 500",
		}
	default:
		return Fault{Class: probes.Failure, Requirement: "HTTP-STATUS-RANGE"}
	}
}

func tcpAttempt(p probes.Probe, mode Mode) Fault {
	switch mode {
	case Hang:
		return Fault{
			Class: probes.Success, Requirement: "TCP-POST-CONNECT-IRRELEVANT",
			Note: "the guest's kernel still accepts connections",
		}
	case Blackhole:
		return Fault{Class: probes.Failure, Attempt: exactly(p.Timeout), Requirement: "TCP-FAIL"}
	default:
		return Fault{Class: probes.Failure, Requirement: "TCP-FAIL"}
	}
}

func agentAttempt(p probes.Probe, profile probes.Profile, mode Mode) Fault {
	switch mode {
	case AgentHung:
		f := Fault{Class: probes.Failure, Attempt: exactly(p.Timeout), Requirement: "GA-TIMEOUT-KUBELET"}
		if profile.AgentInner > 0 {
			outer := p.Timeout + profile.ExecOuterExtra
			f.Attempt = Window{Lo: min(profile.AgentInner, outer), Hi: min(2*profile.AgentInner, outer)}
			f.Requirement = "GA-TIMEOUT-INNER"
		}
		return f
	default:
		return Fault{Class: probes.Failure, Requirement: "GA-FAIL-MAP"}
	}
}

func execAttempt(p probes.Probe, profile probes.Profile, mode Mode) Fault {
	inGuest := profile.ExecOuterExtra > 0
	switch mode {
	case Hang:
		f := Fault{
			Class: probes.Failure, Attempt: exactly(p.Timeout), Requirement: "EX-TIMEOUT",
			Note: "the command is not killed and may pile up",
		}
		if inGuest {
			// EX-POLL-KV gives up near 1.1 T; the kubelet kills at T+1.
			f.Attempt.Hi = min(p.Timeout+p.Timeout/5, p.Timeout+profile.ExecOuterExtra)
		}
		return f
	case AgentGone:
		if !inGuest {
			return Fault{
				Class: probes.Errored, Requirement: "EX-ERR",
				Note: "not a guest agent here: a command that cannot be started is an error and is discarded",
			}
		}
		return Fault{Class: probes.Failure, Requirement: "EX-EXIT0"}
	default:
		f := Fault{Class: probes.Failure, Requirement: "EX-EXIT0"}
		if inGuest {
			f.Attempt.Hi = p.Timeout / 10 // EX-POLL-KV: asked at once, then every T*100 ms
		}
		return f
	}
}
