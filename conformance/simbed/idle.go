package simbed

import (
	"reflect"
	"slices"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Outcome is a try as Deviation.Result sees it.
type Outcome struct {
	Probe  *probes.Probe
	Result probes.Result
}

// Idle tells that the deviation cannot change any run of the case, so that
// such a run need not be made: what it reads in the manifests is what the law
// reads, and where it decides otherwise nobody asks. outcomes gives the tries
// of a lawful run of the case with the seed in question, the like of another
// only once; it is called only when the answer depends on it.
//
// A run is the lawful one up to the first decision that differs. So it is the
// lawful one altogether when no decision of it would differ.
func (d *Deviation) Idle(c *scenarios.Case, outcomes func() []Outcome) bool {
	other := d.read(c)
	switch {
	case other != c && !sameReading(c, other):
		return false
	case rejected(c):
		return true // nothing runs
	case d.Engine != nil || d.Prober != nil || d.Platform != nil:
		return false
	case slices.ContainsFunc(c.VMs, func(v scenarios.VM) bool { return slices.ContainsFunc(v.Resolved.Probes, d.concerns) }):
		return false
	}
	return d.Result == nil || !slices.ContainsFunc(outcomes(), d.alters)
}

func sameReading(a, b *scenarios.Case) bool {
	return reflect.DeepEqual(a.Profile, b.Profile) && reflect.DeepEqual(a.VMs, b.VMs)
}

// concerns tells whether the try of a probe is made by rules of its own.
func (d *Deviation) concerns(p probes.Probe) bool {
	if d.Attempt != nil && d.Attempt.Concerns(p.Handler) {
		return true
	}
	return d.Agent != nil && (p.Handler == probes.GuestAgentPing || p.Handler == probes.Exec)
}

func (d *Deviation) alters(o Outcome) bool { return d.finish(o.Probe, o.Result) != o.Result }
