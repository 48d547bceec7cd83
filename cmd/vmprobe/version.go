package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
)

func newVersion(s streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  vmprobe version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(s.out, "vmprobe", campaign.Version())
			return err
		},
	}
}
