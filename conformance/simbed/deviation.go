package simbed

import (
	"slices"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// Deviation makes the prober, or the platform that acts on its word, another
// than the law wants: the ground of mutants. Every field is optional; the zero
// value changes nothing. A Deviation is only read, so runs may share it.
//
// A wrong reading of a manifest changes Profile or Resolved, a wrong reading
// of an answer changes Result; only what neither can express is one of the
// Rules, which sit at the decision itself.
type Deviation struct {
	// Profile changes the dialect that the prober and the platform speak.
	Profile func(*probes.Profile)
	// Resolved changes what they read in a manifest, in the dialect given.
	// Its probes and findings are copies.
	Resolved func(*spec.Resolved, probes.Profile)
	// Machine changes more than the probes of a VM. What it changes beyond
	// Resolved, it changes for the world.
	Machine func(*scenarios.VM)
	// Result changes the outcome of a try.
	Result func(*probes.Probe, *probes.Result)

	Engine   *engine.Rules
	Attempt  *attempt.Rules
	Agent    *guestagent.Rules
	Prober   *prober.Rules
	Platform *platform.Rules
}

// none is the Deviation of a Bed that has none.
var none Deviation //nolint:gochecknoglobals // a constant

func (b Bed) deviation() *Deviation {
	if b.Deviation == nil {
		return &none
	}
	return b.Deviation
}

// read is the case as a prober with the deviation reads it. The case itself,
// by which the run is judged, stays as it is.
func (d *Deviation) read(c *scenarios.Case) *scenarios.Case {
	if d.Profile == nil && d.Resolved == nil && d.Machine == nil {
		return c
	}
	other := *c
	if d.Profile != nil {
		d.Profile(&other.Profile)
	}
	other.VMs = slices.Clone(c.VMs)
	for i := range other.VMs {
		r := &other.VMs[i].Resolved
		r.Probes, r.Findings = slices.Clone(r.Probes), slices.Clone(r.Findings)
		if d.Resolved != nil {
			d.Resolved(r, c.Profile)
		}
		if d.Machine != nil {
			d.Machine(&other.VMs[i])
		}
	}
	return &other
}

// finish is the outcome of a try.
func (d *Deviation) finish(p *probes.Probe, r probes.Result) probes.Result {
	if d.Result == nil {
		return r
	}
	other := r // so that r stays on the stack of a prober that obeys the law
	d.Result(p, &other)
	return other
}
