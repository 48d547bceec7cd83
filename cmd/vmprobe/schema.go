package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/known"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/scenarios"
)

// schemas are what vmprobe reads and writes, the default first.
func schemas() []struct {
	name string
	text func() []byte
} {
	return []struct {
		name string
		text func() []byte
	}{
		{"scenario", scenarios.Schema},
		{"protocol", protocol.Schema},
		{"report", report.Schema},
		{"known-failing", known.Schema},
	}
}

func newSchema(s streams) *cobra.Command {
	var names []string
	for _, known := range schemas() {
		names = append(names, known.name)
	}
	return &cobra.Command{
		Use:       "schema [" + strings.Join(names, "|") + "]",
		Short:     "Print the JSON Schema of what vmprobe reads and writes",
		ValidArgs: names,
		Long: `schema prints the JSON Schema of a Scenario document. Editors with a YAML language
server complete and check scenario files when their first line is
  # yaml-language-server: $schema=scenario.schema.json

Others are that of a line between the suite and a prober under test (protocol), of a
saved report (report), and of a list of known failures (known-failing).`,
		Example: `  vmprobe schema > scenario.schema.json
  vmprobe schema protocol > protocol.schema.json
  vmprobe schema report > report.schema.json
  vmprobe schema known-failing > known-failing.schema.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			args = append(args, names[0])
			for _, known := range schemas() {
				if known.name == args[0] {
					_, err := s.out.Write(known.text())
					return err
				}
			}
			return usagef("schema %q: want %s%s", args[0], strings.Join(names, ", "), didYouMean(args[0], names))
		},
	}
}
