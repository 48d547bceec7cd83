package simbed

import (
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// bytesMatter names what in a case the truth table does not know of.
func bytesMatter(c *scenarios.Case) string {
	if len(c.Faults) > 0 {
		return "faults of the network or the agent channel"
	}
	for i := range c.Events {
		switch e := &c.Events[i]; e.Kind {
		case scenarios.RestartProber, scenarios.StepClock, scenarios.TriggerSync:
		default:
			return "event " + string(e.Kind)
		}
	}
	for i := range c.VMs {
		v := &c.VMs[i]
		if len(v.Program.Power)+len(v.EveryBoot.Power)+len(v.Program.Freezes)+len(v.EveryBoot.Freezes) > 0 {
			return "power steps and freezes of the guest"
		}
		if v.Program.Watchdog != nil {
			return "a watchdog device"
		}
		if v.DomainDelay > 0 {
			return "a domain that starts after its container"
		}
		if len(v.Resolved.ForwardedPorts) > 0 {
			return "a list of forwarded ports"
		}
		if reason := agentMatters(v); reason != "" {
			return reason
		}
	}
	return ""
}

// agentMatters names what in the use of a guest agent goes beyond one command
// and its reply.
func agentMatters(v *scenarios.VM) string {
	pings := 0
	for i := range v.Resolved.Probes {
		if v.Resolved.Probes[i].Handler == probes.GuestAgentPing {
			pings++
		}
	}
	switch {
	case pings == 0:
		return ""
	case pings > 1:
		return "two probes that wait for one agent"
	case v.Machine.VMI != nil && v.Machine.VMI.Annotations[kubevirtv1.PauseGuestAgentProbesAnnotation] != "":
		return "an annotation that pauses pings"
	}
	for _, p := range []*fakevm.Program{&v.Program, &v.EveryBoot} {
		for i := range p.Endpoints {
			if p.Endpoints[i].Kind == fakevm.Agent && spoilsChannel(&p.Endpoints[i]) {
				return "an agent that spoils its channel"
			}
		}
	}
	return ""
}

// spoilsChannel tells agents whose replies reach beyond the command they
// answer.
func spoilsChannel(e *fakevm.Endpoint) bool {
	for _, s := range e.Steps {
		for _, c := range s.Replies {
			if r := c.Reply.Agent; r != nil && (r.Raw != "" || r.RawBytes > 0 || r.Before != "" || r.WrongSyncID || r.Disconnect) {
				return true
			}
		}
	}
	return false
}
