package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/kindcluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/local"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

func newCluster(s streams, env lookupEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Start a small Kubernetes cluster to probe in, and stop it again",
		Example: `  vmprobe cluster up                    an API server and controllers; no root needed
  vmprobe cluster up --tier node        and a node that runs pods; as root
  vmprobe cluster build --tier node     what the first start takes minutes for
  vmprobe cluster status -o json
  vmprobe cluster down`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClusterUp(s, env), newClusterBuild(s, env), newClusterImage(s), newClusterStatus(s), newClusterDown(s), newClusterSweep(s))
	return cmd
}

// clusterFlags say which cluster is meant.
type clusterFlags struct {
	name string
	home string
}

func (f *clusterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "name", "vmprobe", "name of the cluster")
	cmd.Flags().StringVar(&f.home, "home", "", "folder of the clusters (default: vmprobe/clusters in the user's cache)")
}

func (f *clusterFlags) check() error {
	if err := cluster.CheckName(f.name); err != nil {
		return usagef("--name: %w", err)
	}
	return nil
}

// upFlags say which cluster is wanted.
type upFlags struct {
	clusterFlags
	provider, tier, guest, image string
	manifests, images            []string
}

func newClusterUp(s streams, env lookupEnv) *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster, or leave the one that runs as it is",
		Long: `up starts a cluster and prints where its kubeconfig is. The provider local needs no
container engine and no registry: it builds etcd, Kubernetes and containerd from Go modules
(about ten minutes of processor time, once) and runs them beside nothing else. The provider
kind needs Docker or Podman, and installs the KubeVirt whose manifests are named. What must
be there, and is not, is named with the fix, and the exit code is 3.`,
		Example: `  vmprobe cluster up
  vmprobe cluster up --tier node        as root
  vmprobe cluster up --tier kubevirt    as root, on Debian
  vmprobe cluster up --provider kind --kubevirt kubevirt-operator.yaml --kubevirt kubevirt-cr.yaml
  export KUBECONFIG=$(vmprobe cluster status -o kubeconfig)`,
		Args: noArguments,
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.provider, "provider", "local", "local or kind")
	flags.StringVar(&f.tier, "tier", string(cluster.TierAPI), "of local: api (no node, no root), node (a node that runs pods) or kubevirt (and VMs)")
	flags.StringVar(&f.guest, "guest", "", "static program of the guest's image (default: vmprobe itself)")
	flags.StringArrayVar(&f.manifests, "kubevirt", nil, "of kind: manifest of a KubeVirt release; repeat it for the operator's and the object's")
	flags.StringVar(&f.image, "node-image", "", "of kind: image of the node (default: kind's choice)")
	flags.StringArrayVar(&f.images, "image", nil, "archive of one more image for the nodes, as of \"vmprobe cluster image\"; repeatable")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.check(cmd.Flags().Changed); err != nil {
			return err
		}
		defer tidies(cmd.Context())()
		p := newStages(s.err, env)
		status, err := f.up(cmd.Context(), p)
		p.end()
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		return printCluster(s.out, status)
	}
	return cmd
}

// check refuses what makes no sense, flags of the other provider among it.
func (f *upFlags) check(given func(flag string) bool) error {
	if err := f.clusterFlags.check(); err != nil {
		return err
	}
	if err := oneOf("provider", f.provider, "local", "kind"); err != nil {
		return err
	}
	if err := checkTier(f.tier); err != nil {
		return err
	}
	for flag, provider := range map[string]string{"tier": "local", "kubevirt": "kind", "node-image": "kind"} {
		if given(flag) && f.provider != provider {
			return usagef("--%s is for --provider %s", flag, provider)
		}
	}
	for _, name := range f.manifests {
		if _, err := os.Stat(name); err != nil {
			return usagef("--kubevirt: %w", err)
		}
	}
	for _, name := range f.images {
		if _, err := os.Stat(name); err != nil {
			return usagef("--image: %w", err)
		}
	}
	if len(f.images) > 0 && f.provider == "local" && f.tier == string(cluster.TierAPI) {
		return usagef("--image: tier %s has no node", f.tier)
	}
	return nil
}

func (f *upFlags) up(ctx context.Context, p *stages) (*cluster.Status, error) {
	if f.provider == "kind" {
		return kindcluster.Up(ctx, kindcluster.Config{
			Name: f.name, Home: f.home, Manifests: f.manifests, Image: f.image, Guest: f.guest, Images: f.images, Tell: p.tell,
		})
	}
	return local.Up(ctx, local.Config{Name: f.name, Home: f.home, Tier: cluster.Tier(f.tier), Guest: f.guest, Images: f.images, Tell: p.tell})
}

// provider tells who has made a cluster.
func (f *clusterFlags) provider() (string, error) {
	dir, err := cluster.Folder(f.home, f.name)
	if err != nil {
		return "", err
	}
	s, err := cluster.Read(dir)
	if err != nil {
		return "", err
	}
	return s.Provider, nil
}

func (f *clusterFlags) look() (*cluster.Status, error) {
	by, err := f.provider()
	if err != nil {
		return nil, err
	}
	if by == "kind" {
		return kindcluster.Look(f.home, f.name)
	}
	return local.Look(f.home, f.name)
}

func (f *clusterFlags) down(ctx context.Context) (*cluster.Status, error) {
	by, err := f.provider()
	if err != nil {
		return nil, err
	}
	if by == "kind" {
		return kindcluster.Down(f.home, f.name)
	}
	return local.Down(ctx, f.home, f.name)
}

func newClusterStatus(s streams) *cobra.Command {
	var f clusterFlags
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell what runs, and where",
		Long:  `status prints what is known of a cluster. The exit code is 0 if it runs and 3 if it does not.`,
		Example: `  vmprobe cluster status
  vmprobe cluster status -o json
  vmprobe cluster status -o kubeconfig`,
		Args: noArguments,
	}
	f.add(cmd)
	format := cmd.Flags().StringP("output", "o", "text", "text, json, or kubeconfig: the path alone")
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if err := oneOf("output", *format, "text", "json", "kubeconfig"); err != nil {
			return err
		}
		status, err := f.look()
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		switch *format {
		case "json":
			e := json.NewEncoder(s.out)
			e.SetIndent("", "  ")
			err = e.Encode(status)
		case "kubeconfig":
			if status.State == cluster.Running {
				_, err = fmt.Fprintln(s.out, status.Kubeconfig)
			}
		default:
			err = printCluster(s.out, status)
		}
		if err == nil && status.State != cluster.Running {
			return exit(exitCouldNotRun, notRunning(*format, status))
		}
		return err
	}
	return cmd
}

// notRunning is what is left to say when there is no cluster.
func notRunning(format string, s *cluster.Status) error {
	if format != "kubeconfig" {
		return nil
	}
	return fmt.Errorf("the cluster %s does not run: vmprobe cluster up --name %[1]s", s.Name)
}

func newClusterDown(s streams) *cobra.Command {
	var f clusterFlags
	cmd := &cobra.Command{
		Use:     "down",
		Short:   "Stop a cluster and remove all of it",
		Long:    `down kills the processes of a cluster and removes its files and cgroups. What was built stays in the cache.`,
		Example: `  vmprobe cluster down`,
		Args:    noArguments,
	}
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		defer tidies(cmd.Context())()
		was, err := f.down(context.WithoutCancel(cmd.Context()))
		if err != nil {
			return exit(exitCouldNotRun, err)
		}
		if was.State == cluster.None {
			_, err = fmt.Fprintf(s.out, "there is no cluster %s\n", f.name)
			return err
		}
		_, err = fmt.Fprintf(s.out, "cluster %s is gone\n", f.name)
		return err
	}
	return cmd
}

// oneOf refuses a value of a flag that is not among the known ones.
func oneOf(flag, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	hint := diag.DidYouMean(value, known)
	return usagef("--%s %q: %s", flag, value, hint)
}
