package main

import (
	"github.com/spf13/cobra"
)

func newConformance(s streams, env lookupEnv) *cobra.Command {
	var f caseFlags
	cmd := &cobra.Command{
		Use:   "conformance [case|pattern|file|dir|-]...",
		Short: "Put a prober under test and say whether it conforms",
		Long: `conformance runs the suite against a prober on a testbed and gives a verdict for
each profile. The prober under test is the one of vmprobe itself.

The same suite runs as a Go test: go test ./conformance. Both write the same report,
byte for byte.`,
		Example: `  vmprobe conformance
  vmprobe conformance --profile kubevirt --report junit=junit.xml
  vmprobe conformance --label-filter 'httpGet && !restart'
  vmprobe conformance --label-filter 'THR-FAILURE || THR-SUCCESS' --seeds 20`,
		ValidArgsFunction: completeScenarios,
	}
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		jobs, err := f.jobs(s, args, bed().Name())
		if err != nil {
			return err
		}
		return f.execute(cmd.Context(), s, env, bed(), jobs)
	}
	return cmd
}
