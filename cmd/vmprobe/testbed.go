package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/loopback"
	"github.com/vmprobe/vmprobe/conformance/qemu"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// testbedFlags choose the ground on which cases run.
type testbedFlags struct {
	testbed string
	longest time.Duration
	set     bool // --max-length was given
}

// testbeds are the words of --testbed.
func testbeds() []string { return append([]string{bed().Name()}, wallBeds()...) }

// wallBeds are those in wall time.
func wallBeds() []string { return []string{(*loopback.Bed)(nil).Name(), qemu.Name} }

func (f *testbedFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.testbed, "testbed", bed().Name(), "where the VMs live: sim (virtual time), loopback (real sockets, wall time) or qemu (real VMs, wall time)")
	flags.DurationVar(&f.longest, "max-length", defaultLongest, "do not run cases that take longer, in wall time")
}

// defaultLongest keeps a run in wall time short.
const defaultLongest = 2 * time.Minute

// check looks at the flags.
func (f *testbedFlags) check(cmd *cobra.Command) error {
	f.set = cmd.Flags().Changed("max-length")
	switch {
	case !slices.Contains(testbeds(), f.testbed):
		return usagef("--testbed %q: unknown; %s", f.testbed, diag.DidYouMean(f.testbed, testbeds()))
	case f.longest <= 0:
		return usagef("--max-length must be positive")
	case f.set && !f.wall():
		return usagef("--max-length is about wall time: %s takes none", f.testbed)
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
	lockstep.Ground
	Close() error
}

// openWall makes the testbed in wall time that was chosen.
func (f *testbedFlags) openWall(ctx context.Context, s streams) (b wallBed, err error) {
	if f.testbed != qemu.Name {
		b, err = loopback.New(campaign.Version())
	} else {
		var q *qemu.Bed
		if q, err = qemu.New(campaign.Version(), func(note string) { fmt.Fprintln(s.err, "vmprobe: "+note) }); err == nil {
			if b, err = q, q.Prepare(ctx); err != nil {
				_ = q.Close()
			}
		}
	}
	if errors.Is(err, qemu.ErrMissing) {
		err = fmt.Errorf("not run: %w", err)
	}
	if err != nil {
		return nil, exit(exitCouldNotRun, err)
	}
	return b, nil
}

// atOnce is how many of n cases run at a time: they wait most of the time, but
// real VMs start.
func (f *testbedFlags) atOnce(n int) int {
	if f.testbed == qemu.Name {
		return min(n, 2*runtime.GOMAXPROCS(0))
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
	b, err := f.openWall(ctx, s)
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // sockets in a temporary directory
	c, err := f.campaign(s, env, b)
	if err != nil {
		return err
	}
	c.Mode = report.Wall
	if allAtOnce {
		f.parallel = f.atOnce(len(jobs))
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
	if ground.wallBed, err = f.openWall(ctx, s); err != nil {
		return err
	}
	defer ground.Close() //nolint:errcheck // sockets in a temporary directory
	c, err := f.campaign(s, env, b)
	if err != nil {
		return err
	}
	f.put(c, b)
	c.Mode, f.still = report.Wall, f.unchanged
	if allAtOnce {
		f.parallel = min(f.atOnce(len(jobs)), probersAtOnce)
	}
	if err := b.Ready(ctx, min(f.parallel, len(jobs))); err != nil {
		return exit(exitCouldNotRun, fmt.Errorf("start the probers of all cases at once: %w; -p bounds them", err))
	}
	return f.finish(ctx, s, env, c, jobs)
}

// laterGround is a testbed that is opened when the prober is known to answer.
type laterGround struct{ wallBed }
