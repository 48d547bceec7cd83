package oracle

// Checks is the table of requirements that the oracle holds every run to.
func Checks() []Check {
	return []Check{
		{"TIM-DELAY-NEVER-EARLY", "no attempt starts before initialDelaySeconds after the start of the container", delayNeverEarly, false},
		{"TIM-DELAY-TICK", "the first attempt starts within one period after the delay", delayTick, false},
		{"TIM-NO-OVERLAP", "a probe has at most one try in flight", noOverlap, false},
		{"TIM-PERIOD-START", "attempts keep to a fixed ticker: the period is from start to start", periodStart, false},
		{"TIM-TICK-DROP", "while a container is ready attempts come no faster than the period, one late tick apart", tickDrop, false},
		{"TIM-TIMEOUT-ATTEMPT", "each try ends by its timeout", timeoutAttempt, false},
		{"TIM-RETRY", "only errors are tried again, at once and as often as the profile says", retry, false},
		{"THR-CONSECUTIVE", "a state changes when, and only when, a threshold of consecutive results is reached", thresholds, false},
		{"STATE-INIT", "a new container begins not ready and alive", stateInit, false},
		{"THR-NO-HYSTERESIS-LEAK", "a state is published only when it changes", noLeak, false},
		{"LIVE-HOLD", "after a liveness failure there is no liveness attempt until a new container", liveHold, false},
		{"TIM-RESTART-FRESH", "a new container begins with fresh probes", restartFresh, false},
		{"STARTUP-GATE", "readiness and liveness wait for the startup probe", startupGate, false},
		{"TERM-LIVENESS-OFF", "a terminating pod is not probed for liveness", termLivenessOff, false},
		{"NONRUNNING-FAIL", "a stopped container is not ready and is not probed", nonRunning, false},
		{"LIVE-KILL", "a liveness failure is followed by a kill", liveKill, false},
		{"READY-NEVER-KILLS", "nothing but a liveness failure kills a VM", neverKills, false},
		{"LIVE-GRACE", "a kill respects the grace periods", liveGrace, false},
		{"LIVE-PHASE", "a killed VMI ends as it was killed", livePhase, false},
		{"LIVE-RECREATE", "the runStrategy decides about a new instance", liveRecreate, false},
		{"KV-READY-COND", "the Ready condition follows the probe, the phase and the pod", readyCondition, false},
		{"KV-GATE-PAUSED", "a paused VM is not ready", gatePaused, false},
		{"READY-ENDPOINT", "the endpoint follows the Ready condition", readyEndpoint, false},
		{"PAUSE-API", "a pause is refused when liveness would kill the paused VM", pauseAPI, false},
		{"HTTP-STATUS-RANGE", "an HTTP try comes to what the server did", httpTruth, true},
		{"TCP-CONNECT-ONLY", "a TCP try comes to what the handshake did", tcpTruth, true},
		{"GA-CMD", "a ping comes to what the guest agent did", agentTruth, true},
		{"EX-EXIT0", "an exec try comes to what the command did", execTruth, true},
		{"EX-OUTPUT", "an event shows at most 10 KiB of what a command printed", shownOutput, false},
		{"GA-SINGLE-FLIGHT", "one agent command at a time", singleFlight, true},
		{"GA-PAUSE-ANNOT", "paused agent probes do not contact the agent", pauseAnnotation, true},
	}
}
