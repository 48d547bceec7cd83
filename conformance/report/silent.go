package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
)

// silences are what nobody could judge in any run of a case, by reason.
func silences(g *group) []docSilence {
	why := map[string][]string{}
	for _, run := range g.runs {
		for _, s := range run.Silent {
			why[s.Why] = append(why[s.Why], s.Requirement)
		}
	}
	var list []docSilence
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		slices.Sort(why[reason])
		list = append(list, docSilence{Why: reason, Requirements: slices.Compact(why[reason])})
	}
	return list
}

// silent is the inverse, for each run.
func (c *docCase) silent() []oracle.Silence {
	var list []oracle.Silence
	for _, s := range c.Silent {
		for _, r := range s.Requirements {
			list = append(list, oracle.Silence{Requirement: r, Why: s.Why})
		}
	}
	slices.SortFunc(list, func(a, b oracle.Silence) int {
		return cmp.Or(cmp.Compare(a.Requirement, b.Requirement), cmp.Compare(a.Why, b.Why))
	})
	return list
}

// unjudged lists the requirements that a case is about and nobody could judge
// in it.
func (g *group) unjudged() []string {
	var list []string
	for _, s := range silences(g) {
		for _, r := range s.Requirements {
			if slices.Contains(g.Requirements, r) {
				list = append(list, r)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// blindSpot says in a sentence what the groups are about and nobody could
// judge; empty: nothing.
func (r *Report) blindSpot(list []group) string {
	count := map[string]int{}
	for i := range list {
		for _, id := range list[i].unjudged() {
			count[id]++
		}
	}
	if len(count) == 0 {
		return ""
	}
	ids := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, id := range ids {
		parts = append(parts, fmt.Sprintf("%s (%d)", id, count[id]))
	}
	return fmt.Sprintf("not judged from %s, though cases are about it: %s", r.seenFrom(), strings.Join(parts, ", "))
}

// seenFrom is from where the runs were watched.
func (r *Report) seenFrom() string {
	if r.Run.View == "" {
		return "here"
	}
	return "the " + r.Run.View
}
