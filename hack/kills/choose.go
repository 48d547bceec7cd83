package main

import (
	"cmp"
	"maps"
	"slices"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/scenarios"
)

// kills maps scenarios to the mutants that they kill.
type kills map[string][]string

const (
	// most is how many mutants a scenario claims; those that nobody else
	// claims come on top.
	most = 6
	// candidates is how many are put to the proof.
	candidates = 10
)

// counts tells how many scenarios kill each mutant.
func (k kills) counts() map[string]int {
	n := map[string]int{}
	for _, list := range k {
		for _, m := range list {
			n[m]++
		}
	}
	return n
}

// claimed is counts of what the scenarios claim in their files, those without
// whose claims are to be computed.
func claimed(all, wanted []*scenarios.Case) map[string]int {
	k := kills{}
	ours := scenariosOf(wanted)
	for _, c := range all {
		if !slices.Contains(ours, c.Scenario) {
			k[c.Scenario] = c.Kills
		}
	}
	return k.counts()
}

func scenariosOf(cases []*scenarios.Case) []string {
	var names []string
	for _, c := range cases {
		if !slices.Contains(names, c.Scenario) {
			names = append(names, c.Scenario)
		}
	}
	return names
}

// choose ranks what each scenario kills: first one mutant for each requirement
// that the scenario is about, in its order, then more of those, then others;
// among equals the one that the fewest scenarios kill.
//
// With orphans, a mutant that would be chosen nowhere is chosen where it ranks
// highest.
func choose(cases []*scenarios.Case, killed kills, counts map[string]int, orphans bool) kills {
	catalogue := mutants.All()
	breaks, place := map[string]string{}, map[string]int{}
	for i, m := range catalogue {
		breaks[m.Name], place[m.Name] = m.Requirement, i
	}
	about := map[string][]string{}
	for _, c := range cases {
		about[c.Scenario] = c.Requirements
	}
	chosen := kills{}
	for name, list := range killed {
		rare := slices.Clone(list)
		slices.SortFunc(rare, func(a, b string) int { return cmp.Or(counts[a]-counts[b], place[a]-place[b]) })
		var first, own, rest []string
		for _, id := range about[name] {
			of := filter(rare, func(m string) bool { return breaks[m] == id })
			if len(of) > 0 {
				first, own = append(first, of[0]), append(own, of[1:]...)
			}
		}
		rest = filter(rare, func(m string) bool { return !slices.Contains(about[name], breaks[m]) })
		slices.SortStableFunc(own, func(a, b string) int { return counts[a] - counts[b] })
		chosen[name] = slices.Concat(first, own, rest)
	}
	return chosen.cut(orphans)
}

// cut keeps the candidates of each scenario.
func (k kills) cut(orphans bool) kills {
	out := kills{}
	for name, list := range k {
		out[name] = list[:min(len(list), candidates)]
	}
	if !orphans {
		return out
	}
	for m, name := range k.orphans() {
		rest := filter(out[name], func(o string) bool { return o != m })
		out[name] = append([]string{m}, rest...)
	}
	return out
}

// orphans are the mutants that are among the first few of no scenario, with
// the scenario where they rank highest.
func (k kills) orphans() map[string]string {
	best, rank := map[string]string{}, map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(k)) {
		for at, m := range k[name] {
			if r, known := rank[m]; !known || at < r {
				best[m], rank[m] = name, at
			}
		}
	}
	for m, r := range rank {
		if r < most {
			delete(best, m)
		}
	}
	return best
}

// shorten keeps the first few of each list.
func (k kills) shorten() kills {
	out := kills{}
	for name, list := range k {
		out[name] = list[:min(len(list), most)]
	}
	return out
}

func filter(list []string, keep func(string) bool) []string {
	var out []string
	for _, s := range list {
		if keep(s) {
			out = append(out, s)
		}
	}
	return out
}
