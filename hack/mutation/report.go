package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/hack/mutation/internal/protocol"
)

// outcome is what became of one mutant, as the JSON report shows it.
type outcome struct {
	Package  string `json:"package"`
	Place    string `json:"place"` // file:line:col
	Function string `json:"function"`
	Operator string `json:"operator"`
	From     string `json:"from"`
	To       string `json:"to"`
	Key      string `json:"key"`
	protocol.Result
	Equivalent string `json:"equivalent,omitempty"` // the reason
}

// tally counts the mutants of a package.
type tally struct {
	Package     string         `json:"package"`
	Mutants     int            `json:"mutants"`
	Killed      int            `json:"killed"` // the sum of the next five
	ByJudge     int            `json:"byJudge"`
	ByError     int            `json:"byHarnessError"`
	ByPanic     int            `json:"byPanic"`
	ByTimeout   int            `json:"byTimeout"`
	ByMemory    int            `json:"byMemory"`
	Equivalent  int            `json:"equivalent"`
	Survived    int            `json:"survived"`  // not equivalent
	Unreached   int            `json:"unreached"` // of those, they change nothing in any case
	Percent     float64        `json:"percent"`   // killed of the non-equivalent
	Requirement map[string]int `json:"killedByRequirement"`
}

// report is the outcome of a campaign.
type report struct {
	Seeds    int       `json:"seeds"`
	Runs     int       `json:"runs"` // cases times seeds
	LeftOut  int       `json:"leftOut"`
	Skipped  []string  `json:"notSwitchable"`
	Seams    []string  `json:"decidedByRules"`
	Packages []tally   `json:"packages"`
	Mutants  []outcome `json:"mutants"`
	Stale    []string  `json:"staleEquivalents"`
}

func summarise(c *campaign, packages []string, tried []*mutant, results map[int]protocol.Result, same equivalents) *report {
	r := &report{Seeds: c.seeds, Runs: len(c.jobs), Skipped: c.skipped, Seams: c.seams}
	for _, j := range c.jobs {
		if j.Bad != "" {
			r.LeftOut++
		}
	}
	used := map[string]bool{}
	for _, p := range packages {
		t := tally{Package: p, Requirement: map[string]int{}}
		for _, m := range tried {
			if m.pkg != p {
				continue
			}
			result := results[m.number]
			entry := same.entry(m, &result)
			used[entry] = true
			o := outcome{
				Package: p, Place: m.place(), Function: m.function, Operator: m.operator,
				From: m.from, To: m.to, Key: m.key(), Result: result, Equivalent: same[entry],
			}
			t.add(&o)
			r.Mutants = append(r.Mutants, o)
		}
		if n := t.Mutants - t.Equivalent; n > 0 {
			t.Percent = 100 * float64(t.Killed) / float64(n)
		}
		r.Packages = append(r.Packages, t)
	}
	r.Stale = same.stale(packages, used)
	return r
}

func (t *tally) add(o *outcome) {
	t.Mutants++
	switch o.Verdict {
	case protocol.Failed:
		t.ByJudge++
		t.Requirement[o.Requirement]++
	case protocol.Errored:
		t.ByError++
	case protocol.Panicked:
		t.ByPanic++
	case protocol.Hung:
		t.ByTimeout++
	case protocol.Ballooned:
		t.ByMemory++
	case protocol.Survived:
		switch {
		case o.Equivalent != "":
			t.Equivalent++
		default:
			t.Survived++
			if o.Reaching == 0 {
				t.Unreached++
			}
		}
		return
	}
	t.Killed++
}

// write prints the report for people.
func (r *report) write(w io.Writer, mutants []*mutant) {
	byKey := map[string]*mutant{}
	for _, m := range mutants {
		byKey[m.key()] = m
	}
	for _, t := range r.Packages {
		fmt.Fprintf(w, "\n%s: %d mutants, killed first for:\n", t.Package, t.Mutants)
		for _, q := range byCount(t.Requirement) {
			fmt.Fprintf(w, "  %4d %s\n", t.Requirement[q], q)
		}
		for _, o := range r.Mutants {
			if o.Package != t.Package || o.Verdict == protocol.Failed || o.Verdict == protocol.Survived {
				continue
			}
			fmt.Fprintf(w, "%s: %s, not by a judge: %s => %s (%s)\n", o.Place, o.Verdict, o.From, o.To, o.Message)
		}
		for _, o := range r.Mutants {
			if o.Package != t.Package || o.Verdict != protocol.Survived || o.Equivalent != "" {
				continue
			}
			how := fmt.Sprintf("survived %d runs", o.Jobs)
			if o.Reaching == 0 {
				how = "changes no value in any case"
			}
			fmt.Fprintf(w, "\n%s: %s: %s: %s\n%s\n", o.Place, o.Function, o.Operator, how, indent(byKey[o.Key].diff()))
		}
	}
	for _, s := range r.Stale {
		fmt.Fprintln(w, "equivalent.txt: no such mutant, or it is killed:", s)
	}
	fmt.Fprintf(w, "\n%-20s %7s %7s %7s %6s %6s %8s %7s %11s %9s %8s\n", "package", "mutants", "killed",
		"(judge", "error", "panic", "timeout)", "equiv.", "survived", "unreached", "percent")
	for _, t := range r.Packages {
		fmt.Fprintf(w, "%-20s %7d %7d %7d %6d %6d %8d %7d %11d %9d %7.1f%%\n", t.Package, t.Mutants, t.Killed,
			t.ByJudge, t.ByError, t.ByPanic+t.ByMemory, t.ByTimeout, t.Equivalent, t.Survived, t.Unreached, t.Percent)
	}
}

func byCount(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b)) })
	return keys
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

// save writes the report as JSON.
func (r *report) save(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
