package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

func newLint(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lint [file|dir|case|-]...",
		Short: "Check scenario files: syntax, names, windows, ambiguity",
		Long: `lint reports everything that is wrong with scenario files as file:line:col, with the
source line and a suggestion. Beside mistakes it finds scenarios that would reject a
legal prober, or assert too little to catch a wrong one.`,
		Example: `  vmprobe lint my-scenario.yaml
  vmprobe lint scenarios/ --format github
  vmprobe explain S014                     what a diagnostic means, and the fix`,
		ValidArgsFunction: completeScenarios,
	}
	format := cmd.Flags().String("format", "text", "text, github (annotations) or json")
	strict := cmd.Flags().Bool("strict", false, "warnings fail, too")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		files, err := load(args, s.in)
		if err != nil {
			return err
		}
		var all diag.List
		sources := diag.Sources{}
		for _, l := range files {
			sources[l.Source.Name] = l.Source.Data
			all = append(all, l.Diags...)
			if !l.Diags.HasErrors() {
				all = append(all, scenarios.Lint(l.File)...)
			}
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
