package legal

import (
	"reflect"
	"slices"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// kin puts the numbers of cases that are the same together: families in the
// order of their first members.
func kin(cases []*scenarios.Case) [][]int {
	var families [][]int
	place := map[string][]int{} // families, by what their names share
	for i, c := range cases {
		name := c.File + " " + c.Name()
		found := false
		for _, f := range place[name] {
			if found = same(cases[families[f][0]], c); found {
				families[f] = append(families[f], i)
				break
			}
		}
		if !found {
			place[name] = append(place[name], len(families))
			families = append(families, []int{i})
		}
	}
	return families
}

// same tells whether two cases differ in nothing but the name of the profile
// and what their profiles say of things that do not happen in them: without
// agent pings nothing of a ping is ever suppressed or paused (GA-SUPPRESS-MIG,
// GA-SUPPRESS-PAUSE, GA-PAUSE-ANNOT), and where nobody asks for a pause, none is
// refused (PAUSE-API). A profile that leaves the number of tries open has a
// population of its own.
func same(a, b *scenarios.Case) bool {
	if a.Profile.Name == probes.OpenShiftDoc || b.Profile.Name == probes.OpenShiftDoc {
		return false
	}
	return reflect.DeepEqual(bare(a), bare(b))
}

func bare(c *scenarios.Case) scenarios.Case {
	b := *c
	b.Profile.Name = ""
	b.VMs = slices.Clone(c.VMs)
	for i := range b.VMs {
		b.VMs[i].Resolved.Profile = ""
	}
	if slices.ContainsFunc(c.Events, func(e scenarios.Event) bool { return e.Kind == scenarios.PauseVM }) {
		return b
	}
	for i := range c.VMs {
		for _, p := range c.VMs[i].Resolved.Probes {
			if p.Handler == probes.GuestAgentPing {
				return b
			}
		}
	}
	b.Profile.SuppressMigration, b.Profile.SuppressPause, b.Profile.PauseAnnotation = false, false, false
	return b
}
