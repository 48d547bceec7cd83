// Command mutation changes the source of the prober in every systematic way
// (comparisons, numbers, operators, conditions, assignments, calls, cases) and
// asks which changes the conformance suite notices. Unit tests take no part.
// See the README beside it.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

//go:embed equivalent.txt
var equivalentText string

var errBelow = errors.New("below the minimum")

// options are the flags.
type options struct {
	packages []string
	only     string
	every    int
	parallel int
	seeds    int
	json     string
	minimum  float64
	list     bool
	keep     string
}

func main() {
	var o options
	packages := flag.String("packages", "probes/engine,probes/attempt,probes/guestagent", "packages to mutate")
	flag.StringVar(&o.only, "only", "", "only mutants at `FILE:LINE` (or FILE, or a part of their key)")
	flag.IntVar(&o.every, "every", 1, "only every N-th mutant: a sample")
	flag.IntVar(&o.parallel, "p", 1, "processes")
	flag.IntVar(&o.seeds, "seeds", 3, "seeds of each case")
	flag.StringVar(&o.json, "json", "", "also write the report to `PATH`")
	flag.Float64Var(&o.minimum, "min", 0, "least percentage of non-equivalent mutants killed, for each package")
	flag.BoolVar(&o.list, "list", false, "list the mutants and run nothing")
	flag.StringVar(&o.keep, "keep", "", "`DIR` for the woven source and the driver; default a temporary one")
	flag.Parse()
	o.packages = strings.Split(*packages, ",")
	err := run(&o)
	switch {
	case errors.Is(err, errBelow):
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(3)
	}
}

func run(o *options) error {
	same, err := parseEquivalents(equivalentText)
	if err != nil {
		return fmt.Errorf("equivalent.txt: %w", err)
	}
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "vmprobe-mutation-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	w, err := compile(dir, o.packages)
	if err != nil {
		return err
	}
	tried := o.selected(w.mutants)
	if o.list {
		for _, m := range tried {
			fmt.Printf("%s: %s: %s\n%s\n", m.place(), m.function, m.operator, indent(m.diff()))
		}
		return nil
	}
	c := &campaign{woven: w, parallel: max(o.parallel, 1), seeds: max(o.seeds, 1)}
	if err := c.survey(); err != nil {
		return err
	}
	results, err := c.run(tried)
	if err != nil {
		return err
	}
	r := summarise(c, o.packages, tried, results, same)
	if o.only != "" || o.every > 1 {
		r.Stale = nil // the other mutants were not tried
	}
	r.write(os.Stdout, tried)
	if o.json != "" {
		if err := r.save(o.json); err != nil {
			return err
		}
	}
	return o.gate(r)
}

// selected keeps the mutants that were asked for, and of those the ones that
// have a place: a constant that is used only where the compiler needs its
// value has none.
func (o *options) selected(all []*mutant) []*mutant {
	var out []*mutant
	for _, m := range all {
		if len(m.sites) == 0 {
			continue
		}
		at := fmt.Sprintf("%s:%d", m.file, m.line)
		if o.every > 1 && m.number%o.every != 0 {
			continue
		}
		if o.only == "" || o.only == m.file || o.only == at || strings.HasSuffix(at, "/"+o.only) || strings.Contains(m.key(), o.only) {
			out = append(out, m)
		}
	}
	return out
}

// gate refuses stale entries and packages below the minimum.
func (o *options) gate(r *report) error {
	if len(r.Stale) > 0 {
		return fmt.Errorf("equivalent.txt has %d stale entries: %w", len(r.Stale), errBelow)
	}
	var low []string
	for _, t := range r.Packages {
		if t.Mutants > t.Equivalent && t.Percent < o.minimum {
			low = append(low, fmt.Sprintf("%s %.1f%%", t.Package, t.Percent))
		}
	}
	if len(low) > 0 {
		return fmt.Errorf("%s: %w of %.1f%%", strings.Join(low, ", "), errBelow, o.minimum)
	}
	return nil
}
