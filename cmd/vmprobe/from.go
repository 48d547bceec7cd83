package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
)

// fromFlags choose cases by what a saved report says of them.
type fromFlags struct {
	from, only string
	seedsGiven bool
}

func (f *fromFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "from", "", "run cases of this saved `report`, with its seeds")
	cmd.Flags().StringVar(&f.only, "only", "failed", "which ones of --from: "+strings.Join(onlyWords(), ", "))
}

func (f *fromFlags) check(cmd *cobra.Command) error {
	f.seedsGiven = cmd.Flags().Changed("seed") || cmd.Flags().Changed("seeds")
	switch {
	case !slices.Contains(onlyWords(), f.only):
		near := didYouMean(f.only, onlyWords())
		return usagef("--only %q: want %s%s", f.only, strings.Join(onlyWords(), ", "), near)
	case f.from == "" && cmd.Flags().Changed("only"):
		return usagef("--only chooses among the cases of a report: name it with --from")
	}
	return nil
}

// onlyWords are the values of --only: "failed" is fail and error.
func onlyWords() []string {
	words := []string{"failed"}
	for _, r := range judge.Results() {
		words = append(words, string(r))
	}
	return words
}

// choose restricts the selection to cases of the report. It returns the
// arguments that find them, unless there are some already.
func (f *fromFlags) choose(s streams, sel *campaign.Selection, args []string) ([]string, error) {
	r, err := readReport(f.from, s.in)
	if err != nil {
		return nil, err
	}
	states := []judge.Result{judge.Result(f.only)}
	if f.only == "failed" {
		states = []judge.Result{judge.Fail, judge.Error}
	}
	sel.Only = r.Results(states...)
	if len(sel.Only) == 0 {
		return nil, exit(exitUsage, fmt.Errorf("%w: no case of %s is %s", campaign.ErrNothing, f.from, f.only))
	}
	if !f.seedsGiven {
		sel.Seed, sel.Seeds = r.Run.FirstSeed, max(r.Run.Seeds, 1)
	}
	if len(args) > 0 {
		return args, nil
	}
	return sourcesOf(r, sel.Only), nil
}

// sourcesOf lists the scenarios of cases: embedded ones by name, others by
// file.
func sourcesOf(r *report.Report, ids []string) []string {
	byCase, names := r.ByCase(), map[string]bool{}
	for _, id := range ids {
		v := byCase[id]
		switch {
		case strings.HasPrefix(v.File, scenarios.CasesDir):
			names[v.Scenario] = true
		case v.File != "" && v.File != suite.Stdin:
			names[v.File] = true
		default:
			names[suite.Stdin] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
