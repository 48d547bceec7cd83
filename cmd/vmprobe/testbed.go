package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/conformance/libvirt"
	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/loopback"
	"github.com/vmprobe/vmprobe/conformance/qemu"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// testbedFlags choose the ground on which cases run.
type testbedFlags struct {
	testbed    string
	connect    string
	longest    time.Duration
	set        bool // --max-length was given
	kubeconfig string
	podImage   string
	bootImage  string
	shards     int // that run on the testbed at the same time; 0: it is no shard
}

// testbeds are the words of --testbed.
func testbeds() []string { return append([]string{bed().Name()}, wallBeds()...) }

// wallBeds are those in wall time.
func wallBeds() []string {
	return []string{(*loopback.Bed)(nil).Name(), qemu.Name, libvirt.Name, kubevirt.Name}
}

func (f *testbedFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.testbed, "testbed", bed().Name(), "where the VMs live: sim (virtual time), loopback (real sockets, wall time), qemu (real VMs, wall time), libvirt (real VMs behind libvirt, wall time) or kubevirt (a cluster, wall time)")
	flags.StringVar(&f.connect, "connect", "", "with --testbed libvirt: make the domains on this libvirt, as in qemu:///session, not on a daemon of our own")
	flags.DurationVar(&f.longest, "max-length", defaultLongest, "do not run cases that take longer, in wall time")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "the cluster of --testbed kubevirt: a `file` (default $KUBECONFIG, then ~/.kube/config)")
	flags.StringVar(&f.podImage, "pod-image", "", "`image` of the guest that pods of --testbed kubevirt run (default: the one that the nodes have)")
	flags.StringVar(&f.bootImage, "boot-image", "", "`image` that VMs of --testbed kubevirt boot (default: the one that the nodes have)")
}

// defaultLongest keeps a run in wall time short.
const defaultLongest = 2 * time.Minute

// check looks at the flags.
func (f *testbedFlags) check(cmd *cobra.Command) error {
	f.set = cmd.Flags().Changed("max-length")
	switch {
	case !slices.Contains(testbeds(), f.testbed):
		return usagef("--testbed %q: unknown; %s", f.testbed, diag.DidYouMean(f.testbed, testbeds()))
	case f.connect != "" && f.testbed != libvirt.Name:
		return usagef("--connect is about --testbed %s", libvirt.Name)
	case f.longest <= 0:
		return usagef("--max-length must be positive")
	case f.set && !f.wall():
		return usagef("--max-length is about wall time: %s takes none", f.testbed)
	case f.testbed != kubevirt.Name && cmd.Flags().Changed("kubeconfig"):
		return usagef("--kubeconfig is about a cluster: add --testbed %s", kubevirt.Name)
	case f.testbed != kubevirt.Name && f.podImage != "":
		return usagef("--pod-image is about a cluster: add --testbed %s", kubevirt.Name)
	case f.testbed != kubevirt.Name && f.bootImage != "":
		return usagef("--boot-image is about a cluster: add --testbed %s", kubevirt.Name)
	case strings.HasPrefix(f.podImage, "/"):
		return usagef("--pod-image %q: want the name of a container image, as in %s", f.podImage, kubevirt.DefaultImage)
	}
	return nil
}

// wall tells whether the testbed runs in wall time.
func (f *testbedFlags) wall() bool { return f.testbed != bed().Name() }

// bounded leaves out what takes too long, and says so.
func (f *testbedFlags) bounded(s streams, jobs []suite.Job) ([]suite.Job, error) {
	kept := slices.DeleteFunc(slices.Clone(jobs), func(j suite.Job) bool { return j.Case.Until > f.longest })
	if left := len(jobs) - len(kept); left > 0 {
		fmt.Fprintf(s.err, "vmprobe: %d of %d cases take longer than %s and are left out; --max-length admits them\n", left, len(jobs), f.longest)
	}
	if len(kept) == 0 {
		return nil, usagef("nothing selected: every case takes longer than %s", f.longest)
	}
	return kept, nil
}

// wallBed is a testbed that leaves something behind.
type wallBed interface {
	testbed.Testbed
	Close() error
}

// openWall makes the testbed in wall time that was chosen.
func (f *testbedFlags) openWall(ctx context.Context, s streams) (b wallBed, err error) {
	say := func(note string) { fmt.Fprintln(s.err, "vmprobe: "+note) }
	switch f.testbed {
	case kubevirt.Name:
		b, err = f.openCluster(ctx, s)
	case libvirt.Name:
		b, err = libvirt.New(ctx, libvirt.Config{URI: f.connect, Tool: campaign.Version(), Say: say})
	case qemu.Name:
		var q *qemu.Bed
		if q, err = qemu.New(campaign.Version(), say); err == nil {
			if b, err = q, q.Prepare(ctx); err != nil {
				_ = q.Close()
			}
		}
	default:
		b, err = loopback.New(campaign.Version())
	}
	if errors.Is(err, qemu.ErrMissing) || errors.Is(err, kubevirt.ErrCluster) || libvirt.Missing(err) {
		err = fmt.Errorf("not run: %w", err)
	}
	if err != nil {
		return nil, exit(exitCouldNotRun, err)
	}
	return b, nil
}

// openCluster connects to the cluster and asks whether it can be used.
func (f *testbedFlags) openCluster(ctx context.Context, s streams) (wallBed, error) {
	client, vms, err := kubevirt.Connect(f.kubeconfig)
	if err != nil {
		return nil, err
	}
	b := kubevirt.New(kubevirt.Config{Client: client, Dynamic: vms, Tool: campaign.Version(), Image: f.podImage, BootImage: f.bootImage, Shards: f.shards})
	if err := b.Prepare(ctx); err != nil {
		closeWall(s, b)
		return nil, err
	}
	return b, nil
}

// closeWall removes what a testbed leaves behind, and says what it could not.
func closeWall(s streams, b wallBed) {
	if err := b.Close(); err != nil {
		fmt.Fprintln(s.err, "vmprobe:", err)
	}
}

// atOnce is how many of n cases run at a time: they wait most of the time, but
// real VMs and pods start.
func (f *testbedFlags) atOnce(ctx context.Context, b wallBed, n int) int {
	switch f.testbed {
	case qemu.Name:
		return min(n, 2*runtime.GOMAXPROCS(0))
	case libvirt.Name: // each VM boots by itself
		return min(n, runtime.GOMAXPROCS(0))
	}
	if x, ok := b.(interface{ AtOnce(context.Context) int }); ok {
		return min(n, x.AtOnce(ctx))
	}
	return n
}

// executeWall runs the jobs on a testbed in wall time, as many at once as it
// bears unless the user says otherwise.
func (f *conformanceFlags) executeWall(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job, allAtOnce bool) error {
	jobs, err := f.bounded(s, jobs)
	if err != nil {
		return err
	}
	if err := f.keepInCluster(ctx); err != nil {
		return err
	}
	shard, _ := suite.ParseShard(f.Shard) // checked when the jobs were selected
	f.shards = shard.Count
	b, err := f.openWall(ctx, s)
	if err != nil {
		return err
	}
	defer closeWall(s, b)
	c, err := f.campaign(s, env, b)
	if err != nil {
		return err
	}
	c.Mode = report.Wall
	if allAtOnce {
		f.parallel = f.atOnce(ctx, b, len(jobs))
	}
	return f.finish(ctx, s, env, c, jobs)
}

// probersAtOnce is how many processes of a prober run at a time, at most: each
// has one case.
const probersAtOnce = 64

// executeBehind is executeWall with a prober that is a program: it decides, and
// the exchanges that it asks for are made with the guests.
func (f *conformanceFlags) executeBehind(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job, allAtOnce bool) error {
	jobs, err := f.bounded(s, jobs)
	if err != nil {
		return err
	}
	// The prober first: it is there at once, or wrong.
	ground := &laterGround{}
	b, err := f.open(ctx, f.Seed, ground)
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // the verdict stands; what is left is killed
	w, err := f.openWall(ctx, s)
	if err != nil {
		return err
	}
	defer closeWall(s, w)
	ground.Ground = w.(lockstep.Ground) //nolint:forcetypeassert // checkGround lets no other pass
	c, err := f.campaign(s, env, b)
	if err != nil {
		return err
	}
	f.put(c, b)
	c.Mode, f.still = report.Wall, f.unchanged
	if allAtOnce {
		f.parallel = min(f.atOnce(ctx, w, len(jobs)), probersAtOnce)
	}
	if err := b.Ready(ctx, min(f.parallel, len(jobs))); err != nil {
		return exit(exitCouldNotRun, fmt.Errorf("start the probers of all cases at once: %w; -p bounds them", err))
	}
	return f.finish(ctx, s, env, c, jobs)
}

// laterGround is a testbed that is opened when the prober is known to answer.
type laterGround struct{ lockstep.Ground }
