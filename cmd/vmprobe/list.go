package main

import (
	"fmt"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/scenarios"
)

func newList(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [case|pattern|file|dir|-]...",
		Short: "List cases with their requirements, features and virtual length",
		Example: `  vmprobe list
  vmprobe list 'http-*' --profile kubevirt
  vmprobe list -o json`,
		ValidArgsFunction: completeScenarios,
	}
	profiles := profileFlag(cmd)
	output := cmd.Flags().StringP("output", "o", "text", "text or json")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if *output != "text" && *output != "json" {
			return usagef("--output %q: want text or json", *output)
		}
		selected, err := profiles()
		if err != nil {
			return err
		}
		files, err := load(args, s.in)
		if err != nil {
			return err
		}
		list, err := cases(files, selected, s.err)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return usagef("nothing selected")
		}
		if *output == "json" {
			return writeListJSON(s, list)
		}
		return writeListText(s, list)
	}
	return cmd
}

// listed is one line of the list.
type listed struct {
	ID           string   `json:"id"`
	Title        string   `json:"title"`
	File         string   `json:"file"`
	Line         int      `json:"line"`
	Profile      string   `json:"profile"`
	Requirements []string `json:"requirements"`
	Features     []string `json:"features,omitempty"`
	Length       string   `json:"length"`
}

func writeListJSON(s streams, list []*scenarios.Case) error {
	rows := make([]listed, 0, len(list))
	for _, c := range list {
		rows = append(rows, listed{
			ID: c.ID(), Title: c.Title, File: c.File, Line: c.Line, Profile: string(c.Profile.Name),
			Requirements: c.Requirements, Features: c.Features, Length: c.Until.String(),
		})
	}
	return writeJSON(s.out, rows)
}

func writeListText(s streams, list []*scenarios.Case) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CASE\tLENGTH\tREQUIREMENTS")
	for _, c := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.ID(), c.Until, strings.Join(c.Requirements, " "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%d cases\n", len(list))
	return err
}

func embeddedNames() []string {
	files, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f, ".yaml")
	}
	return names
}
