package mutants

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/sim/platform"
)

func agent() []Mutant {
	return []Mutant{
		{"agent-connected-is-success", "GA-CMD", "an agent that has opened its end is healthy, asked or not", "semantics 2.37", byAgent(guestagent.Rules{ConnectedPasses: true})},
		{"agent-sync-is-success", "GA-CMD", "the answer to guest-sync is taken for the ping", "libvirt's own agent checks", byAgent(guestagent.Rules{SyncPasses: true})},
		{"agent-error-is-success", "GA-FAIL-MAP", "any reply is a success, errors too", "semantics 2.38", byAgent(guestagent.Rules{ErrorPasses: true})},
		{"agent-inspects-return", "GA-CMD", "the value of return has to be empty", "semantics 1.6", byAgent(guestagent.Rules{NeedsEmptyReturn: true})},
		{"agent-failure-is-discarded", "GA-FAIL-MAP", "a failed ping is the prober's own error", "gRPC errors passed up", byResult(probes.GuestAgentPing, probes.Failure, probes.Errored)},
		{"agent-timeout-is-success", "GA-TIMEOUT-KUBELET", "a virt-probe that is killed for its time passes", "suite 2.5", byResult(probes.GuestAgentPing, probes.Failure, probes.Success, "timed out")},
		{"agent-absent-is-success", "GA-FAIL-MAP", "a VM without an agent is not judged by it", "redhatci collection PR 1055", byResult(probes.GuestAgentPing, probes.Failure, probes.Success, "not connected", "not configured")},
		{"agent-never-syncs", "GA-SYNC", "no guest-sync is sent", "semantics 2.39", byAgent(guestagent.Rules{NeverSyncs: true})},
		{"agent-no-resync-after-timeout", "GA-STALE", "a late reply answers the next ping", "semantics 2.39", byAgent(guestagent.Rules{NeverResyncs: true})},
		{"agent-accepts-any-sync-id", "GA-SYNC", "a guest-sync is answered by any number", "semantics 2.40", byAgent(guestagent.Rules{AnyID: true})},
		{"agent-forgets-garbage", "GA-GARBAGE", "an error of the channel is forgotten with the command", "semantics 2.41", byAgent(guestagent.Rules{ForgetsGarbage: true})},
		{"agent-ignores-garbage", "GA-GARBAGE", "lines that no agent may send are passed over", "a lenient parser", byAgent(guestagent.Rules{IgnoresGarbage: true})},
		{"agent-unbounded-reply", "GA-GARBAGE", "a line without end is read for ever", "semantics 2.42", byAgent(guestagent.Rules{NoReplyLimit: true})},
		{"agent-event-is-reply", "GA-FRAMING", "an event is taken for the reply", "semantics 2.43", byAgent(guestagent.Rules{EventReplies: true})},
		{"agent-inner-timeout-is-t", "GA-TIMEOUT-INNER", "libvirt waits as long as timeoutSeconds says", "semantics 2.44", byProfile(func(p *probes.Profile) {
			if p.AgentInner > 0 {
				p.AgentInner = time.Minute
			}
		})},
		{"agent-inner-timeout-short", "GA-TIMEOUT-INNER", "libvirt waits one second", "wrong constant", byProfile(func(p *probes.Profile) {
			if p.AgentInner > 0 {
				p.AgentInner = time.Second
			}
		})},
		{"agent-killed-at-t", "GA-TIMEOUT-KUBELET", "virt-probe is killed at T, not at T+1", "semantics 2.45", byProfile(func(p *probes.Profile) { p.ExecOuterExtra = 0 })},
		{"agent-killed-late", "GA-TIMEOUT-KUBELET", "virt-probe is killed at T+5", "virt-probe's RPC deadline", byProfile(func(p *probes.Profile) {
			if p.ExecOuterExtra > 0 {
				p.ExecOuterExtra = 5 * time.Second
			}
		})},
		{"agent-concurrent-commands", "GA-SINGLE-FLIGHT", "commands on one channel run beside each other", "semantics 2.46", byAgent(guestagent.Rules{NoLock: true})},
		{"agent-busy-is-success", "GA-SINGLE-FLIGHT", "an agent that others keep busy is healthy", "kubevirt PR 16777", byAgent(guestagent.Rules{LockBusyPasses: true})},
		{"agent-busy-fails-at-once", "GA-SINGLE-FLIGHT", "a ping does not wait for its turn", "a lock that is tried once", byAgent(guestagent.Rules{LockAtOnce: true})},
		{"agent-no-failure-event", "GA-EVENT", "a failed ping leaves no event", "kubevirt before 1.9", byAgent(guestagent.Rules{NoEvent: true})},
		{"agent-events-when-suppressed", "GA-EVENT", "a suppressed failure leaves an event", "event recorded before the check", byAgent(guestagent.Rules{AlwaysEvent: true})},
		{"agent-pings-by-exec", "GA-FREEZE", "the agent is asked by a command that a freeze forbids", "semantics 2.53", byAgent(guestagent.Rules{PingCommand: "guest-exec"})},
		{"agent-asks-paused-domain", "GA-ORDER", "the state of the domain is not looked at before the agent is asked", "semantics 1.6", byAgent(guestagent.Rules{AsksWhenPaused: true})},
		{"agent-optional", "GA-PREREQ", "a VM without an agent counts as healthy", "redhatci collection PR 1055", byResult(probes.GuestAgentPing, probes.Failure, probes.Success, "not connected", "not configured")},
		{"agent-over-network", "GA-CMD", "the ping is replaced by a TCP handshake on port 22", "suite 2.5", byProbe(func(p *probes.Probe) {
			if p.Handler == probes.GuestAgentPing {
				p.Handler, p.TCP = probes.TCPSocket, probes.TCPTarget{Port: probes.Port{Number: 22}}
			}
		})},
	}
}

func suppression() []Mutant {
	return []Mutant{
		{"suppress-every-error", "GA-SUPPRESS-PAUSE", "every error is suppressed, not the two that are eligible", "semantics 2.47", byAgent(guestagent.Rules{SuppressAnyCode: true})},
		{"suppress-every-error-migrating", "GA-SUPPRESS-MIG", "every error is suppressed during a migration", "semantics 2.47", byAgent(guestagent.Rules{SuppressAnyCode: true})},
		{"suppress-never-ends", "GA-SUPPRESS-MIG", "suppression goes on when the migration has ended", "semantics 2.48", byAgent(guestagent.Rules{SuppressForGood: true})},
		{"suppress-after-pause", "GA-SUPPRESS-PAUSE", "suppression goes on when the VM is unpaused", "a flag that nobody resets", byAgent(guestagent.Rules{SuppressForGood: true})},
		{"suppress-running", "GA-SUPPRESS-PAUSE", "errors of a running domain are suppressed", "semantics 2.49", byAgent(guestagent.Rules{SuppressRunning: true})},
		{"suppress-io-error-pause", "GA-SUPPRESS-PAUSE", "every reason of a pause is a healthy one", "kubevirt PR 17667", byAgent(guestagent.Rules{SuppressAnyReason: true})},
		{"suppress-sleeping-guest", "GA-SUPPRESS-PAUSE", "a guest suspended to RAM counts as a healthy pause", "semantics 2.107", byAgent(guestagent.Rules{SuppressSleep: true, SuppressAnyCode: true})},
		{"no-pause-suppression", "GA-SUPPRESS-PAUSE", "a paused VM is killed for its silent agent", "semantics 2.50", byProfile(func(p *probes.Profile) { p.SuppressPause = false })},
		{"no-migration-suppression", "GA-SUPPRESS-MIG", "a migrating VM is killed for its silent agent", "kubevirt PR 17235", byProfile(func(p *probes.Profile) { p.SuppressMigration = false })},
		{"suppressed-is-discarded", "GA-SUPPRESSED-COUNTS", "a suppressed failure counts as nothing instead of a success", "semantics 1.6", byAgentResult()},
		{"suppress-operation-invalid", "GA-SUPPRESS-GAP", "a domain that is not running is excused, as was intended", "kubevirt#18769", byAgent(guestagent.Rules{SuppressInvalid: true})},
		{"suppress-before-the-kill", "GA-SUPPRESS-LATE", "a virt-probe that was killed is excused, too", "semantics 1.6", byAgent(guestagent.Rules{SuppressKilled: true})},
		{"gone-domain-surfaces", "GA-SUPPRESS-PAUSE", "a domain that is not found is a failure although it may be moving", "kubevirt PR 17806", byAgent(guestagent.Rules{GoneSurfaces: true})},
		{"annotation-ignored", "GA-PAUSE-ANNOT", "the annotation that pauses agent probes is not known", "kubevirt before 1.9", byProfile(func(p *probes.Profile) { p.PauseAnnotation = false })},
		{"annotation-still-pings", "GA-PAUSE-ANNOT", "paused probes contact the agent and ignore its answer", "semantics 2.51", byAgent(guestagent.Rules{AnnotationContacts: true})},
		{"annotation-pauses-exec", "GA-PAUSE-ANNOT", "the annotation pauses exec probes, too", "semantics 2.52", byAgent(guestagent.Rules{AnnotationPausesExec: true})},
		{"annotation-any-value", "GA-PAUSE-ANNOT", "the presence of the annotation is enough, whatever its value", "strings where booleans are meant", byPlatform(platform.Rules{AnyAnnotation: true})},
		{"annotation-never-ends", "GA-PAUSE-ANNOT", "a removed annotation still pauses", "a cache of truths", byPlatform(platform.Rules{AnnotationStays: true})},
		{"annotation-in-legacy", "GA-PAUSE-ANNOT", "the annotation works where nobody knows it", "a feature without its gate", byProfile(func(p *probes.Profile) { p.PauseAnnotation = p.VM })},
	}
}

// byAgentResult discards a success that libvirt did not give.
func byAgentResult() simbed.Deviation {
	return byAgent(guestagent.Rules{SuppressedDiscarded: true})
}

func exec() []Mutant {
	return []Mutant{
		{"exec-exit-1-is-discarded", "EX-EXIT0", "an exit code other than 0 is the prober's own error", "semantics 2.55", byResult(probes.Exec, probes.Failure, probes.Errored)},
		{"exec-exit-1-is-success", "EX-EXIT0", "exit code 1 passes, as with grep", "monitoring plug-ins, where 1 warns", byAgent(guestagent.Rules{FailFrom: 2})},
		{"exec-started-is-success", "EX-EXIT0", "a command that has started passes", "fire and forget", byAgent(guestagent.Rules{StartedPasses: true})},
		{"exec-timeout-is-success", "EX-TIMEOUT", "a command that runs for too long passes", "kubernetes#26895", byResult(probes.Exec, probes.Failure, probes.Success, "imed out")},
		{"exec-timeout-is-discarded", "EX-TIMEOUT", "a command that runs for too long is thrown away", "semantics 2.56", byResult(probes.Exec, probes.Failure, probes.Errored, "imed out")},
		{"exec-accepts-late-exit", "EX-POLL-KV", "a command may take twice its timeout", "semantics 2.59", both(byAgent(guestagent.Rules{ExecPatience: 2}), byProfile(func(p *probes.Profile) { p.ExecOuterExtra *= 30 }))},
		{"exec-polls-once", "EX-POLL-KV", "a command that has not ended at once fails", "no ticker", byAgent(guestagent.Rules{PollsOnce: true})},
		{"exec-unlimited-output", "EX-OUTPUT", "the event shows all of the output", "semantics 2.60", byAgent(guestagent.Rules{NoOutputLimit: true})},
		{"exec-bad-base64-ignored", "EX-BASE64", "output that cannot be decoded does not matter", "semantics 2.61", byAgent(guestagent.Rules{AnyOutput: true})},
		{"exec-suppressed", "EX-NOT-SUPPRESSED", "a paused VM passes exec probes", "semantics 2.62", byAgent(guestagent.Rules{SuppressExec: true})},
		{"exec-by-shell", "EX-NO-SHELL", "the words are run by a shell", "semantics 1.7", byAgent(guestagent.Rules{Shell: true})},
		{"exec-killed-at-t", "EX-MAP-KV", "the command has T, not T+1, in the container", "kubevirt#11755", byProfile(func(p *probes.Profile) { p.ExecOuterExtra = 0 })},
		{"exec-wraps-twice", "EX-MAP-KV", "a command that is one of virt-probe already is wrapped again", "kubevirt#11755", byAgent(guestagent.Rules{WrapsTwice: true})},
		{"exec-whole-exit-code", "EX-EXITCODE-MOD", "exit code 256 is not 0", "semantics 2.58", byAgent(guestagent.Rules{WholeExit: true})},
		{"exec-signal-is-failure", "EX-SIGNAL-KV", "a command that a signal has ended fails", "semantics 2.57", byAgent(guestagent.Rules{SignalFails: true})},
		{"exec-escapes-arguments", "EX-JSON-INJECT", "quotes and backslashes in arguments arrive", "semantics 1.7", byAgent(guestagent.Rules{Escapes: true})},
		{"exec-freeze-is-excused", "EX-FREEZE", "an exec that a freeze forbids passes", "kubevirt PR 16777", byResult(probes.Exec, probes.Failure, probes.Success, "disabled")},
		{"exec-unstartable-is-failure", "EX-ERR", "a command that cannot be started counts as a failure", "semantics 2.105", byResult(probes.Exec, probes.Errored, probes.Failure)},
	}
}
