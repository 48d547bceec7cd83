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
		if e := c.Expect[v.Name]; e != nil && e.Kills != nil && v.Resolved.Grace == 0 {
			return []string{"kills of a VM without grace: it does not fail, and the API does not show that its domain is destroyed"}
		}
		for _, p := range []*fakevm.Program{&v.Program, &v.EveryBoot} {
			if slices.ContainsFunc(p.Power, deaf) {
				return []string{"a guest that stands still when it is told to end: the API does not show that its domain is destroyed"}
			}
		}
	}
	return nil
}

func deaf(s fakevm.PowerStep) bool { return s.Do == fakevm.Hang || s.Do == fakevm.Suspend }
