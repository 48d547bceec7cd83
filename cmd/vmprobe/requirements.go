package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// requirementsFlags are the flags of requirements.
type requirementsFlags struct {
	untested bool
	unkilled bool
	matrix   string
	output   string
	seeds    int
	parallel int
}

func newRequirements(s streams, env lookupEnv) *cobra.Command {
	var f requirementsFlags
	cmd := &cobra.Command{
		Use:   "requirements",
		Short: "List the requirements, or what the suite lacks for them",
		Long: `requirements lists the catalogue: id, level, how many embedded scenarios are about the
rule, and what it says.

--untested lists the rules that can be observed and that no scenario is about, --unkilled
those that no killed mutant breaks: nobody knows whether the suite would notice. Either
exits 1 when there is one. --unkilled runs the kill matrix, or reads the one of
"vmprobe mutants -o json" with --matrix; a matrix of other scenarios, requirements or
mutants is refused.`,
		Example: `  vmprobe requirements
  vmprobe requirements --profile kubernetes -o json
  vmprobe requirements --untested
  vmprobe mutants -o json > matrix.json; vmprobe requirements --unkilled --matrix matrix.json`,
		Args: cobra.NoArgs,
	}
	profiles := profileFlag(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.untested, "untested", false, "only what no scenario is about; exit 1 if there is any")
	flags.BoolVar(&f.unkilled, "unkilled", false, "only what no killed mutant breaks; exit 1 if there is any")
	flags.StringVar(&f.matrix, "matrix", "", "the kill matrix of --unkilled, from vmprobe mutants -o json (default: run it)")
	flags.StringVarP(&f.output, "output", "o", "text", "text, json or yaml")
	flags.IntVar(&f.seeds, "seeds", 5, "seeds of the kill matrix that --unkilled runs")
	flags.IntVarP(&f.parallel, "parallel", "p", runtime.GOMAXPROCS(0), "mutants at a time of that matrix")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		selected, err := profiles()
		if err != nil {
			return err
		}
		if err := f.check(selected); err != nil {
			return err
		}
		return f.execute(cmd.Context(), s, env, selected)
	}
	return cmd
}

func (f *requirementsFlags) check(selected []probes.ProfileName) error {
	var errs []error
	if !slices.Contains([]string{"text", "json", "yaml"}, f.output) {
		errs = append(errs, fmt.Errorf("--output %q: want text, json or yaml", f.output))
	}
	if f.seeds < 1 || f.parallel < 1 {
		errs = append(errs, errors.New("--seeds and --parallel must be at least 1"))
	}
	if f.matrix != "" && !f.unkilled {
		errs = append(errs, errors.New("--matrix is for --unkilled"))
	}
	if f.matrix != "" && len(selected) > 0 {
		errs = append(errs, errors.New("--matrix and --profile: a saved matrix does not tell one profile from another; leave --matrix out"))
	}
	if len(errs) > 0 {
		return usagef("%w", errors.Join(errs...))
	}
	return nil
}

// listedRequirement is one line of the list, with the scenarios about it in
// the profiles asked for.
type listedRequirement struct {
	requirements.Requirement
	Scenarios []string `json:"scenarios"`
	// Lacks says what is missing: "scenario", "killed mutant".
	Lacks []string `json:"lacks,omitempty"`
}

func (f *requirementsFlags) execute(ctx context.Context, s streams, env lookupEnv, selected []probes.ProfileName) error {
	files, err := load(nil, s.in)
	if err != nil {
		return err
	}
	known, err := cases(files, selected, s.err)
	if err != nil {
		return err
	}
	list := listRequirements(known, selected)
	if f.unkilled {
		m, err := f.kills(ctx, s, env, known)
		if err != nil {
			return err
		}
		lacking := m.Unproved()
		for i := range list {
			if slices.Contains(lacking, list[i].ID) {
				list[i].Lacks = append(list[i].Lacks, "killed mutant")
			}
		}
	}
	if f.untested {
		for i := range list {
			if len(list[i].Scenarios) == 0 && list[i].Excluded == "" {
				list[i].Lacks = append(list[i].Lacks, "scenario")
			}
		}
	}
	if f.untested || f.unkilled {
		list = slices.DeleteFunc(list, func(r listedRequirement) bool { return len(r.Lacks) == 0 })
	}
	if err := f.write(s, list); err != nil {
		return exit(exitCouldNotRun, err)
	}
	if (f.untested || f.unkilled) && len(list) > 0 {
		return exit(exitNegative, nil)
	}
	return nil
}

// listRequirements lists what holds in one of the profiles; none: in any.
func listRequirements(known []*scenarios.Case, selected []probes.ProfileName) []listedRequirement {
	var list []listedRequirement
	for _, r := range requirements.All() {
		if len(selected) > 0 && !slices.ContainsFunc(selected, r.Holds) {
			continue
		}
		names := []string{}
		for _, t := range testers(r.ID, known) {
			names = append(names, t.Scenario)
		}
		list = append(list, listedRequirement{Requirement: r, Scenarios: names})
	}
	return list
}

// kills gives the kill matrix: of the file, or a new one.
func (f *requirementsFlags) kills(ctx context.Context, s streams, env lookupEnv, known []*scenarios.Case) (*mutants.Matrix, error) {
	if f.matrix != "" {
		return readMatrix(f.matrix, known)
	}
	bar := newProgress(s.err, env)
	m, err := mutants.Run(ctx, mutants.All(), known, mutants.Options{Seed: firstSeed, Seeds: f.seeds, Parallel: f.parallel, Parts: true, Progress: bar.step})
	bar.clear()
	return &m, err
}

// readMatrix reads a saved matrix of everything that there is now.
func readMatrix(name string, known []*scenarios.Case) (*mutants.Matrix, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	var m mutants.Matrix
	switch err := json.Unmarshal(data, &m); {
	case err != nil:
		return nil, usagef("%s: no kill matrix: %w", name, err)
	case m.Digest != mutants.Digest(mutants.All(), known):
		return nil, usagef("%s: a matrix of other scenarios, requirements or mutants; make it again with: vmprobe mutants -o json", name)
	case !m.Whole:
		return nil, usagef("%s: a matrix of a part of the suite; make it again with: vmprobe mutants -o json", name)
	}
	return &m, nil
}

func (f *requirementsFlags) write(s streams, list []listedRequirement) error {
	switch f.output {
	case "json":
		return writeJSON(s.out, list)
	case "yaml":
		return writeYAML(s.out, list)
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	if len(list) > 0 {
		fmt.Fprintln(w, "REQUIREMENT\tLEVEL\tSCENARIOS\tSAYS")
	}
	for _, r := range list {
		says, number := r.Title, fmt.Sprint(len(r.Scenarios))
		switch {
		case len(r.Lacks) > 0:
			says = "lacks a " + r.Lacks[0] + ": " + says
			if len(r.Lacks) > 1 {
				says = "lacks a " + r.Lacks[0] + " and a " + r.Lacks[1] + ": " + r.Title
			}
		case r.Excluded != "" && len(r.Scenarios) == 0:
			number = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.ID, r.Level, number, says)
	}
	return w.Flush()
}
