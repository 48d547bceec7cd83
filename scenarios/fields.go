package scenarios

import (
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
)

// Fields are the names of a formula that come from a probe.
func Fields() []string {
	return []string{"initialDelay", "period", "timeout", "failureThreshold", "successThreshold", "hang", "hangMin"}
}

// general are the names that come from the VM or the profile.
func general() []string { return []string{"terminationGracePeriod", "tries", "delayExtra"} }

// field resolves FIELD, KIND.FIELD, VM.FIELD and VM.KIND.FIELD.
func (s *scope) field(name string) found {
	parts := strings.Split(name, ".")
	vm := s.c.VM(s.vm)
	if v := s.vmNamed(parts[0]); v != "" && len(parts) > 1 {
		vm, parts = s.c.VM(v), parts[1:]
	}
	if vm == nil || len(parts) > 2 {
		return unknown("")
	}
	last := parts[len(parts)-1]
	if slices.Contains(general(), last) && len(parts) == 1 {
		switch last {
		case "terminationGracePeriod":
			return length(vm.Resolved.Grace)
		case "tries":
			return count(int64(s.c.Profile.Tries))
		}
		return length(s.c.Profile.DelayExtra)
	}
	if !slices.Contains(Fields(), last) {
		return unknown("")
	}
	var p *probes.Probe
	why := ""
	if len(parts) == 2 {
		kind, ok := kindNamed(parts[0])
		if !ok {
			return unknown("")
		}
		if p = vm.Probe(kind); p == nil {
			why = vm.Name + " has no " + parts[0] + " probe"
		}
	} else {
		p, why = s.meant(vm)
	}
	if p == nil {
		return unknown(why)
	}
	return s.probeField(p, last)
}

// meant is the probe that a short name means.
func (s *scope) meant(vm *VM) (*probes.Probe, string) {
	switch s.use {
	case UseReadiness, UseLiveness:
		kind := probes.Readiness
		if s.use == UseLiveness {
			kind = probes.Liveness
		}
		if p := vm.Probe(kind); p != nil {
			return p, ""
		}
	default: // the only one
	}
	switch len(vm.Resolved.Probes) {
	case 0:
		return nil, vm.Name + " has no probe"
	case 1:
		return &vm.Resolved.Probes[0], ""
	}
	return nil, "say which probe: " + vm.Resolved.Probes[0].Kind.String() + ".period"
}

func (s *scope) probeField(p *probes.Probe, name string) found {
	switch name {
	case "initialDelay":
		return length(p.InitialDelay)
	case "period":
		return length(p.Period)
	case "timeout":
		return length(p.Timeout)
	case "failureThreshold":
		return count(int64(p.FailureThreshold))
	case "successThreshold":
		return count(int64(p.SuccessThreshold))
	case "hang":
		return length(HangOf(*p, s.c.Profile).Hi)
	}
	return length(HangOf(*p, s.c.Profile).Lo)
}

// HangOf is how long an attempt lasts that the guest never answers: the SYN
// is lost, the request is read and nothing comes, the agent is hung.
func HangOf(p probes.Probe, profile probes.Profile) bounds.Window {
	mode := bounds.Hang
	switch p.Handler {
	case probes.TCPSocket:
		mode = bounds.Blackhole
	case probes.GuestAgentPing:
		mode = bounds.AgentHung
	default: // it hangs
	}
	return bounds.FaultOf(p, profile, mode).Attempt
}

func kindNamed(name string) (probes.Kind, bool) {
	for _, k := range []probes.Kind{probes.Readiness, probes.Liveness, probes.Startup} {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}

// vmNamed finds a VM by its name in formulas.
func (s *scope) vmNamed(name string) string {
	for i := range s.c.VMs {
		if camel(s.c.VMs[i].Name) == name {
			return s.c.VMs[i].Name
		}
	}
	return ""
}

// camel writes "vmi-fedora" as "vmiFedora": "-" is always minus in formulas.
func camel(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '.' })
	for i, p := range parts {
		if i > 0 {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}
