package observe

import (
	"slices"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Blind says what a case is about that the API does not show; nil: nothing.
//
// How libvirt ends a domain is not shown. A guest reports the power button itself,
// but not while it stands still.
func Blind(c *scenarios.Case) []string {
	if !c.Profile.VM {
		return nil
	}
	for i := range c.VMs {
		v := &c.VMs[i]
		e := c.Expect[v.Name]
		kills := e != nil && e.Kills != nil
		if kills && v.Resolved.Grace == 0 {
			return []string{"kills of a VM without grace: it does not fail, and the API does not show that its domain is destroyed"}
		}
		for _, p := range []*fakevm.Program{&v.Program, &v.EveryBoot} {
			if kills && slices.ContainsFunc(p.Power, deaf) {
				return []string{"kills of a guest that stands still: it does not tell of the power button, and neither does the API"}
			}
		}
	}
	return nil
}

func deaf(s fakevm.PowerStep) bool { return s.Do == fakevm.Hang || s.Do == fakevm.Suspend }
