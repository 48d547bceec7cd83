package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// sweepPatience is how long namespaces may take to be gone, unless --wait is given.
const sweepPatience = time.Minute

func newClusterSweep(s streams) *cobra.Command {
	var kubeconfig, output string
	var broom kubevirt.Broom
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Remove from a cluster what killed runs left behind",
		Long: `sweep removes the namespaces of runs of --testbed kubevirt that nobody needs any more: their
harness ran on this host and is gone, or they have expired. What another run may still
need is named and stays; --all removes it, too. Nothing without the label
app.kubernetes.io/managed-by=vmprobe is touched. What is not gone after --wait is named
with what the cluster says that holds it, and the exit code is 3.`,
		Example: `  vmprobe cluster sweep
  vmprobe cluster sweep --wait 5m
  vmprobe cluster sweep --kubeconfig cluster.yaml --all`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "the cluster: a `file` (default $KUBECONFIG, then ~/.kube/config)")
	cmd.Flags().BoolVar(&broom.All, "all", false, "also what another run may still need")
	cmd.Flags().DurationVar(&broom.Wait, "wait", sweepPatience, "how long namespaces may take to be gone; 0s: ask for their removal, and do not wait")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if output != "text" && output != "json" {
			return usagef("--output %q: want text or json", output)
		}
		if broom.Wait < 0 {
			return usagef("--wait %v: want no negative time", broom.Wait)
		}
		if broom.Client, broom.Dynamic, err = kubevirt.Connect(kubeconfig); err != nil {
			return exit(exitCouldNotRun, err)
		}
		list, err := broom.Sweep(cmd.Context())
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		return printSwept(s.out, output, list, broom.Wait)
	}
	return cmd
}

// printSwept tells what became of namespaces; one that was waited for in vain is an
// error.
func printSwept(w io.Writer, output string, list []kubevirt.Swept, waited time.Duration) error {
	count := map[kubevirt.Fate]int{}
	for _, x := range list {
		count[x.Fate]++
	}
	if output == "json" {
		if err := writeJSON(w, list); err != nil {
			return err
		}
	} else {
		for _, x := range list {
			fmt.Fprintf(w, "%-8s  %s  %s  (%s)\n", x.Fate, x.Namespace, x.Case, x.Reason)
			if len(x.Holds) > 0 {
				fmt.Fprintf(w, "          held by %s\n", strings.Join(x.Holds, "; "))
			}
		}
		fmt.Fprintf(w, "%d of %d namespaces removed\n", count[kubevirt.Removed], len(list))
	}
	if n := count[kubevirt.Removing]; n > 0 && waited > 0 {
		return exit(exitCouldNotRun, fmt.Errorf("%d namespaces are not gone after %v", n, waited))
	}
	return nil
}
