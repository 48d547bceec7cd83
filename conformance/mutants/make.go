package mutants

import (
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// The short forms of a Deviation that has one part.

func byEngine(r engine.Rules) simbed.Deviation           { return simbed.Deviation{Engine: &r} }
func byAttempt(r attempt.Rules) simbed.Deviation         { return simbed.Deviation{Attempt: &r} }
func byAgent(r guestagent.Rules) simbed.Deviation        { return simbed.Deviation{Agent: &r} }
func byProber(r prober.Rules) simbed.Deviation           { return simbed.Deviation{Prober: &r} }
func byPlatform(r platform.Rules) simbed.Deviation       { return simbed.Deviation{Platform: &r} }
func byProfile(f func(*probes.Profile)) simbed.Deviation { return simbed.Deviation{Profile: f} }

// byProbe reads every probe otherwise.
func byProbe(f func(*probes.Probe)) simbed.Deviation {
	return byProbeIn(func(p *probes.Probe, _ probes.Profile) { f(p) })
}

// byProbeIn is byProbe where the profile matters.
func byProbeIn(f func(*probes.Probe, probes.Profile)) simbed.Deviation {
	return simbed.Deviation{Resolved: func(r *spec.Resolved, profile probes.Profile) {
		for i := range r.Probes {
			f(&r.Probes[i], profile)
		}
	}}
}

// byHTTP is byProbe for httpGet alone; it may change the headers in place.
func byHTTP(f func(*probes.HTTPRequest)) simbed.Deviation {
	return byProbe(func(p *probes.Probe) {
		if p.Handler == probes.HTTPGet {
			p.HTTP.Headers = slices.Clone(p.HTTP.Headers)
			f(&p.HTTP)
		}
	})
}

// byDefault reads another value where the manifest leaves a field out.
func byDefault(field string, f func(*probes.Probe)) simbed.Deviation {
	return simbed.Deviation{Resolved: func(r *spec.Resolved, _ probes.Profile) {
		for i := range r.Probes {
			for _, s := range r.Settings[r.Probes[i].Kind] {
				if s.Field == field && leftOut(s) {
					f(&r.Probes[i])
				}
			}
		}
	}}
}

// leftOut tells whether the manifest leaves the field out. Of a delay the
// profile's addition is all that there is then.
func leftOut(s spec.Setting) bool {
	return s.Origin == spec.FromKubeDefault || s.Origin == spec.FromKubeVirtDefault ||
		s.Origin == spec.FromProfile && strings.HasPrefix(s.Note, "0s + ")
}

// byMachine reads something else of a manifest otherwise.
func byMachine(f func(*spec.Resolved)) simbed.Deviation {
	return simbed.Deviation{Resolved: func(r *spec.Resolved, _ probes.Profile) { f(r) }}
}

// accepting does not refuse what breaks a rule.
func accepting(requirement string) simbed.Deviation {
	return byMachine(func(r *spec.Resolved) {
		r.Findings = slices.DeleteFunc(r.Findings, func(f spec.Finding) bool {
			return f.Requirement == requirement && f.Severity == spec.Rejects
		})
	})
}

// rejecting refuses the probes that the condition holds for.
func rejecting(requirement, message string, wrong func(probes.Probe) bool) simbed.Deviation {
	return byMachine(func(r *spec.Resolved) {
		if slices.ContainsFunc(r.Probes, wrong) {
			r.Findings = append(r.Findings, spec.Finding{Severity: spec.Rejects, Requirement: requirement, Message: message, By: spec.ByVMProbe})
		}
	})
}

// byHTTP2 is byHTTP for the probes whose manifest says protocol HTTP2.
func byHTTP2(f func(*probes.HTTPRequest)) simbed.Deviation {
	return simbed.Deviation{Machine: func(vm *scenarios.VM) {
		for i := range vm.Resolved.Probes {
			if p := &vm.Resolved.Probes[i]; slices.ContainsFunc(vm.Resolved.Findings, func(w spec.Finding) bool {
				return w.Requirement == "VAL-HTTP2" && strings.Contains(w.Path, p.Kind.String()) && w.Severity != spec.Rejects
			}) {
				f(&p.HTTP)
			}
		}
	}}
}

// byResult takes results of one class of one handler for another class;
// NoHandler means any, and only results whose message has one of the words
// count, if there are words.
func byResult(h probes.Handler, from, to probes.Class, words ...string) simbed.Deviation {
	return simbed.Deviation{Result: func(p *probes.Probe, r *probes.Result) {
		if (h == probes.NoHandler || p.Handler == h) && r.Class == from && mentions(r.Message, words) {
			r.Class = to
		}
	}}
}

func mentions(message string, words []string) bool {
	return len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return strings.Contains(message, w) })
}

// both is a pair of deviations in different parts.
func both(a, b simbed.Deviation) simbed.Deviation {
	if b.Profile != nil {
		a.Profile = b.Profile
	}
	if b.Resolved != nil {
		a.Resolved = b.Resolved
	}
	if b.Result != nil {
		a.Result = b.Result
	}
	if b.Engine != nil {
		a.Engine = b.Engine
	}
	if b.Attempt != nil {
		a.Attempt = b.Attempt
	}
	if b.Agent != nil {
		a.Agent = b.Agent
	}
	if b.Prober != nil {
		a.Prober = b.Prober
	}
	if b.Platform != nil {
		a.Platform = b.Platform
	}
	return a
}
