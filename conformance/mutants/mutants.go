// Package mutants is the proof that the suite notices wrong probers: a
// catalogue of them, and the kill matrix of mutants and cases.
//
// A mutant deviates in one decision of the real engine, of one try, of the
// driver or of the platform (simbed.Deviation); nothing is copied. Each is
// named after a bug that somebody has made or will make, and says which
// requirement it breaks. It counts as killed only when a case fails for that
// requirement: failing for any other reason proves nothing.
//
// catalogue*.go list the mutants by area, matrix.go runs them.
package mutants

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Mutant is one wrong prober.
type Mutant struct {
	Name        string // kebab-case, the bug in a few words
	Requirement string // the requirement that it breaks
	Wrong       string // what is wrong, one sentence without a full stop
	// Source tells where the mistake was seen: "semantics 2.17" is number 17
	// of the list of mistakes in the semantics, "kubernetes#37450" an issue.
	Source    string
	Deviation simbed.Deviation
}

// All lists the mutants, by area and in the order of the semantics.
func All() []Mutant {
	return slices.Concat(
		httpStatus(), httpRequest(), httpRedirects(), httpBody(), httpConnection(), tcp(),
		agent(), suppression(), exec(),
		thresholds(), states(), errorsAndTries(), delays(), ticks(), triggers(),
		lifecycle(), platformSide(), reading(), rejections(), pairs(),
	)
}

// Names lists the names of all mutants.
func Names() []string {
	all := All()
	list := make([]string, len(all))
	for i := range all {
		list[i] = all[i].Name
	}
	return list
}

// Select finds mutants by name or pattern ("http-*"); no argument means all. A
// pattern that matches nothing is an error with a suggestion.
func Select(args []string) ([]Mutant, error) {
	all := All()
	if len(args) == 0 {
		return all, nil
	}
	wanted := make([]bool, len(all))
	for _, arg := range args {
		found := false
		for i := range all {
			ok, err := path.Match(arg, all[i].Name)
			if err != nil {
				return nil, fmt.Errorf("%q: not a pattern: %w", arg, err)
			}
			wanted[i] = wanted[i] || ok
			found = found || ok
		}
		if !found {
			return nil, unknown(arg)
		}
	}
	var list []Mutant
	for i := range all {
		if wanted[i] {
			list = append(list, all[i])
		}
	}
	return list, nil
}

func unknown(arg string) error {
	if near := diag.Suggest(arg, Names()); len(near) > 0 {
		return fmt.Errorf("no mutant is called %q; did you mean %s?", arg, strings.Join(near, " or "))
	}
	return fmt.Errorf("no mutant is called %q", arg)
}
