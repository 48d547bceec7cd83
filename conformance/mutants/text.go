package mutants

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// shownKills is how many killers of a mutant the text names.
const shownKills = 3

// WriteText writes a matrix for people: a line for each mutant, then what is
// missing.
func WriteText(w io.Writer, m *Matrix) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MUTANT\tBREAKS\tKILLED BY")
	for i := range m.Rows {
		r := &m.Rows[i]
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.Mutant, r.Requirement, r.fate())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	for i := range m.Rows {
		m.Rows[i].lament(&b)
	}
	if len(m.Failing) > 0 {
		fmt.Fprintf(&b, "\nfail without any mutant, and kill nothing: %s\n", strings.Join(m.Failing, ", "))
	}
	if len(m.Unkilled) > 0 {
		fmt.Fprintf(&b, "\nrequirements without a killed mutant: %s\n", strings.Join(m.Unkilled, ", "))
	}
	if len(m.Claimless) > 0 {
		fmt.Fprintf(&b, "\nscenarios that claim no kill: %s\n", strings.Join(m.Claimless, ", "))
	}
	m.promises(&b)
	survivors := m.Survivors()
	fmt.Fprintf(&b, "\n%d of %d mutants killed at every seed for the requirement that they break; %d survive (%d cases, %d seeds, %d runs, %d spared)\n",
		len(m.Rows)-survivors, len(m.Rows), survivors, m.Cases, m.Seeds, m.Runs, m.Spared)
	if all, broken := m.Claims(); all > 0 {
		fmt.Fprintf(&b, "%d of %d claims of scenarios hold at every seed\n", all-broken, all)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fate is the last column of a row.
func (r *Row) fate() string {
	if !r.Killed {
		return "SURVIVES"
	}
	var names []string
	for i, k := range r.Kills {
		if i == shownKills {
			names = append(names, fmt.Sprintf("and %d more", len(r.Kills)-shownKills))
			break
		}
		names = append(names, k.Case)
	}
	return strings.Join(names, ", ")
}

// lament tells of a survivor: what is wrong with it, and who noticed anything.
func (r *Row) lament(b *strings.Builder) {
	if r.Killed {
		return
	}
	fmt.Fprintf(b, "\n%s survives at seeds %s\n", r.Mutant, seedList(r.Survives))
	fmt.Fprintf(b, "  wrong   %s (%s)\n", r.Wrong, r.Source)
	if r.Invisible != "" {
		fmt.Fprintf(b, "  unseen  %s\n", r.Invisible)
	}
	if m := r.Misnamed; m != nil {
		fmt.Fprintf(b, "  fails   %s seed %d, but for %s: %s\n", m.Case, m.Seed, m.Requirement, m.Message)
	}
	if r.Broken != "" {
		first, _, _ := strings.Cut(r.Broken, "\n")
		fmt.Fprintf(b, "  broken  %s\n", first)
	}
}

// promises tells of claims that do not hold.
func (m *Matrix) promises(b *strings.Builder) {
	for i := range m.Rows {
		for _, c := range m.Rows[i].Claims {
			if len(c.Survives) > 0 {
				fmt.Fprintf(b, "\n%s claims to kill %s, which survives it at seeds %s\n", c.Scenario, m.Rows[i].Mutant, seedList(c.Survives))
			}
		}
	}
}

func seedList(seeds []uint64) string {
	words := make([]string, len(seeds))
	for i, s := range seeds {
		words[i] = fmt.Sprint(s)
	}
	return strings.Join(words, ", ")
}
