package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/mutants/sheet"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// mutantsFlags are the flags of mutants.
type mutantsFlags struct {
	cases    []string
	seed     uint64
	seeds    int
	parallel int
	shard    string
	output   string
	full     bool
	view     string
	seen     trace.View
	matrix   string
}

func newMutants(s streams, env lookupEnv) *cobra.Command {
	var f mutantsFlags
	cmd := &cobra.Command{
		Use:   "mutants [mutant|pattern]...",
		Short: "Prove that the suite notices wrong probers",
		Long: `mutants runs wrong probers against the cases and looks for a case that kills each of
them, at every seed and for the requirement that it breaks. A mutant that no case
kills is a hole in the suite; so is one that fails for another requirement only.
Without arguments it runs every mutant; without --cases against every embedded case.

First it tries what scenarios claim ("kills"), then it searches until each seed has a
killer; --full runs all scenarios. Exit code 1: a mutant survives, a claim does not hold,
a scenario claims nothing, or a requirement has no killed mutant (the last two only when
nothing was left out).`,
		Example: `  vmprobe mutants
  vmprobe mutants sticky-ready --full
  vmprobe mutants 'http-*' --cases 'http-*' --seeds 20
  vmprobe mutants -o json > matrix.json
  vmprobe mutants --matrix matrix.json -o html > matrix.html`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return mutants.Names(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	profiles := profileFlag(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&f.cases, "cases", nil, "only these cases: a name, pattern, case id, file or directory (default all embedded)")
	flags.Uint64Var(&f.seed, "seed", 1, "first seed")
	flags.IntVar(&f.seeds, "seeds", 5, "number of seeds, counted up from --seed")
	flags.IntVarP(&f.parallel, "parallel", "p", runtime.GOMAXPROCS(0), "mutants at a time; the matrix does not depend on it")
	flags.StringVar(&f.shard, "shard", "", "examine only part i of n of the mutants, as in 2/8; disjoint and complete")
	flags.StringVarP(&f.output, "output", "o", "text", "what to print: text, json or html")
	flags.BoolVar(&f.full, "full", false, "run every mutant against every case, not only until it is killed")
	flags.StringVar(&f.view, "view", "prober", "watch from inside the prober, from the wire or from the guest: prober, wire or guest")
	flags.StringVar(&f.matrix, "matrix", "", "show this saved matrix (-o json of a whole run) instead of running one")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		selected, err := profiles()
		if err != nil {
			return err
		}
		list, err := f.mutants(args)
		if err != nil {
			return err
		}
		files, err := load(f.cases, s.in)
		if err != nil {
			return err
		}
		known, err := cases(files, selected, s.err)
		if err != nil {
			return err
		}
		whole := len(f.cases) == 0 && len(selected) == 0 && f.seen.ShowsAttempts()
		if f.matrix != "" {
			return f.saved(s, known, whole && len(args) == 0 && f.shard == "")
		}
		parts := len(selected) > 0 || slices.ContainsFunc(files, func(l suite.Loaded) bool { return l.Source.Pattern != "" })
		return f.execute(cmd.Context(), s, env, list, known, mutants.Options{Whole: whole, Parts: parts})
	}
	return cmd
}

// mutants selects the mutants and looks at the flags.
func (f *mutantsFlags) mutants(args []string) ([]mutants.Mutant, error) {
	switch {
	case f.seeds < 1 || f.parallel < 1:
		return nil, usagef("--seeds and --parallel must be at least 1")
	case !slices.Contains([]string{"text", "json", "html"}, f.output):
		return nil, usagef("--output %q: want text, json or html", f.output)
	}
	var err error
	if f.seen, err = trace.ParseView(f.view); err != nil {
		return nil, usagef("--view: %w", err)
	}
	shard, err := suite.ParseShard(f.shard)
	if err != nil {
		return nil, usagef("--shard: %w", err)
	}
	all, err := mutants.Select(args)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	var list []mutants.Mutant
	for _, m := range all {
		if shard.Contains(m.Name) {
			list = append(list, m)
		}
	}
	if len(list) == 0 {
		return nil, usagef("nothing selected: no mutant is in shard %s", f.shard)
	}
	return list, nil
}

// execute runs the matrix; a survivor makes the verdict negative.
func (f *mutantsFlags) execute(ctx context.Context, s streams, env lookupEnv, list []mutants.Mutant, known []*scenarios.Case, o mutants.Options) error {
	bar := newProgress(s.err, env)
	o.Seed, o.Seeds, o.Parallel, o.Full, o.View, o.Progress = f.seed, f.seeds, f.parallel, f.full, f.seen, bar.step
	m, err := mutants.Run(ctx, list, known, o)
	bar.clear()
	if err != nil {
		return err
	}
	return f.finish(s, &m)
}

// saved shows a matrix that was run before.
func (f *mutantsFlags) saved(s streams, known []*scenarios.Case, whole bool) error {
	if !whole {
		return usagef("--matrix shows the whole matrix: leave mutants, --cases, --profile and --shard out")
	}
	m, err := readMatrix(f.matrix, known)
	if err != nil {
		return err
	}
	return f.finish(s, m)
}

// finish writes the matrix and turns it into a verdict.
func (f *mutantsFlags) finish(s streams, m *mutants.Matrix) (err error) {
	switch f.output {
	case "json":
		err = writeJSON(s.out, m)
	case "html":
		err = sheet.Write(s.out, m)
	default:
		err = mutants.WriteText(s.out, m)
	}
	switch {
	case err != nil:
		return exit(exitCouldNotRun, fmt.Errorf("write the matrix: %w", err))
	case !m.Proved():
		return exit(exitNegative, nil)
	}
	return nil
}
