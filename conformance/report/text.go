package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
)

// writeText writes what a person at a terminal wants: the drawings of what
// did not pass, then the sums.
func writeText(w io.Writer, r *Report) error {
	var b strings.Builder
	list := r.groups()
	alike := unrun(list)
	for i := range list {
		drawn := 0
		for _, c := range list[i].runs {
			if alike[c.Reason] > fewAlike && c.Result == judge.NotRun && !r.Verbose {
				continue
			}
			if (c.Result == judge.Pass || c.Result == judge.NotClaimed) && !r.Verbose || c.Result != judge.Pass && c.Result != list[i].Result {
				continue
			}
			if c.Result == judge.Exempt && !r.Verbose { // it has been looked at
				fmt.Fprintf(&b, "EXEMPT %s: %s\n\n", c.Verdict.Case, c.Reason)
				break
			}
			if drawn++; drawn > 1 && !r.Verbose {
				fmt.Fprintf(&b, "%s: %s with more seeds, see %s\n\n", c.Verdict.Case, c.Result, seeds(list[i], c.Result))
				break
			}
			b.WriteString(drawing(c))
			b.WriteString("\n")
		}
	}
	if !r.Verbose {
		for _, reason := range slices.Sorted(maps.Keys(alike)) {
			if n := alike[reason]; n > fewAlike {
				fmt.Fprintf(&b, "NOT-RUN %d runs\n  %s\n\n", n, reason)
			}
		}
	}
	r.summary(&b, list)
	_, err := io.WriteString(w, b.String())
	return err
}

// fewAlike is how many runs may say the same reason before they are summed up.
const fewAlike = 3

// unrun counts the runs that were not made, by reason.
func unrun(list []group) map[string]int {
	n := map[string]int{}
	for i := range list {
		for _, c := range list[i].runs {
			if c.Result == judge.NotRun {
				n[c.Reason]++
			}
		}
	}
	return n
}

// Text is the picture of the run in plain text, or its verdict in words when
// there is none.
func (c Case) Text() string {
	c.Styled = ""
	return drawing(c)
}

// drawing is the picture of a run, or its verdict in words when there is none.
func drawing(c Case) string {
	switch {
	case c.Styled != "":
		return c.Styled
	case c.Timeline != "":
		return c.Timeline
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s (seed %d)", strings.ToUpper(string(c.Result)), c.Verdict.Case, c.Seed)
	if c.Reason != "" {
		text.WriteString("\n  " + c.Reason)
	}
	for _, f := range c.Failures {
		fmt.Fprintf(&text, "\n  %s: %s", f.Requirement, f.Message)
		if f.Want != "" {
			text.WriteString("\n  want " + f.Want)
		}
	}
	if c.Result == judge.Fail || c.Result == judge.Error {
		text.WriteString("\n  replay: " + c.Replay())
	}
	return text.String() + "\n"
}

// headline is the verdict, and whether the run came to its end.
func (r *Report) headline(list []group) string {
	if r.Run.Interrupted {
		return string(r.verdict(list)) + ", interrupted"
	}
	return string(r.verdict(list))
}

// seeds lists the seeds of a group with a result, at most ten.
func seeds(g group, result judge.Result) string {
	var parts []string
	for _, c := range g.runs {
		if c.Result != result {
			continue
		}
		if len(parts) == 10 {
			parts = append(parts, "...")
			break
		}
		parts = append(parts, fmt.Sprint(c.Seed))
	}
	return "--seed " + strings.Join(parts, ", ")
}

func (r *Report) summary(b *strings.Builder, list []group) {
	all := countOf(list)
	columns := []judge.Result{judge.Pass}
	for _, res := range judge.Results() {
		if res != judge.Pass && (all[res] > 0 || res == judge.Fail) {
			columns = append(columns, res)
		}
	}
	fmt.Fprintf(b, "%-18s", "profile")
	for _, res := range columns {
		fmt.Fprintf(b, "%13s", res)
	}
	b.WriteString("\n")
	for _, name := range profilesOf(list) {
		part := countOf(inProfile(list, name))
		fmt.Fprintf(b, "%-18s", name)
		for _, res := range columns {
			fmt.Fprintf(b, "%13d", part[res])
		}
		b.WriteString("\n")
	}
	for i, name := range claimsOf(list) {
		if i == 0 {
			b.WriteString("claim\n")
		}
		part := countOf(inClaim(list, name))
		fmt.Fprintf(b, "%-18s", name)
		for _, res := range columns {
			fmt.Fprintf(b, "%13d", part[res])
		}
		b.WriteString("\n")
	}
	if _, broken := covered(list); len(broken) > 0 {
		fmt.Fprintf(b, "broken: %s\n", strings.Join(broken, ", "))
	}
	if blind := r.blindSpot(list); blind != "" {
		fmt.Fprintln(b, blind)
	}
	runs, until := 0, time.Duration(0)
	for i := range list {
		runs += len(list[i].runs)
		until += list[i].until
	}
	fmt.Fprintf(b, "%s: %d of %d cases passed", r.headline(list), all[judge.Pass], all.total())
	if runs != all.total() {
		fmt.Fprintf(b, ", %d runs", runs)
	}
	fmt.Fprintf(b, ", %s of VM life\n", until)
}
