package mutants

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
)

func ticks() []Mutant {
	return []Mutant{
		{"period-from-completion", "TIM-PERIOD-START", "the period begins when an attempt ends", "semantics 2.81", byEngine(engine.Rules{FromCompletion: true})},
		{"period-plus-one", "TIM-PERIOD-START", "the period is a second longer", "off by one", byProbe(func(p *probes.Probe) { p.Period += time.Second })},
		{"period-minus-one", "TIM-PERIOD-START", "the period is a second shorter", "off by one", byProbe(func(p *probes.Probe) {
			if p.Period > time.Second {
				p.Period -= time.Second
			}
		})},
		{"period-in-minutes", "TIM-PERIOD-START", "periodSeconds is read as minutes", "wrong unit", byProbe(func(p *probes.Probe) { p.Period *= 60 })},
		{"period-ignored", "TIM-PERIOD-START", "the period is ten seconds whatever the manifest says", "suite 2.5", byProbe(func(p *probes.Probe) { p.Period = 10 * time.Second })},
		{"period-and-timeout-swapped", "TIM-PERIOD-START", "periodSeconds and timeoutSeconds are swapped", "swapped fields", byProbe(func(p *probes.Probe) { p.Period, p.Timeout = p.Timeout, p.Period })},
		{"period-drifts", "TIM-PERIOD-START", "each period is a twentieth too long", "sleep instead of a ticker", byProbe(func(p *probes.Probe) { p.Period += p.Period / 20 })},
		{"period-wobbles", "TIM-PERIOD-START", "every other tick is late", "jitter on each tick", byEngine(engine.Rules{Wobble: 1500 * time.Millisecond})},
		{"ticks-on-wall-clock", "TIM-PERIOD-START", "a step of the wall clock moves the ticks", "wrong clock", byEngine(engine.Rules{TicksOnWall: true})},
		{"backs-off-after-failure", "TIM-PERIOD-START", "after a failure the period doubles", "crash-loop habits", byEngine(engine.Rules{SlowAfterFailure: 2})},
		{"slower-when-ready", "TIM-PERIOD-START", "a healthy VM is probed half as often", "kubernetes#37450", byEngine(engine.Rules{SlowWhenHealthy: 2})},
		{"burst-after-long-attempt", "TIM-TICK-DROP", "every tick that an attempt outlasted is made up for", "semantics 2.82", byEngine(engine.Rules{CatchUp: true})},
		{"forgets-latched-tick", "TIM-TICK-DROP", "a late attempt waits for the next tick", "a non-blocking send", byEngine(engine.Rules{ForgetTick: true})},
		{"late-attempt-moves-grid", "TIM-TICK-DROP", "a late attempt begins a new grid of ticks", "a timer set anew for each attempt", byEngine(engine.Rules{Rephase: true})},
		{"attempts-overlap", "TIM-NO-OVERLAP", "a tick starts an attempt whatever is in flight", "semantics 2.83", byEngine(engine.Rules{Overlap: true})},
		{"slow-vm-delays-others", "TIM-SCHED-INDEP", "all VMs share a thread", "semantics 2.88", byProber(prober.Rules{OneTry: true})},
		{"start-jitter-of-two-periods", "TIM-START-JITTER", "a young prober waits up to two periods", "off by one", byEngine(engine.Rules{FirstWaits: true})},
		{"first-check-waits", "TIM-FIRST-IMMEDIATE", "the first check comes a period late", "semantics 2.87", byEngine(engine.Rules{FirstWaits: true})},
	}
}

func triggers() []Mutant {
	return []Mutant{
		{"trigger-runs-liveness", "TIM-READY-MANUAL", "a pod sync runs liveness, too", "semantics 2.89", byEngine(engine.Rules{TriggerAll: true})},
		{"trigger-keeps-phase", "TIM-READY-MANUAL", "a triggered run does not begin the period anew", "semantics 2.89", byEngine(engine.Rules{TriggerKeepsPhase: true})},
		{"trigger-does-not-count", "TIM-READY-MANUAL", "the result of a triggered run is thrown away", "kubernetes#118815", byEngine(engine.Rules{TriggerIsNoResult: true})},
		{"trigger-while-ready", "TIM-READY-MANUAL", "a pod sync runs readiness of a ready container, too", "semantics 2.89", byPlatform(platform.Rules{SyncsReady: true})},
	}
}

func lifecycle() []Mutant {
	return []Mutant{
		{"startup-does-not-gate", "STARTUP-GATE", "readiness and liveness do not wait for startup", "semantics 2.104", byProber(prober.Rules{NoGate: true})},
		{"startup-goes-on", "STARTUP-GATE", "startup is probed after its success", "no hold for success", byEngine(engine.Rules{StartupGoesOn: true})},
		{"terminating-stops-readiness", "TERM-LIVENESS-OFF", "readiness stops in a terminating pod, too", "semantics 2.91", byEngine(engine.Rules{TerminatingEndsReadiness: true})},
		{"terminating-keeps-liveness", "TERM-LIVENESS-OFF", "liveness goes on in a terminating pod", "kubelet before 1.21", byEngine(engine.Rules{TerminatingIgnored: true})},
		{"prober-restart-flips", "PROBER-RESTART", "a restart of the prober makes everything unready", "kubernetes#113646", byProber(prober.Rules{ForgetsStates: true})},
		{"migration-target-unprobed", "MIG-DUAL", "the target of a migration is not probed before the hand-over", "one pod a VM", byProber(prober.Rules{SkipsTargets: true})},
		{"readiness-migrates", "MIG-DUAL", "the target of a migration is ready because the source was", "state kept by VM", byPlatform(platform.Rules{ReadyMoves: true})},
		{"migration-target-spared", "MIG-HTTP-LIVE", "a failing liveness probe does not kill the target of a migration", "what everybody expects", byPlatform(platform.Rules{SparesTargets: true})},
		{"failed-migration-hands-over", "MIG-DUAL", "a migration that has failed hands over all the same", "a result that nobody looks at", byPlatform(platform.Rules{FailedMoves: true})},
	}
}

func platformSide() []Mutant {
	return []Mutant{
		{"endpoint-not-removed", "READY-ENDPOINT", "an unready VM stays an endpoint", "semantics 2.92", byPlatform(platform.Rules{EndpointStays: true})},
		{"endpoint-never-back", "READY-ENDPOINT", "an endpoint that was removed does not come back", "semantics 2.92", byPlatform(platform.Rules{EndpointNeverBack: true})},
		{"endpoint-serves-while-terminating", "READY-ENDPOINT", "a terminating pod stays a ready endpoint", "serving taken for ready", byPlatform(platform.Rules{EndpointServes: true})},
		{"ready-ignores-termination", "KV-READY-COND", "a VMI is ready although its pod terminates", "semantics 2.100", byPlatform(platform.Rules{ReadyTerminating: true})},
		{"ready-ignores-phase", "KV-READY-COND", "a VMI is ready although its guest does not run", "semantics 2.100", byPlatform(platform.Rules{ReadyWithoutPhase: true})},
		{"stop-unseen-while-backing-off", "NONRUNNING-FAIL", "a pod stays ready while its container waits for its back-off", "the status of the last sync", byPlatform(platform.Rules{StopUnseen: true})},
		{"no-probe-is-not-ready", "STATE-READY-ALWAYS-NO-PROBE", "a VM without readinessProbe is never ready", "unknown taken for false", byPlatform(platform.Rules{NoProbeNotReady: true})},
		{"paused-guest-answers", "PAUSE-NET", "a paused guest answers on the network", "a pause of the display alone", byPlatform(platform.Rules{PauseAnswers: true})},
		{"paused-is-ready", "KV-GATE-PAUSED", "a paused VM is ready", "a pod without the readiness gate", byPlatform(platform.Rules{NoGate: true})},
		{"start-waits-for-readiness", "KV-START-NOT-BLOCKED", "a VMI is called running when it is ready", "waiting for all containers", byPlatform(platform.Rules{StartWaitsReady: true})},
		{"pause-with-http-liveness", "PAUSE-API", "a VM may be paused although liveness will kill it", "semantics 2.102", byPlatform(platform.Rules{PausesAnything: true})},
		{"pause-refused-with-agent-liveness", "PAUSE-API", "a VM with any livenessProbe cannot be paused", "kubevirt before 1.9", byPlatform(platform.Rules{PausesNothing: true})},
		{"rerun-recreates-succeeded", "LIVE-RECREATE", "RerunOnFailure recreates a VMI that has succeeded", "semantics 2.93", byPlatform(platform.Rules{RecreatesSucceeded: true})},
		{"always-leaves-succeeded", "LIVE-RECREATE", "Always does not recreate a VMI that has succeeded", "kubevirt#9823", byPlatform(platform.Rules{RecreatesFailed: true})},
		{"never-recreates", "LIVE-RECREATE", "no new instance follows", "a bare VMI", byPlatform(platform.Rules{RecreatesNone: true})},
		{"manual-recreates", "LIVE-RECREATE", "every runStrategy recreates", "guide 14.7.1 for everybody", byPlatform(platform.Rules{RecreatesAll: true})},
		{"crash-loop-back-off", "LIVE-RECREATE", "each new instance comes later than the last", "the kubelet's back-off", byPlatform(platform.Rules{BacksOff: 30 * time.Second})},
		{"kills-without-grace", "LIVE-GRACE", "the VM is killed at once", "semantics 2.94", byPlatform(platform.Rules{NoSignal: true})},
		{"presses-power-button-once", "LIVE-GRACE", "the ACPI signal is not repeated", "semantics 1.8", byPlatform(platform.Rules{PressesOnce: true})},
		{"grace-ignored", "LIVE-GRACE", "terminationGracePeriodSeconds is always 30", "semantics 2.94", byMachine(func(r *spec.Resolved) { r.Grace, r.PodGrace = 30*time.Second, 60*time.Second })},
		{"grace-doubled", "LIVE-GRACE", "the guest has twice its grace", "semantics 2.94", byMachine(func(r *spec.Resolved) { r.Grace *= 2; r.PodGrace *= 2 })},
		{"pod-grace-without-extra", "LIVE-GRACE", "the pod has no longer grace than the guest", "semantics 2.94", byMachine(func(r *spec.Resolved) { r.PodGrace = r.Grace / 2 })},
		{"killed-is-always-failed", "LIVE-PHASE", "a VMI that was killed has failed, however its guest ended", "semantics 2.93", byPlatform(platform.Rules{AlwaysFailed: true})},
		{"killed-is-always-succeeded", "LIVE-PHASE", "a VMI that was killed has succeeded, however its guest ended", "semantics 2.93", byPlatform(platform.Rules{AlwaysSucceeded: true})},
		{"masquerade-list-ignored", "NET-MASQ-PORTS", "ports outside the masquerade list are forwarded", "semantics 2.101", byMachine(func(r *spec.Resolved) { r.ForwardedPorts = nil })},
		{"masquerade-first-port-only", "NET-MASQ-PORTS", "only the first port of the masquerade list is forwarded", "a loop that returns", byMachine(func(r *spec.Resolved) { r.ForwardedPorts = r.ForwardedPorts[:min(len(r.ForwardedPorts), 1)] })},
	}
}

func reading() []Mutant {
	return []Mutant{
		{"default-period-30", "DEF-PERIOD", "an absent periodSeconds means 30", "suite 2.5", byDefault("periodSeconds", func(p *probes.Probe) { p.Period = 30 * time.Second })},
		{"default-period-busy", "DEF-PERIOD", "an absent periodSeconds means one second", "semantics 2.90", byDefault("periodSeconds", func(p *probes.Probe) { p.Period = time.Second })},
		{"default-timeout-infinite", "DEF-TIMEOUT", "an absent timeoutSeconds means none", "semantics 2.90", byDefault("timeoutSeconds", func(p *probes.Probe) { p.Timeout = time.Hour })},
		{"default-timeout-5", "DEF-TIMEOUT", "an absent timeoutSeconds means 5", "libvirt's default", byDefault("timeoutSeconds", func(p *probes.Probe) { p.Timeout = 5 * time.Second })},
		{"default-failure-threshold-1", "DEF-FAILTHR", "an absent failureThreshold means 1", "semantics 2.90", byDefault("failureThreshold", func(p *probes.Probe) { p.FailureThreshold = 1 })},
		{"default-failure-threshold-never", "DEF-FAILTHR", "an absent failureThreshold is never reached", "semantics 2.90", byDefault("failureThreshold", func(p *probes.Probe) { p.FailureThreshold = 1 << 30 })},
		{"default-success-threshold-3", "DEF-SUCCTHR", "an absent successThreshold means 3", "semantics 2.90", byDefault("successThreshold", func(p *probes.Probe) {
			if p.Kind == probes.Readiness {
				p.SuccessThreshold = 3
			}
		})},
		{"default-delay-30", "DEF-DELAY", "an absent initialDelaySeconds means 30", "semantics 2.90", byDefault("initialDelaySeconds", func(p *probes.Probe) { p.InitialDelay += 30 * time.Second })},
		{"default-path-healthz", "DEF-HTTP-PATH", "an absent path means /healthz", "a house rule", byDefault("httpGet.path", func(p *probes.Probe) { p.HTTP.Path = "/healthz" })},
		{"negative-values-are-one", "DEF-NEG-KV", "negative numbers become 1, not the defaults", "max(value, 1)", byNegative()},
		{"both-probes-are-one", "MULTI-BOTH", "liveness asks what readiness asks", "one probe a VM", byMachine(func(r *spec.Resolved) {
			if len(r.Probes) > 1 {
				first := r.Probes[0]
				r.Probes[1].Handler, r.Probes[1].HTTP, r.Probes[1].TCP, r.Probes[1].Command = first.Handler, first.HTTP, first.TCP, first.Command
			}
		})},
		{"probe-handlers-swapped", "MULTI-BOTH", "readiness asks what liveness should ask, and the other way round", "swapped fields", byMachine(func(r *spec.Resolved) {
			if len(r.Probes) > 1 {
				a, b := r.Probes[0], r.Probes[1]
				r.Probes[0].Handler, r.Probes[0].HTTP, r.Probes[0].TCP, r.Probes[0].Command = b.Handler, b.HTTP, b.TCP, b.Command
				r.Probes[1].Handler, r.Probes[1].HTTP, r.Probes[1].TCP, r.Probes[1].Command = a.Handler, a.HTTP, a.TCP, a.Command
			}
		})},
		{"second-probe-dropped", "MULTI-BOTH", "only the first probe of a VM is run", "one probe a VM", byMachine(func(r *spec.Resolved) { r.Probes = r.Probes[:min(len(r.Probes), 1)] })},
		{"liveness-timing-from-readiness", "KV-COPY", "liveness takes its numbers from readiness", "one set of numbers a VM", byMachine(func(r *spec.Resolved) {
			if len(r.Probes) > 1 {
				r.Probes[1].Period, r.Probes[1].Timeout = r.Probes[0].Period, r.Probes[0].Timeout
				r.Probes[1].FailureThreshold, r.Probes[1].InitialDelay = r.Probes[0].FailureThreshold, r.Probes[0].InitialDelay
			}
		})},
	}
}

// byNegative reads 1 where KubeVirt reads its default for a negative number.
func byNegative() simbed.Deviation {
	return byMachine(func(r *spec.Resolved) {
		for i := range r.Probes {
			p := &r.Probes[i]
			for _, s := range r.Settings[p.Kind] {
				switch {
				case s.Requirement != "DEF-NEG-KV":
				case s.Field == "periodSeconds":
					p.Period = time.Second
				case s.Field == "failureThreshold":
					p.FailureThreshold = 1
				case s.Field == "initialDelaySeconds":
					p.InitialDelay += 30 * time.Second
				}
			}
		}
	})
}

// rejections are probers, or rather their API, that take what must be refused,
// or refuse what must be taken.
func rejections() []Mutant {
	var list []Mutant
	for _, r := range []struct{ requirement, name, wrong string }{
		{"VAL-ONE-HANDLER", "accepts-two-handlers", "a probe with no handler or two is accepted"},
		{"VAL-LIVE-SUCC1", "accepts-liveness-success-2", "a liveness successThreshold of 2 is accepted"},
		{"VAL-PORT", "accepts-port-65536", "a port that does not exist is accepted"},
		{"VAL-SCHEME", "accepts-lower-case-scheme", "the scheme http is accepted"},
		{"VAL-PODNET-KV", "accepts-probe-without-pod-network", "a network probe without pod network is accepted"},
		{"VAL-STARTPAUSED-KV", "accepts-paused-start-with-liveness", "startStrategy Paused with a livenessProbe is accepted"},
		{"VAL-NO-GRPC-KV", "accepts-grpc-in-kubevirt", "handlers that KubeVirt does not have are accepted"},
		{"VAL-PROBE-GRACE", "accepts-grace-on-readiness", "a terminationGracePeriodSeconds on readiness is accepted"},
		{"VAL-HEADER-NAME", "accepts-bad-header-name", "a header name that is none is accepted"},
		{"VAL-EXEC-CMD", "accepts-empty-command", "an exec probe without command is accepted"},
		{"VAL-HTTP2", "accepts-http2-with-host", "protocol HTTP2 with a host is accepted"},
		{"VAL-NONNEG", "accepts-negative-values", "negative numbers are accepted"},
		{"VAL-TIMEOUT-LT-PERIOD", "accepts-long-timeout-in-doc", "a timeout longer than the period is accepted where the guide forbids it"},
		{"VAL-RUNSTRATEGY", "accepts-vm-without-run-strategy", "a VM without runStrategy is accepted"},
		{"VAL-TEMPLATE", "accepts-vm-without-template", "a VM without template is accepted"},
		{"EX-DOC", "accepts-exec-in-doc", "an exec probe is accepted where the guide knows none"},
	} {
		list = append(list, Mutant{r.name, r.requirement, r.wrong, "semantics 2.95 to 2.103", accepting(r.requirement)})
	}
	return append(list, Mutant{
		"rejects-deprecated-api-version", "VAL-API-VERSION", "a deprecated apiVersion is refused", "strict tools",
		byMachine(func(r *spec.Resolved) {
			for i := range r.Findings {
				if f := &r.Findings[i]; f.Requirement == "VAL-API-VERSION" && f.Severity == spec.Warns {
					f.Severity = spec.Rejects
				}
			}
		}),
	}, Mutant{
		"rejects-longest-port-name", "VAL-PORT", "a port name of fifteen characters is refused", "off by one",
		rejecting("VAL-PORT", "must be no more than 14 characters", func(p probes.Probe) bool {
			return len(p.HTTP.Port.Name) == 15 || len(p.TCP.Port.Name) == 15
		}),
	}, Mutant{
		"rejects-long-timeout", "VAL-TIMEOUT-LT-PERIOD", "a timeout longer than the period is refused where nobody forbids it", "semantics 2.96",
		rejecting("VAL-TIMEOUT-LT-PERIOD", "timeoutSeconds must be less than periodSeconds", func(p probes.Probe) bool { return p.Timeout >= p.Period }),
	})
}

// pairs are two mistakes that hide each other: where one makes a prober too
// fast the other makes it too slow.
func pairs() []Mutant {
	return []Mutant{
		{"early-but-slow-to-fail", "TIM-PERIOD-START", "twice as often, and twice the failures", "a change of units in two places", byProbe(func(p *probes.Probe) {
			p.Period /= 2
			p.FailureThreshold *= 2
		})},
		{"no-plus-ten-but-late-domain", "KV-DELAY-PLUS10", "no ten extra seconds, and one failure more", "one bug hides the other", byProbeIn(func(p *probes.Probe, profile probes.Profile) {
			p.InitialDelay -= profile.DelayExtra
			p.FailureThreshold++
		})},
		{"discards-failures-and-counts-errors", "THR-ERR-DISCARD", "failures are errors and errors are failures", "swapped classes", both(
			byResult(probes.HTTPGet, probes.Errored, probes.Failure), byEngine(engine.Rules{ErrorCountsAs: probes.Failure}))},
		{"long-timeout-no-retry", "TIM-RETRY", "one try with three times the timeout", "a retry loop optimised away", both(
			byProbeIn(func(p *probes.Probe, profile probes.Profile) { p.Timeout *= time.Duration(profile.Tries) }),
			byProfile(func(p *probes.Profile) { p.Tries = 1 }))},
		{"starts-ready-without-delay", "STATE-INIT", "ready from the start, and probed from the start", "a delay that looks useless", both(
			byEngine(engine.Rules{StartsAs: probes.Success}), byProbe(func(p *probes.Probe) { p.InitialDelay = 0 }))},
		{"holds-nothing-kills-nothing", "LIVE-KILL", "liveness goes on after its failure and nobody acts on it", "a verdict that is only logged", both(
			byEngine(engine.Rules{OpenHold: true}), byProber(prober.Rules{NeverKills: true}))},
		{"verifies-and-discards", "HTTP-TLS-NOVERIFY", "certificates are verified and a failed handshake is thrown away", "one bug hides the other", both(
			byAttempt(attempt.Rules{VerifyTLS: true}), byResult(probes.HTTPGet, probes.Failure, probes.Errored, "x509", "certificate"))},
		{"no-resync-but-forgiving", "GA-GARBAGE", "no sync at all, and errors of the channel are forgotten", "one bug hides the other", byAgent(guestagent.Rules{NeverSyncs: true, ForgetsGarbage: true})},
		{"overlaps-with-completion-period", "TIM-NO-OVERLAP", "attempts overlap, and the period begins when one ends", "one bug hides the other", byEngine(engine.Rules{Overlap: true, FromCompletion: true})},
	}
}
