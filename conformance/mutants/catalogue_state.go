package mutants

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/prober"
)

func thresholds() []Mutant {
	return []Mutant{
		{"failure-threshold-plus-one", "THR-FAILURE", "the comparison with failureThreshold is > and not >=", "semantics 2.63", byProbe(func(p *probes.Probe) { p.FailureThreshold++ })},
		{"failure-threshold-minus-one", "THR-FAILURE", "the state turns at the last failure but one", "semantics 2.64", byProbe(func(p *probes.Probe) { p.FailureThreshold = max(p.FailureThreshold-1, 1) })},
		{"flip-on-first-failure", "THR-FAILURE", "the first failure decides", "suite 2.5", byProbe(func(p *probes.Probe) { p.FailureThreshold = 1 })},
		{"success-threshold-ignored", "THR-SUCCESS", "the first success decides", "suite 2.5", byProbe(func(p *probes.Probe) { p.SuccessThreshold = 1 })},
		{"success-threshold-plus-one", "THR-SUCCESS", "the comparison with successThreshold is > and not >=", "off by one", byProbe(func(p *probes.Probe) {
			if p.Kind == probes.Readiness {
				p.SuccessThreshold++
			}
		})},
		{"success-threshold-not-at-start", "THR-SUCCESS", "successThreshold is asked for after a failure only", "semantics 2.66, guide 14.7.2 note 8 read literally", byEngine(engine.Rules{FirstSuccessSuffices: true})},
		{"first-result-decides", "THR-FAILURE", "the first result of a container decides, whatever it is", "no previous state to compare with", byEngine(engine.Rules{FirstDecides: true})},
		{"thresholds-swapped", "THR-CONSECUTIVE", "failureThreshold and successThreshold are swapped", "swapped fields", byProbe(func(p *probes.Probe) {
			if p.Kind == probes.Readiness {
				p.FailureThreshold, p.SuccessThreshold = p.SuccessThreshold, p.FailureThreshold
			}
		})},
		{"failures-accumulate", "THR-CONSECUTIVE", "a success does not end the run of failures", "suite 2.5", byEngine(engine.Rules{RunSurvives: probes.Failure})},
		{"successes-accumulate", "THR-CONSECUTIVE", "a failure does not end the run of successes", "semantics 2.65", byEngine(engine.Rules{RunSurvives: probes.Success})},
		{"run-leaks", "THR-CONSECUTIVE", "an opposite result takes one off the run", "leaky buckets", byEngine(engine.Rules{RunLeaks: true})},
		{"warning-breaks-success-run", "THR-WARN-IS-SUCCESS", "a warning is a failure for the thresholds", "semantics 1.2", byResult(probes.HTTPGet, probes.Warning, probes.Failure)},
		{"leaks-below-threshold", "THR-NO-HYSTERESIS-LEAK", "results below the threshold are published", "semantics 2.71", byEngine(engine.Rules{Leaks: true})},
		{"repeats-its-state", "THR-NO-HYSTERESIS-LEAK", "every result that confirms the state publishes it again", "level instead of edge", byEngine(engine.Rules{RepeatVerdicts: true})},
		{"sticky-ready", "THR-FAILURE", "once ready, ready for ever", "suite 2.5", byEngine(engine.Rules{StaysHealthy: true})},
		{"stops-when-ready", "THR-FAILURE", "readiness ends with its first success, like a wait condition", "kubernetes#37450", byEngine(engine.Rules{StopWhenHealthy: true})},
	}
}

func states() []Mutant {
	return []Mutant{
		{"starts-ready", "STATE-INIT", "a container is ready until a probe says otherwise", "semantics 2.70", byEngine(engine.Rules{StartsAs: probes.Success})},
		{"carried-run-decides", "RUN-CARRYOVER", "the successes of the container before make the new one ready at once", "a run that outlives its subject", byEngine(engine.Rules{RunDecides: true})},
		{"starts-dead", "STATE-INIT", "liveness begins as failed", "one initial state for all kinds", byEngine(engine.Rules{StartsAs: probes.Failure})},
		{"probes-on-hold", "LIVE-HOLD", "liveness goes on after its failure", "semantics 2.72", byEngine(engine.Rules{OpenHold: true})},
		{"run-survives-verdict", "LIVE-HOLD", "the run is not reset at a liveness failure", "kubernetes#21751", byEngine(engine.Rules{HoldKeepsRun: true})},
		{"hold-never-ends", "LIVE-HOLD", "a new container does not end the hold", "a flag that nobody resets", byEngine(engine.Rules{HoldForever: true})},
		{"readiness-holds-too", "THR-SUCCESS", "readiness stops after its failure, too", "one rule for all kinds", byEngine(engine.Rules{HoldAll: true})},
		{"readiness-kills", "READY-NEVER-KILLS", "a readiness failure restarts the VM", "semantics 2.74", byProber(prober.Rules{ReadinessKills: true})},
		{"liveness-ignored", "LIVE-KILL", "a liveness failure has no consequence", "suite 2.5", byProber(prober.Rules{NeverKills: true})},
		{"restart-on-first-failure", "THR-FAILURE", "the first failure of liveness kills", "suite 2.5", byProbe(func(p *probes.Probe) {
			if p.Kind == probes.Liveness {
				p.FailureThreshold = 1
			}
		})},
		{"liveness-waits-for-readiness", "LIVE-INDEP-READY", "liveness begins once the VM was ready", "semantics 2.75", byProber(prober.Rules{LivenessWaits: true})},
		{"one-thread-per-vm", "LIVE-INDEP-READY", "the probes of a VM share a thread", "a loop over probes", byProber(prober.Rules{OneTryEach: true})},
		{"stopped-keeps-state", "NONRUNNING-FAIL", "a container that has stopped keeps its state", "semantics 2.77", byEngine(engine.Rules{StoppedKeepsState: true})},
		{"probes-stopped-container", "NONRUNNING-FAIL", "a container that has stopped is still probed", "no watch on containers", byEngine(engine.Rules{StoppedIsProbed: true})},
		{"misses-container-stop", "NONRUNNING-FAIL", "the end of a container is not noticed", "a lost event", byProber(prober.Rules{MissesStop: true})},
		{"panic-ends-probing", "PANIC-CONTINUE", "a panic ends the loop", "semantics 2.78", byEngine(engine.Rules{PanicEnds: true})},
		{"panic-is-failure", "PANIC-CONTINUE", "a panic counts as a failure", "a deferred recover that returns a result", byEngine(engine.Rules{PanicFails: true})},
		{"no-warning-event", "THR-WARN-IS-SUCCESS", "a warning leaves no event", "semantics 2.29", byProber(prober.Rules{NoWarnings: true})},
		{"late-result-counts", "TIM-RESTART-FRESH", "a result of the last container is published for its successor", "no container id with the result", byEngine(engine.Rules{LateCounts: true})},
	}
}

func errorsAndTries() []Mutant {
	return []Mutant{
		{"error-counts-as-failure", "THR-ERR-DISCARD", "an error counts as a failure", "semantics 2.67, kubernetes#122591", byEngine(engine.Rules{ErrorCountsAs: probes.Failure})},
		{"error-counts-as-success", "THR-ERR-DISCARD", "an error counts as a success", "fail open", byEngine(engine.Rules{ErrorCountsAs: probes.Success})},
		{"error-breaks-run", "THR-ERR-DISCARD", "an error ends the run", "semantics 2.68", byEngine(engine.Rules{ErrorBreaksRun: true})},
		{"no-retry", "TIM-RETRY", "an error is not tried again", "semantics 2.79", byProfile(func(p *probes.Profile) { p.Tries = 1 })},
		{"two-tries", "TIM-RETRY", "an error is tried twice", "semantics 2.80", byProfile(func(p *probes.Profile) { p.Tries = min(p.Tries, 2) })},
		{"four-tries", "TIM-RETRY", "three retries, which is four tries", "semantics 2.80", byProfile(func(p *probes.Profile) { p.Tries = 4 })},
		{"retries-failures", "TIM-RETRY", "failures are tried again, too", "a retry loop around everything", byEngine(engine.Rules{RetryFailures: true})},
		{"tries-share-timeout", "TIM-TIMEOUT-ATTEMPT", "the tries of an attempt share its timeout", "one context for all tries", byProbeIn(func(p *probes.Probe, profile probes.Profile) { p.Timeout /= time.Duration(profile.Tries) })},
		{"no-timeout", "TIM-TIMEOUT-ATTEMPT", "timeoutSeconds is ignored", "suite 2.5", byProbe(func(p *probes.Probe) { p.Timeout = time.Hour })},
		{"timeout-in-milliseconds", "TIM-TIMEOUT-ATTEMPT", "timeoutSeconds is read as milliseconds", "wrong unit", byProbe(func(p *probes.Probe) { p.Timeout /= 1000 })},
		{"timeout-plus-one", "TIM-TIMEOUT-ATTEMPT", "every timeout is a second longer", "KubeVirt's extra second for everything", byProbe(func(p *probes.Probe) { p.Timeout += time.Second })},
		{"timeout-is-period", "TIM-TIMEOUT-ATTEMPT", "an attempt may take a period", "swapped fields", byProbe(func(p *probes.Probe) { p.Timeout = p.Period })},
		{"timeout-capped-by-period", "TIM-TIMEOUT-ATTEMPT", "a timeout is never longer than the period", "guide 14.7.2 note 6 enforced in silence", byProbe(func(p *probes.Probe) { p.Timeout = min(p.Timeout, p.Period) })},
	}
}

func delays() []Mutant {
	return []Mutant{
		{"no-initial-delay", "TIM-DELAY-NEVER-EARLY", "initialDelaySeconds is ignored", "suite 2.5", byProbe(func(p *probes.Probe) { p.InitialDelay = 0 })},
		{"delay-rounds-up", "TIM-DELAY-NEVER-EARLY", "119.5 s count as 120 s", "semantics 2.84", byEngine(engine.Rules{DelayRounds: true})},
		{"delay-from-worker", "TIM-DELAY-NEVER-EARLY", "the delay counts from the prober's first look at the pod", "wrong clock", byEngine(engine.Rules{DelayFromWorker: true})},
		{"delay-in-milliseconds", "TIM-DELAY-NEVER-EARLY", "initialDelaySeconds is read as milliseconds", "wrong unit", byProbe(func(p *probes.Probe) { p.InitialDelay = (p.InitialDelay / 1000).Truncate(time.Second) })},
		{"delay-one-second-short", "TIM-DELAY-NEVER-EARLY", "the delay is a second too short", "off by one", byProbe(func(p *probes.Probe) { p.InitialDelay = max(p.InitialDelay-time.Second, 0) })},
		{"trigger-skips-delay", "TIM-DELAY-NEVER-EARLY", "a manual trigger does not look at the delay", "two ways into one function", byEngine(engine.Rules{TriggerSkipsDelay: true})},
		{"delay-plus-period", "TIM-DELAY-TICK", "the first attempt comes a period after the delay", "semantics 2.85", byProbe(func(p *probes.Probe) { p.InitialDelay += p.Period.Truncate(time.Second) })},
		{"delay-doubled", "TIM-DELAY-TICK", "the delay is waited for twice", "sleep and check", byProbe(func(p *probes.Probe) { p.InitialDelay *= 2 })},
		{"delay-after-failure", "TIM-DELAY-ONCE", "the delay begins anew after a failure", "semantics 2.86", byEngine(engine.Rules{DelayAfterFailure: true})},
		{"delay-on-monotonic-clock", "TIM-DELAY-ONCE", "a step of the wall clock does not move the delay", "what everybody expects", byEngine(engine.Rules{DelayOnMonotonic: true})},
		{"delay-anew-with-prober", "TIM-DELAY-ONCE", "a restart of the prober begins every delay anew", "state in memory", byProber(prober.Rules{RestartsPods: true})},
		{"no-delay-after-restart", "TIM-RESTART-FRESH", "only the first instance has its delay", "suite 2.5", byProber(prober.Rules{DelayFirstPod: true})},
		{"no-delay-after-container-restart", "TIM-RESTART-FRESH", "a container that is restarted in place has no delay", "suite 2.5", byEngine(engine.Rules{DelayOnce: true})},
		{"run-survives-instance", "TIM-RESTART-FRESH", "the next instance inherits the run", "semantics 2.73", both(byProber(prober.Rules{InheritRun: true}), byEngine(engine.Rules{HoldKeepsRun: true}))},
		{"new-instance-unprobed", "TIM-RESTART-FRESH", "the second instance is not probed", "a watch on the first pod's name", byProber(prober.Rules{FirstPodOnly: true})},
		{"delay-from-guest-boot", "KV-DELAY-ORIGIN", "the delay counts from the guest's boot, as the guide says", "guide 14.7.2 note 4", simbed.Deviation{Machine: func(v *scenarios.VM) {
			for i := range v.Resolved.Probes {
				v.Resolved.Probes[i].InitialDelay += v.DomainDelay
			}
		}}},
		{"no-plus-ten", "KV-DELAY-PLUS10", "KubeVirt's ten extra seconds are missing", "semantics 2.54", byProbeIn(func(p *probes.Probe, profile probes.Profile) { p.InitialDelay -= profile.DelayExtra })},
		{"plus-ten-for-agent-only", "KV-DELAY-PLUS10", "only agent probes wait ten seconds more", "semantics 2.54", byProbeIn(func(p *probes.Probe, profile probes.Profile) {
			if p.Handler != probes.GuestAgentPing {
				p.InitialDelay -= profile.DelayExtra
			}
		})},
		{"plus-ten-everywhere", "TIM-DELAY-TICK", "probes wait ten seconds more where nobody promised it", "KubeVirt's constant in another profile", byProbeIn(func(p *probes.Probe, profile probes.Profile) {
			if profile.DelayExtra == 0 {
				p.InitialDelay += 10 * time.Second
			}
		})},
	}
}
