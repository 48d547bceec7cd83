package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

// group is one thing that holds in several profiles.
type group[T any] struct {
	value    T
	profiles []probes.ProfileName
}

// merge puts equal values of different profiles together, in the order of the
// profiles.
func merge[T any](same func(a, b T) bool, names []probes.ProfileName, values []*T) []group[T] {
	var groups []group[T]
next:
	for i, v := range values {
		if v == nil {
			continue
		}
		for j := range groups {
			if same(groups[j].value, *v) {
				groups[j].profiles = append(groups[j].profiles, names[i])
				continue next
			}
		}
		groups = append(groups, group[T]{*v, []probes.ProfileName{names[i]}})
	}
	return groups
}

// who names a set of profiles briefly.
func who(set, all []probes.ProfileName) string {
	switch {
	case len(set) == len(all) && len(all) > 1:
		return "all profiles"
	case len(set) == len(all)-1 && len(all) > 3:
		for _, name := range all {
			if !slices.Contains(set, name) {
				return "all but " + string(name)
			}
		}
	}
	both := slices.Contains(set, probes.KubeVirt) && slices.Contains(set, probes.KubeVirtLegacy)
	var words []string
	for _, name := range set {
		switch {
		case both && name == probes.KubeVirtLegacy:
			words = append(words, "kubevirt*")
		case both && name == probes.KubeVirt:
		default:
			words = append(words, string(name))
		}
	}
	return strings.Join(words, ", ")
}

var severityOrder = map[spec.Severity]int{spec.Rejects: 0, spec.Warns: 1, spec.Notes: 2}

func compareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(severityOrder[a.Severity], severityOrder[b.Severity]),
		cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		strings.Compare(a.Path, b.Path), strings.Compare(a.Requirement, b.Requirement),
		strings.Compare(a.Message, b.Message))
}

func sortFindings(all []Finding) { slices.SortStableFunc(all, compareFindings) }

func sortGroups(all []group[Finding]) {
	slices.SortStableFunc(all, func(a, b group[Finding]) int { return compareFindings(a.value, b.value) })
}
