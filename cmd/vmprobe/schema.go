package main

import (
	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/scenarios"
)

func newSchema(s streams) *cobra.Command {
	return &cobra.Command{
		Use:       "schema [scenario|protocol]",
		Short:     "Print the JSON Schema of scenario files, or of the lockstep protocol",
		ValidArgs: []string{"scenario", "protocol"},
		Long: `schema prints the JSON Schema of a Scenario document. Editors with a YAML language
server complete and check scenario files when their first line is
  # yaml-language-server: $schema=scenario.schema.json

"schema protocol" prints that of a line between the suite and a prober under test.`,
		Example: "  vmprobe schema > scenario.schema.json\n  vmprobe schema protocol > protocol.schema.json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			text := scenarios.Schema()
			switch {
			case len(args) == 0 || args[0] == "scenario":
			case args[0] == "protocol":
				text = protocol.Schema()
			default:
				return usagef("schema %q: want scenario or protocol%s", args[0], didYouMean(args[0], []string{"scenario", "protocol"}))
			}
			_, err := s.out.Write(text)
			return err
		},
	}
}
