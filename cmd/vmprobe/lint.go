package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/known"
	"github.com/vmprobe/vmprobe/conformance/legal"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

func newLint(s streams, env lookupEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lint [file|dir|case|-]...",
		Short: "Check scenario files, and lists of known failures",
		Long: `lint reports everything that is wrong with scenario files as file:line:col, with the
source line and a suggestion. Beside mistakes it finds scenarios that would reject a
legal prober, or assert too little to catch a wrong one: by arithmetic, and by running
the legal probers at the edges of what is allowed (--probers). Embedded scenarios meet
the whole population in "vmprobe legal", and here only when --probers is given.

A list of known failures (kind KnownFailing) is held to the cases that there are, the
embedded ones and those of the other arguments, and to the day.`,
		Example: `  vmprobe lint my-scenario.yaml
  vmprobe lint scenarios/ --format github
  vmprobe lint my-scenario.yaml --probers 2000
  vmprobe lint known-failing.yaml
  vmprobe explain S014                     what a diagnostic means, and the fix`,
		ValidArgsFunction: completeScenarios,
	}
	format := cmd.Flags().String("format", "text", "text, github (annotations) or json")
	strict := cmd.Flags().Bool("strict", false, "warnings fail, too")
	probers := cmd.Flags().Int("probers", legal.Edges(), "legal probers that each case of a file of yours must pass; 0: none are run")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *probers < 0 {
			return usagef("--probers must be at least 0")
		}
		files, err := load(args, s.in)
		if err != nil {
			return err
		}
		cases, err := casesForKnown(files)
		if err != nil {
			return err
		}
		var all diag.List
		sources := diag.Sources{}
		for _, l := range files {
			sources[l.Source.Name] = l.Source.Data
			all = append(all, lintOne(l, cases)...)
		}
		met := population{probers: *probers, embedded: cmd.Flags().Changed("probers")}
		if err := met.lint(cmd.Context(), files, newProgress(s.err, env), &all); err != nil {
			return err
		}
		if err := writeDiagnostics(s, *format, all.Sort(), sources); err != nil {
			return err
		}
		if all.HasErrors() || *strict && len(all) > 0 {
			return exit(exitUsage, nil)
		}
		if *format == "text" {
			fmt.Fprintf(s.err, "checked %d, warnings %d\n", len(files), len(all))
		}
		return nil
	}
	return cmd
}

// lintOne looks at a scenario file, or at a list of known failures; cases are
// all that there are.
func lintOne(l suite.Loaded, cases []*scenarios.Case) diag.List {
	if known.Is(l.Source.Data) {
		_, list := lintKnown(l.Source.Name, l.Source.Data, cases, false)
		return list
	}
	if l.Diags.HasErrors() {
		return l.Diags
	}
	return append(l.Diags, scenarios.Lint(l.File)...)
}

// casesForKnown are the embedded cases and those of the files, if one of the
// files is a list of known failures.
func casesForKnown(files []suite.Loaded) ([]*scenarios.Case, error) {
	if !slices.ContainsFunc(files, func(l suite.Loaded) bool { return known.Is(l.Source.Data) }) {
		return nil, nil
	}
	sel := campaign.Selection{}
	sel.Read(files)
	list, err := sel.Universe()
	if err != nil {
		return nil, exit(exitCouldNotRun, err)
	}
	return list, nil
}

func writeDiagnostics(s streams, format string, list diag.List, sources diag.Sources) error {
	switch format {
	case "text":
		return diag.WriteText(s.out, list, sources)
	case "github":
		return diag.WriteGitHub(s.out, list)
	case "json":
		return diag.WriteJSON(s.out, list)
	}
	return usagef("--format %q: want text, github or json%s", format, didYouMean(format, []string{"text", "github", "json"}))
}
