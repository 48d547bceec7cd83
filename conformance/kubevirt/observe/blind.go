package observe

import (
	"slices"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Blind says what a case is about that the API does not show; nil: nothing.
//
// How libvirt ends a domain is not shown. A guest that obeys reports the power
// button itself; one that is deaf does not, and is destroyed.
func Blind(c *scenarios.Case) []string {
	if !c.Profile.VM {
		return nil
	}
	var why []string
	for i := range c.VMs {
		v := &c.VMs[i]
		if e := c.Expect[v.Name]; e != nil && e.Kills != nil && slices.ContainsFunc(*e.Kills, func(k scenarios.KillStep) bool {
			return k.With == "destroy" || k.With == "acpi"
		}) {
			why = append(why, "kills by acpi and destroy: the API does not show how libvirt ends a domain")
		}
		for _, p := range []*fakevm.Program{&v.Program, &v.EveryBoot} {
			if p.ACPI.Ignore || p.ACPI.Delay >= v.Resolved.Grace && p.ACPI.Delay > 0 || slices.ContainsFunc(p.Power, deaf) {
				why = append(why, "a guest that does not obey the power button in time: the API does not show that its domain is destroyed")
			}
		}
	}
	slices.Sort(why)
	return slices.Compact(why)
}

func deaf(s fakevm.PowerStep) bool { return s.Do == fakevm.Hang || s.Do == fakevm.Suspend }
