package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

func newClusterSweep(s streams) *cobra.Command {
	var kubeconfig, output string
	var all bool
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Remove from a cluster what killed runs left behind",
		Long: `sweep removes the namespaces of runs of --testbed kubevirt that nobody needs any more: their
harness ran on this host and is gone, or they have expired. What another run may still
need is named and stays; --all removes it, too. Nothing without the label
app.kubernetes.io/managed-by=vmprobe is touched.`,
		Example: `  vmprobe cluster sweep
  vmprobe cluster sweep --kubeconfig cluster.yaml --all`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "the cluster: a `file` (default $KUBECONFIG, then ~/.kube/config)")
	cmd.Flags().BoolVar(&all, "all", false, "also what another run may still need")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if output != "text" && output != "json" {
			return usagef("--output %q: want text or json", output)
		}
		client, vms, err := kubevirt.Connect(kubeconfig)
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		list, err := kubevirt.Sweep(cmd.Context(), client, vms, all)
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		if output == "json" {
			if list == nil {
				list = []kubevirt.Swept{}
			}
			return writeJSON(s.out, list)
		}
		removed := 0
		for _, x := range list {
			word := "kept   "
			if x.Removed {
				word = "removed"
				removed++
			}
			fmt.Fprintf(s.out, "%s  %s  %s  (%s)\n", word, x.Namespace, x.Case, x.Reason)
		}
		fmt.Fprintf(s.out, "%d of %d namespaces removed\n", removed, len(list))
		return nil
	}
	return cmd
}
