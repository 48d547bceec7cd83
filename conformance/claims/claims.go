// Package claims says what a prober must have to run a case, and what a vendor
// may claim: groups of features that are judged together. What is claimed and
// fails is a failure; what is not claimed is not judged.
package claims

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
			has[protocol.StartupProbes] = has[protocol.StartupProbes] || p.Kind == probes.Startup
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

// A Claim is a group of features on a report.
type Claim string

// The claims.
const (
	Core          Claim = "core" // HTTP and TCP probes
	GuestAgent    Claim = "guest-agent"
	Exec          Claim = "exec"
	Restart       Claim = "restart" // liveness and startup probes
	NetworkFaults Claim = "network-faults"
	Lifecycle     Claim = "lifecycle" // of the prober itself
)

// All lists the claims in the order of reports.
func All() []Claim { return []Claim{Core, GuestAgent, Exec, Restart, NetworkFaults, Lifecycle} }

// Of is the claim that a feature belongs to.
func Of(feature string) Claim {
	switch feature {
	case protocol.AgentPing:
		return GuestAgent
	case protocol.ExecProbes:
		return Exec
	case protocol.Restarts, protocol.StartupProbes:
		return Restart
	case protocol.NetworkFaults:
		return NetworkFaults
	case protocol.ProberRestart, protocol.ClockStep, protocol.Panics:
		return Lifecycle
	}
	return Core
}

// Groups are the claims that features belong to, in the order of reports.
func Groups(features []string) []string {
	var list []string
	for _, c := range All() {
		if slices.ContainsFunc(features, func(f string) bool { return Of(f) == c }) {
			list = append(list, string(c))
		}
	}
	return list
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
