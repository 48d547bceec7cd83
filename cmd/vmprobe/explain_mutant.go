package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/scenarios"
)

// explainedMutant is what there is to say about a wrong prober; it is the form
// of -o json.
type explainedMutant struct {
	Mutant      string `json:"mutant"`
	Wrong       string `json:"wrong"`
	Source      string `json:"source"` // where the mistake was seen
	Requirement string `json:"requirement"`
	Title       string `json:"title"` // of the requirement
	Why         string `json:"why"`   // the requirement matters
	// Claimed are the scenarios that say, and prove, that they kill it.
	Claimed []testedBy `json:"killedBy,omitempty"`
	// Passing and Failing are one case, run by the law and by the mutant.
	Passing *shownRun `json:"passing,omitempty"`
	Failing *shownRun `json:"failing,omitempty"`
}

// explainMutant says everything about one mutant. The runs are made anew.
func explainMutant(ctx context.Context, s streams, m mutants.Mutant, output string) error {
	known, err := embeddedCases(s)
	if err != nil {
		return err
	}
	r, _ := requirements.Lookup(m.Requirement)
	x := explainedMutant{
		Mutant: m.Name, Wrong: m.Wrong, Source: m.Source, Requirement: m.Requirement, Title: r.Title, Why: r.Why,
		Claimed: claimants(m.Name, known),
	}
	if d := mutants.Demonstrate(ctx, []mutants.Mutant{m}, known, firstSeed); d != nil {
		x.Passing, x.Failing = show(d, &d.Lawful, ""), show(d, &d.Wrong, m.Name)
	}
	switch output {
	case "json":
		return writeJSON(s.out, x)
	case "yaml":
		return writeYAML(s.out, x)
	}
	_, err = io.WriteString(s.out, x.text())
	return err
}

// claimants lists the scenarios that claim to kill a mutant.
func claimants(name string, known []*scenarios.Case) []testedBy {
	var list []testedBy
	for _, c := range known {
		t := testedBy{c.Scenario, c.Title}
		if slices.Contains(c.Kills, name) && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// text is the explanation for people.
func (x *explainedMutant) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", x.Mutant, wrap(x.Wrong, 90))
	section(&b, "Breaks", x.Requirement+": "+x.Title)
	section(&b, "Why", x.Why)
	section(&b, "Seen", x.Source)
	section(&b, "Killed by", strings.Join(titles(x.Claimed), "\n"))
	if x.Failing != nil {
		fmt.Fprintf(&b, "\nA prober that obeys:\n\n%s\nThis one:\n\n%s", indent(x.Passing.Timeline), indent(x.Failing.Timeline))
	}
	return b.String()
}
