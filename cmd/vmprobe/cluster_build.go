package main

import (
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/local"
)

func newClusterBuild(s streams, env lookupEnv) *cobra.Command {
	tier := string(cluster.TierAPI)
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the programs of a cluster ahead, and start nothing",
		Long: `build does the part of "up" that takes minutes: it builds the programs of the provider
local from Go modules, for a machine image, a cache of a CI service, or beside other work.
What is built already is left alone, and an interrupted build goes on where it was. It
prints the folders; they are in the user's cache, and "up" finds them there.`,
		Example: `  vmprobe cluster build
  nice vmprobe cluster build --tier node`,
		Args: noArguments,
	}
	cmd.Flags().StringVar(&tier, "tier", tier, "api, node or kubevirt, as of up")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkTier(tier); err != nil {
			return err
		}
		p := newStages(s.err, env)
		dirs, err := local.Build(cmd.Context(), cluster.Tier(tier), p.tell)
		p.end()
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		for _, name := range slices.Sorted(maps.Keys(dirs)) {
			fmt.Fprintf(t, "%s\t%s\n", name, dirs[name])
		}
		return t.Flush()
	}
	return cmd
}

// checkTier refuses what is no tier.
func checkTier(tier string) error {
	return oneOf("tier", tier, string(cluster.TierAPI), string(cluster.TierNode), string(cluster.TierKubeVirt))
}
