package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/conformance/watch"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

// watchFlags are the flags of watch.
type watchFlags struct {
	file, uri, domain, address, metrics, profile string
	act                                          bool
}

func newWatch(s streams) *cobra.Command {
	var f watchFlags
	cmd := &cobra.Command{
		Use:   "watch -f manifest",
		Short: "Probe a running libvirt domain and print what changes",
		Long: `watch runs the probes of a manifest against a running libvirt domain, in real time and
by the rules of a profile, and prints every change: ready, alive, the reason of a
failure, and what libvirt tells of domain and guest agent. Agent and exec probes go
through libvirt, HTTP and TCP probes to the address that the agent or a DHCP lease
tells. It changes nothing; with --act a liveness failure destroys and starts the domain.
Ctrl-C ends it.

The domain is the one with the name of the manifest, or namespace_name as KubeVirt calls
it, unless --domain names another. This needs a build with libvirt: make build-libvirt.`,
		Example: `  vmprobe watch -f vm.yaml
  vmprobe watch -f vm.yaml --connect qemu:///session --domain test --address 192.0.2.7
  vmprobe watch -f vm.yaml --metrics 127.0.0.1:9100 --act`,
		Args: noArguments,
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "filename", "f", "", "the manifest, or - for standard input")
	flags.StringVar(&f.uri, "connect", "qemu:///system", "libvirt's URI")
	flags.StringVar(&f.domain, "domain", "", "name of the domain (default that of the manifest)")
	flags.StringVar(&f.address, "address", "", "IP address of the guest (default what agent or lease tell)")
	flags.StringVar(&f.metrics, "metrics", "", "serve Prometheus metrics at this `host:port`, under /metrics")
	flags.StringVar(&f.profile, "profile", string(probes.KubeVirt), "the rules: "+profileList())
	completeProfiles(cmd)
	flags.BoolVar(&f.act, "act", false, "destroy and start the domain when a liveness probe has failed")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if f.file == "" {
			return usagef("watch needs a manifest: -f vm.yaml (see vmprobe watch --help)")
		}
		cfg, err := f.config(s)
		if err != nil {
			return err
		}
		return f.watch(cmd.Context(), cfg)
	}
	return cmd
}

// config reads the manifest.
func (f *watchFlags) config(s streams) (*watch.Config, error) {
	profile, ok := probes.LookupProfile(probes.ProfileName(f.profile))
	if !ok {
		return nil, usagef("--profile %q: want %s", f.profile, profileList())
	}
	data, err := readManifest(f.file, s.in)
	if err != nil {
		return nil, exit(exitUsage, err)
	}
	manifest, err := spec.DecodeAll(data)
	if err != nil {
		return nil, printDecodeErrors(s.err, f.file, data, err)
	}
	if len(manifest.Machines) != 1 {
		return nil, usagef("%s: want one VirtualMachine, VirtualMachineInstance or Pod, got %d", f.file, len(manifest.Machines))
	}
	m := manifest.Machines[0]
	r := m.Resolve(profile)
	if len(r.Probes) == 0 {
		return nil, usagef("%s: %s has no probe in profile %s", f.file, m.Name, f.profile)
	}
	alias := ""
	if f.domain == "" {
		f.domain, alias = m.Name, m.Namespace+"_"+m.Name
	}
	cfg := &watch.Config{
		URI: f.uri, Domain: f.domain, Alias: alias, Address: f.address, Profile: profile, Probes: r.Probes, Act: f.act, Out: s.out, Open: virt.Open,
	}
	if f.metrics != "" {
		cfg.Metrics = &watch.Metrics{Namespace: m.Namespace, Pod: m.Name, Container: "compute"}
	}
	return cfg, nil
}

// watch runs until ctrl-C.
func (f *watchFlags) watch(ctx context.Context, cfg *watch.Config) error {
	if cfg.Metrics != nil {
		listener, err := net.Listen("tcp", f.metrics)
		if err != nil {
			return exit(exitCouldNotRun, fmt.Errorf("--metrics: %w", err))
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", cfg.Metrics)
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
		go func() { _ = server.Serve(listener) }() // ends by Close
		defer server.Close()                       //nolint:errcheck // the watch is over
		fmt.Fprintf(cfg.Out, "metrics at http://%s/metrics\n", listener.Addr())
	}
	err := watch.Run(ctx, *cfg)
	if errors.Is(err, virt.ErrNotBuilt) {
		return exit(exitCouldNotRun, fmt.Errorf("not run: %w", virt.ErrNotBuilt))
	}
	if err != nil {
		return exit(exitCouldNotRun, err)
	}
	return nil
}
