package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/timeline"
	"github.com/vmprobe/vmprobe/scenarios"
)

// explainedRequirement is what there is to say about a rule; it is the form of
// -o json.
type explainedRequirement struct {
	requirements.Requirement
	TestedBy []testedBy `json:"testedBy,omitempty"`
	BrokenBy []killed   `json:"brokenBy,omitempty"`
	// Passing and Failing are one case, run by the law and by a mutant.
	Passing *shownRun `json:"passing,omitempty"`
	Failing *shownRun `json:"failing,omitempty"`
}

// testedBy is a scenario about the rule.
type testedBy struct {
	Scenario string `json:"scenario"`
	Title    string `json:"title"`
}

// killed is a mutant and the smallest case that kills it at the first seed.
type killed struct {
	Mutant string `json:"mutant"`
	Wrong  string `json:"wrong"`
	Source string `json:"source"`
	Case   string `json:"case,omitempty"` // empty: nothing does
}

// shownRun is one run and its picture.
type shownRun struct {
	Case     string `json:"case"`
	Seed     uint64 `json:"seed"`
	Mutant   string `json:"mutant,omitempty"` // empty: the law
	Result   string `json:"result"`
	Timeline string `json:"timeline"`
}

// explainRequirement says everything about one rule. The runs are made anew.
func explainRequirement(ctx context.Context, s streams, r requirements.Requirement, output string) error {
	known, err := embeddedCases(s)
	if err != nil {
		return err
	}
	x := explainedRequirement{Requirement: r, TestedBy: testers(r.ID, known)}
	list := mutants.Of(r.ID)
	for i := range list {
		k := killed{Mutant: list[i].Name, Wrong: list[i].Wrong, Source: list[i].Source}
		if c := mutants.Killer(ctx, &list[i], known, firstSeed); c != nil {
			k.Case = c.ID()
		}
		x.BrokenBy = append(x.BrokenBy, k)
	}
	if d := mutants.Demonstrate(ctx, list, known, firstSeed); d != nil {
		x.Passing, x.Failing = show(d, &d.Lawful, ""), show(d, &d.Wrong, d.Mutant.Name)
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

// firstSeed is that of the runs that explanations make.
const firstSeed = 1

// embeddedCases are all of them.
func embeddedCases(s streams) ([]*scenarios.Case, error) {
	files, err := load(nil, nil)
	if err != nil {
		return nil, err
	}
	return cases(files, nil, s.err)
}

// testers lists the scenarios that name a requirement.
func testers(id string, known []*scenarios.Case) []testedBy {
	var list []testedBy
	for _, c := range known {
		t := testedBy{c.Scenario, c.Title}
		if slices.Contains(c.Requirements, id) && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

func show(d *mutants.Demonstration, p *mutants.Played, mutant string) *shownRun {
	replay := ""
	if mutant != "" {
		replay = fmt.Sprintf("vmprobe mutants %s --cases %s --seeds 1", mutant, shellQuoted(d.Case.ID()))
	}
	return &shownRun{
		Case: d.Case.ID(), Seed: d.Seed, Mutant: mutant, Result: string(p.Verdict.Result),
		Timeline: timeline.Draw(d.Case, p.Trace, &p.Verdict, timeline.Options{Replay: replay}),
	}
}

// shellQuoted quotes a case id with bindings: "[n=1]" is a pattern.
func shellQuoted(id string) string {
	if strings.Contains(id, "[") {
		return "'" + id + "'"
	}
	return id
}

// text is the explanation for people.
func (x *explainedRequirement) text() string {
	var b strings.Builder
	r := &x.Requirement
	fmt.Fprintf(&b, "%s (%s): %s\n\n%s\n", r.ID, r.Level, r.Title, wrap(r.Statement, 90))
	section(&b, "Why", r.Why)
	section(&b, "Tolerance", r.Tolerance)
	section(&b, "Handler", r.Handler)
	var profiles []string
	for _, p := range r.Profiles {
		profiles = append(profiles, string(p))
	}
	section(&b, "Profiles", strings.Join(profiles, ", "))
	section(&b, "Guide", strings.Join(r.Guide, ", "))
	section(&b, "Source", strings.Join(r.Source, "\n"))
	section(&b, "Excluded", r.Excluded)
	tested := titles(x.TestedBy)
	if len(tested) == 0 && r.Excluded == "" {
		tested = []string{"no embedded scenario names it"}
	}
	section(&b, "Tested by", strings.Join(tested, "\n"))
	var broken []string
	for _, k := range x.BrokenBy {
		broken = append(broken, k.Mutant+": "+k.Wrong, "  killed by "+cmp.Or(k.Case, "nothing"))
	}
	section(&b, "Broken by", strings.Join(broken, "\n"))
	if x.Passing != nil {
		fmt.Fprintf(&b, "\nA prober that obeys:\n\n%s\nOne that does not (%s):\n\n%s", indent(x.Passing.Timeline), x.Failing.Mutant, indent(x.Failing.Timeline))
	}
	return b.String()
}

// manyTitles is how many scenarios the text names; -o json has all.
const manyTitles = 8

// titles is a line for each scenario, and how many more there are.
func titles(list []testedBy) []string {
	var lines []string
	for i, t := range list {
		if i == manyTitles {
			return append(lines, fmt.Sprintf("and %d more (-o json)", len(list)-manyTitles))
		}
		lines = append(lines, t.Scenario+": "+t.Title)
	}
	return lines
}

// section is a paragraph with its name in the margin; empty text is none.
func section(b *strings.Builder, name, text string) {
	if text != "" {
		fmt.Fprintf(b, "\n%-10s %s\n", name, strings.ReplaceAll(wrap(text, 79), "\n", "\n           "))
	}
}

// wrap breaks a text into lines of at most width characters; line breaks in
// it stay, and so does the indentation of a paragraph.
func wrap(text string, width int) string {
	var out []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		margin := paragraph[:len(paragraph)-len(strings.TrimLeft(paragraph, " "))]
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if line != "" && len(line)+1+len(word) > width {
				out = append(out, line)
				line = ""
			}
			switch line {
			case "":
				line = margin + word
			default:
				line += " " + word
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
