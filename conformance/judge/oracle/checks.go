package oracle

// Checks is the table of requirements that the oracle holds every run to.
func Checks() []Check {
	return []Check{
		{"TIM-DELAY-NEVER-EARLY", "no attempt starts before initialDelaySeconds after the start of the container", delayNeverEarly},
		{"TIM-DELAY-TICK", "the first attempt starts within one period after the delay", delayTick},
		{"TIM-NO-OVERLAP", "a probe has at most one try in flight", noOverlap},
		{"TIM-PERIOD-START", "attempts keep to a fixed ticker: the period is from start to start", periodStart},
		{"TIM-TICK-DROP", "while a container is ready attempts come no faster than the period, one late tick apart", tickDrop},
		{"TIM-TIMEOUT-ATTEMPT", "each try ends by its timeout", timeoutAttempt},
		{"TIM-RETRY", "only errors are tried again, at once and as often as the profile says", retry},
		{"THR-CONSECUTIVE", "a state changes when, and only when, a threshold of consecutive results is reached", thresholds},
		{"STATE-INIT", "a new container begins not ready and alive", stateInit},
		{"THR-NO-HYSTERESIS-LEAK", "a state is published only when it changes", noLeak},
		{"LIVE-HOLD", "after a liveness failure there is no liveness attempt until a new container", liveHold},
		{"TIM-RESTART-FRESH", "a new container begins with fresh probes", restartFresh},
		{"STARTUP-GATE", "readiness and liveness wait for the startup probe", startupGate},
		{"TERM-LIVENESS-OFF", "a terminating pod is not probed for liveness", termLivenessOff},
		{"NONRUNNING-FAIL", "a stopped container is not ready and is not probed", nonRunning},
		{"LIVE-KILL", "a liveness failure is followed by a kill", liveKill},
		{"READY-NEVER-KILLS", "nothing but a liveness failure kills a VM", neverKills},
		{"LIVE-GRACE", "a kill respects the grace periods", liveGrace},
		{"LIVE-PHASE", "a killed VMI ends as it was killed", livePhase},
		{"LIVE-RECREATE", "the runStrategy decides about a new instance", liveRecreate},
		{"KV-READY-COND", "the Ready condition follows the probe, the phase and the pod", readyCondition},
		{"KV-GATE-PAUSED", "a paused VM is not ready", gatePaused},
		{"READY-ENDPOINT", "the endpoint follows the Ready condition", readyEndpoint},
		{"PAUSE-API", "a pause is refused when liveness would kill the paused VM", pauseAPI},
		{"HTTP-STATUS-RANGE", "an HTTP try comes to what the server did", httpTruth},
		{"TCP-CONNECT-ONLY", "a TCP try comes to what the handshake did", tcpTruth},
		{"GA-CMD", "a ping comes to what the guest agent did", agentTruth},
		{"EX-EXIT0", "an exec try comes to what the command did", execTruth},
		{"EX-OUTPUT", "an event shows at most 10 KiB of what a command printed", shownOutput},
		{"GA-SINGLE-FLIGHT", "one agent command at a time", singleFlight},
		{"GA-PAUSE-ANNOT", "paused agent probes do not contact the agent", pauseAnnotation},
	}
}
