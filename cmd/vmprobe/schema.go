package main

import (
	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/scenarios"
)

func newSchema(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of scenario files, for editors",
		Long: `schema prints the JSON Schema of a Scenario document. Editors with a YAML language
server complete and check scenario files when their first line is
  # yaml-language-server: $schema=scenario.schema.json`,
		Example: "  vmprobe schema > scenario.schema.json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := s.out.Write(scenarios.Schema())
			return err
		},
	}
}
