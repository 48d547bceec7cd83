package protocol

// The features that a prober may claim. The first five are the claims that a
// vendor makes; the others are things that a case does to the prober itself.
const (
	HTTPProbes    = "http"
	TCPProbes     = "tcp"
	AgentPing     = "guest-agent-ping"
	ExecProbes    = "exec"
	Restarts      = "restart"        // liveness and startup verdicts
	NetworkFaults = "network-faults" // loss, partitions, half-open connections
	ProberRestart = "prober-restart" // event proberRestarted
	ClockStep     = "clock-step"     // event clockStepped
	Panics        = "panic"          // event panic
)

// Features lists all of them.
func Features() []string {
	return []string{
		HTTPProbes, TCPProbes, AgentPing, ExecProbes, Restarts, NetworkFaults, ProberRestart, ClockStep, Panics,
	}
}
