package lockstep

import (
	"slices"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Needs lists the features that a prober must have to run a case, in the order
// in which they are offered.
func Needs(c *scenarios.Case) []string {
	has := map[string]bool{}
	for i := range c.VMs {
		for j := range c.VMs[i].Resolved.Probes {
			p := &c.VMs[i].Resolved.Probes[j]
			has[handlerFeature(p.Handler)] = true
			has[protocol.Restarts] = has[protocol.Restarts] || p.Kind != probes.Readiness
		}
	}
	for _, f := range c.Features {
		has[f] = true
	}
	for i := range c.Faults {
		switch c.Faults[i].Kind {
		case scenarios.HideDomain, scenarios.AgentCode, scenarios.AgentLock:
		default:
			has[protocol.NetworkFaults] = true
		}
	}
	for i := range c.Events {
		switch c.Events[i].Kind {
		case scenarios.RestartProber:
			has[protocol.ProberRestart] = true
		case scenarios.StepClock:
			has[protocol.ClockStep] = true
		case scenarios.PanicAttempt:
			has[protocol.Panics] = true
		default:
		}
	}
	return slices.DeleteFunc(protocol.Features(), func(f string) bool { return !has[f] })
}

func handlerFeature(h probes.Handler) string {
	switch h {
	case probes.HTTPGet:
		return protocol.HTTPProbes
	case probes.TCPSocket:
		return protocol.TCPProbes
	case probes.GuestAgentPing:
		return protocol.AgentPing
	case probes.Exec:
		return protocol.ExecProbes
	case probes.NoHandler:
	}
	return ""
}
