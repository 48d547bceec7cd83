package protocol

// The features that a prober may claim: what it probes with, what it does, and
// what a case may do to it.
const (
	HTTPProbes    = "http"
	TCPProbes     = "tcp"
	AgentPing     = "guest-agent-ping"
	ExecProbes    = "exec"
	Restarts      = "restart"        // liveness probes and their verdicts
	StartupProbes = "startup"        // startup probes, and their gate
	NetworkFaults = "network-faults" // loss, partitions, half-open connections
	ProberRestart = "prober-restart" // event proberRestarted
	ClockStep     = "clock-step"     // event clockStepped
	Panics        = "panic"          // event panic
)

// Features lists all of them.
func Features() []string {
	return []string{
		HTTPProbes, TCPProbes, AgentPing, ExecProbes, Restarts, StartupProbes, NetworkFaults, ProberRestart, ClockStep, Panics,
	}
}
