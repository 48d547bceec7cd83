package legal

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/probes"
)

// Drawing draws the run of a rejected prober.
type Drawing func(row *Row, r *Rejection) string

// shownRejections is how many rejections the text shows in full, over all
// cases.
const shownRejections = 10

// WriteText writes a result for people: rejections with their timelines, then
// the figures.
func WriteText(w io.Writer, r *Result, draw Drawing) error {
	var b strings.Builder
	shown := 0
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Broken != "" {
			first, _, _ := strings.Cut(row.Broken, "\n")
			fmt.Fprintf(&b, "BROKEN %s: %s\n\n", row.Case.ID(), first)
		}
		if row.Rejected == 0 {
			continue
		}
		fmt.Fprintf(&b, "REJECTS %s: %d of %d legal probers\n", row.Case.ID(), row.Rejected, row.Runs)
		shown++
		for j := range row.Rejections {
			x := &row.Rejections[j]
			fmt.Fprintf(&b, "prober %d: %s\n  legal by  %s\n", x.Prober.Number, x.Prober.Name(), strings.Join(x.Prober.Rules(), ", "))
			if j == 0 && shown <= shownRejections {
				b.WriteString(draw(row, x))
				continue
			}
			x.write(&b, r.Options.Seed)
		}
		b.WriteString("\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return r.writeFigures(w)
}

func (j *Rejection) write(b *strings.Builder, seed uint64) {
	f := j.Verdict.Failures[0]
	fmt.Fprintf(b, "  rejected  %s: %s\n", f.Requirement, f.Message)
	if f.Want != "" {
		fmt.Fprintf(b, "  want      %s\n", f.Want)
	}
	fmt.Fprintf(b, "  replay    %s\n", j.Replay(seed))
}

// Replay is the command that draws the run again, given the seed of the
// population.
func (j *Rejection) Replay(seed uint64) string {
	command := fmt.Sprintf("vmprobe legal --prober %d --seed %d ", j.Prober.Number, seed)
	return command + judge.ShellWord(j.Verdict.Case) + j.Verdict.ScenarioFlag()
}

// figures are sums over the cases of a profile.
type figures struct {
	runs                                             RunFigs
	cases, like, parted, rejected, rejecting, broken int
}

func (f *figures) add(r *Row) {
	f.cases++
	f.runs.add(r.figs())
	f.rejected += r.Rejected
	if r.Like != "" {
		f.like++
	}
	if r.Parts != "" {
		f.parted++
	}
	if r.Rejected > 0 {
		f.rejecting++
	}
	if r.Broken != "" {
		f.broken++
	}
}

func (r *Result) sums() (all figures, by map[probes.ProfileName]*figures) {
	by = map[probes.ProfileName]*figures{}
	for i := range r.Rows {
		row := &r.Rows[i]
		name := row.Case.Profile.Name
		if by[name] == nil {
			by[name] = &figures{}
		}
		by[name].add(row)
		all.add(row)
	}
	return all, by
}

func (r *Result) writeFigures(w io.Writer) error {
	all, by := r.sums()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "profile\tcases\tprobers\truns\tchecked\trejections\t")
	for _, name := range probes.ProfileNames() {
		if f := by[name]; f != nil {
			fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t\n", name, f.cases, r.probers(), f.runs.Runs, f.runs.Checked, f.rejected)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	if n := all.runs; n.Recalled > 0 {
		fmt.Fprintf(&b, "%d tries were made, %d remembered from others in the same state; %d runs made again without memory gave the same trace\n",
			n.Made, n.Recalled, n.Checked)
	}
	if all.like > 0 {
		fmt.Fprintf(&b, "%d cases are the same as in another profile but for its name, and were run once for both\n", all.like)
	}
	if all.parted > 0 {
		fmt.Fprintf(&b, "%d cases were run without memory: it changed the order at an instant\n", all.parted)
	}
	if all.broken > 0 {
		fmt.Fprintf(&b, "%d cases could not be run\n", all.broken)
	}
	fmt.Fprintf(&b, "%d of %d cases reject a legal prober: %d of %d runs, %.1f years of VM life\n",
		all.rejecting, all.cases, all.rejected, all.runs.Runs, r.Length().Hours()/24/365.25)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) probers() int {
	if r.Options.Only != nil {
		return 1
	}
	return r.Options.Probers
}

// Rejecting counts the cases that reject a legal prober.
func (r *Result) Rejecting() int {
	all, _ := r.sums()
	return all.rejecting
}

// Broken counts the cases that could not be run.
func (r *Result) Broken() int {
	all, _ := r.sums()
	return all.broken
}
