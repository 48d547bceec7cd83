// Package compare says what became of each case between two reports: by case,
// never by totals, for two wrongs may cancel out.
package compare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/conformance/report"
)

// Kind says what became of a case.
type Kind string

// The kinds, in the order of output.
const (
	Broken  Kind = "broken"  // it passed and does not any more, whatever it is now
	Fixed   Kind = "fixed"   // it did not pass and does now
	Differs Kind = "differs" // it fails as before, and in another way
	Changed Kind = "changed" // it passes in neither, and the results differ
	New     Kind = "new"
	Gone    Kind = "gone"
)

// Kinds lists the kinds in the order of output.
func Kinds() []Kind { return []Kind{Broken, Fixed, Differs, Changed, New, Gone} }

// Change is a case that is not what it was.
type Change struct {
	Case string       `json:"case"`
	Kind Kind         `json:"kind"`
	Old  judge.Result `json:"old,omitempty"` // empty: there was no such case
	New  judge.Result `json:"new,omitempty"`
	// Was and Is are the first divergences, or the reasons; empty of a case
	// that passes.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
	// Replay runs the case as it is now, when it does not pass.
	Replay string `json:"replay,omitempty"`
}

// Diff is the difference of two reports.
type Diff struct {
	Changes   []Change     `json:"changes"` // by kind, then by case
	Counts    map[Kind]int `json:"counts"`
	Unchanged int          `json:"unchanged"`
	// Notes are differences of the runs themselves, which may explain the
	// rest: another suite, another prober, other seeds.
	Notes []string `json:"notes,omitempty"`
}

// Reports compares two reports.
func Reports(before, after *report.Report) *Diff {
	d := &Diff{Changes: []Change{}, Counts: map[Kind]int{}, Notes: notes(before, after)}
	was, is := before.ByCase(), after.ByCase()
	for id, old := range was {
		now, ok := is[id]
		if !ok {
			d.Changes = append(d.Changes, Change{Case: id, Kind: Gone, Old: old.Result, Was: first(old)})
			continue
		}
		c := Change{Case: id, Kind: kindOf(old, now), Old: old.Result, New: now.Result, Was: first(old), Is: first(now), Replay: replay(now)}
		if c.Kind == "" {
			d.Unchanged++
			continue
		}
		d.Changes = append(d.Changes, c)
	}
	for id, now := range is {
		if _, ok := was[id]; !ok {
			d.Changes = append(d.Changes, Change{Case: id, Kind: New, New: now.Result, Is: first(now), Replay: replay(now)})
		}
	}
	slices.SortFunc(d.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(slices.Index(Kinds(), a.Kind), slices.Index(Kinds(), b.Kind)), cmp.Compare(a.Case, b.Case))
	})
	for _, c := range d.Changes {
		d.Counts[c.Kind]++
	}
	return d
}

// Worse tells whether something broke.
func (d *Diff) Worse() bool { return d.Counts[Broken] > 0 }

func kindOf(old, now *judge.Verdict) Kind {
	switch {
	case old.Result == judge.Pass && now.Result == judge.Pass:
		return ""
	case old.Result == judge.Pass:
		return Broken
	case now.Result == judge.Pass:
		return Fixed
	case old.Result != now.Result:
		return Changed
	case first(old) != first(now):
		return Differs
	}
	return ""
}

// first is the requirement, the instant and the message of the first
// divergence of the seed that decides, or the reason.
func first(v *judge.Verdict) string {
	if len(v.Failures) == 0 {
		return v.Reason
	}
	f := v.Failures[0]
	return fmt.Sprintf("%s at %s: %s", f.Requirement, oracle.Seconds(f.At), f.Message)
}

func replay(v *judge.Verdict) string {
	if v.Result != judge.Fail && v.Result != judge.Error {
		return ""
	}
	return v.Replay()
}

func notes(a, b *report.Report) []string {
	var list []string
	note := func(what string, a, b any) {
		if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
			list = append(list, fmt.Sprintf("%s: %s, then %s", what, orNone(x), orNone(y)))
		}
	}
	note("prober", a.Implementation.Name+" "+a.Implementation.Version, b.Implementation.Name+" "+b.Implementation.Version)
	note("suite", a.Tool.Version, b.Tool.Version)
	note("requirements", a.Tool.Requirements, b.Tool.Requirements)
	note("testbed", a.Run.Testbed, b.Run.Testbed)
	note("seeds", fmt.Sprintf("%d from %d", a.Run.Seeds, a.Run.FirstSeed), fmt.Sprintf("%d from %d", b.Run.Seeds, b.Run.FirstSeed))
	note("shard", a.Run.Shard, b.Run.Shard)
	return list
}

func orNone(s string) string {
	if strings.TrimSpace(s) == "" {
		return "unknown"
	}
	return s
}

// Formats lists the formats.
func Formats() []string { return []string{"text", "json", "markdown"} }

// Write writes the difference in a format.
func Write(format string, w io.Writer, d *Diff) error {
	switch format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(d)
	case "markdown":
		_, err := io.WriteString(w, d.markdown())
		return err
	}
	_, err := io.WriteString(w, d.text())
	return err
}

// results is "pass -> fail".
func (c *Change) results() string {
	switch {
	case c.Old == "":
		return string(c.New)
	case c.New == "":
		return string(c.Old)
	}
	return fmt.Sprintf("%s -> %s", c.Old, c.New)
}

func (d *Diff) text() string {
	var b strings.Builder
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for i := range d.Changes {
		c := &d.Changes[i]
		fmt.Fprintf(&b, "%-8s %s  %s\n", c.Kind, c.Case, c.results())
		if c.Was != "" && c.Is != c.Was {
			fmt.Fprintf(&b, "         was  %s\n", oneLine(c.Was))
		}
		if c.Is != "" {
			fmt.Fprintf(&b, "         is   %s\n", oneLine(c.Is))
		}
		if c.Replay != "" {
			fmt.Fprintf(&b, "         replay: %s\n", c.Replay)
		}
	}
	fmt.Fprintf(&b, "%s\n", d.sums())
	return b.String()
}

// sums is "1 broken, 2 fixed, 2115 unchanged".
func (d *Diff) sums() string {
	var parts []string
	for _, k := range Kinds() {
		if n := d.Counts[k]; n > 0 || k == Broken {
			parts = append(parts, fmt.Sprintf("%d %s", n, k))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("%d unchanged", d.Unchanged)), ", ")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// maxRows bounds the table, which has to fit the page of a CI job.
const maxRows = 500

func (d *Diff) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## vmprobe diff: %s\n", d.sums())
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "\n- %s", report.Inline(n))
	}
	if len(d.Changes) == 0 {
		return b.String()
	}
	b.WriteString("\n\n| | case | result | was | is |\n|---|---|---|---|---|\n")
	for i := range d.Changes {
		c := &d.Changes[i]
		if i == maxRows {
			fmt.Fprintf(&b, "\nand %d more\n", len(d.Changes)-maxRows)
			break
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.Kind, report.Cell(c.Case), c.results(), report.Cell(clip(c.Was)), report.Cell(clip(c.Is)))
	}
	return b.String()
}

// clip cuts a text for a cell.
func clip(s string) string {
	const most = 300
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
