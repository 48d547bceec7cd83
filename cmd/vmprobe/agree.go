package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/agree"
	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/conformance/loopback"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/conformance/timeline"
)

// agreeFlags are the flags of agree.
type agreeFlags struct {
	campaign.Selection
	testbedFlags
}

func newAgree(s streams, env lookupEnv) *cobra.Command {
	var f agreeFlags
	cmd := &cobra.Command{
		Use:   "agree [case|pattern|file|dir|-]...",
		Short: "Run cases on the simulator and on a real testbed, and compare",
		Long: `agree runs each case twice, with the same seed: on the simulator and on a real testbed.
Verdicts, the class of every attempt, and every change of Ready and liveness must be
the same, a second apart at most. Where they are not, both timelines are drawn.

On kubevirt it is the kubelet that probes: it tells of no attempts and has ticks of its
own, so that changes may lie the periods of the probes apart.

Real time is real: all cases run at once, and the longest one decides; on qemu two VMs
a processor begin at a time, on a cluster four pods or two VMs a processor run at a time.
Cases that the testbed cannot express, or that take longer than --max-length, are named
and left out.
Exit code 1: a difference; 3: the harness was too late to tell, three times in a row.`,
		Example: `  vmprobe agree http-path-with-colon@kubernetes
  vmprobe agree 'http-*' --profile kubevirt --max-length 90s
  vmprobe agree http-path-with-colon@kubevirt --testbed qemu
  vmprobe agree 'threshold-*' --profile kubernetes --testbed kubevirt`,
		ValidArgsFunction: completeScenarios,
	}
	f.AddFlags(cmd.Flags())
	completeProfiles(cmd)
	f.testbedFlags.add(cmd)
	_ = cmd.Flags().Set("testbed", (*loopback.Bed)(nil).Name())
	cmd.Flag("testbed").DefValue, cmd.Flag("testbed").Usage = f.testbed, "the real testbed: "+strings.Join(wallBeds(), " or ")
	cmd.Flag("testbed").Changed = false
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		if !f.wall() {
			return usagef("--testbed %s: want a real testbed: %s", f.testbed, strings.Join(wallBeds(), " or "))
		}
		jobs, err := f.Jobs(args, s.in, s.err, f.testbed)
		if err != nil {
			return selectionError(err, s.err)
		}
		if jobs, err = f.bounded(s, jobs); err != nil {
			return err
		}
		defer tidies(cmd.Context())()
		return f.execute(cmd.Context(), s, env, jobs)
	}
	return cmd
}

// pair is what became of one job on both grounds.
type pair struct {
	job  suite.Job
	left string // why it was left out
	*agree.Meeting
	err error
}

// tries is how often a case is run whose harness was too late to tell.
const tries = 3

// execute runs everything at once and tells what differs.
func (f *agreeFlags) execute(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job) error {
	shard, _ := suite.ParseShard(f.Shard) // checked when the jobs were selected
	f.shards = shard.Count
	b, err := f.openWall(ctx, s)
	if err != nil {
		return err
	}
	defer closeWall(s, b)
	turns := make(chan struct{}, max(f.atOnce(ctx, b, len(jobs)), 1))
	bar := newProgress(s.err, env)
	pairs := make([]pair, len(jobs))
	var running sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i := range jobs {
		running.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			pairs[i] = both(ctx, b, jobs[i])
			mu.Lock()
			defer mu.Unlock()
			done++
			bar.step(done, len(jobs))
		})
	}
	running.Wait()
	bar.clear()
	if err := ctx.Err(); err != nil {
		return err
	}
	return tell(s, pairs)
}

// both runs a job on the simulator and on a real testbed.
func both(ctx context.Context, real testbed.Testbed, job suite.Job) pair {
	p := pair{job: job}
	if p.left = real.Unsupported(job.Case); p.left == "" && len(job.Case.Rejected) > 0 {
		p.left = "nothing runs: its manifests are rejected"
	}
	if p.left != "" {
		return p
	}
	if p.Meeting, p.err = agree.Meet(ctx, bed(), real, job.Case, job.Seed, tries); p.err == nil && p.Undecided != "" {
		p.err = fmt.Errorf("%s on %s: %s (%d times)", job.Case.ID(), real.Name(), p.Undecided, tries)
	}
	return p
}

// tell writes what differs and maps it to an exit code.
func tell(s streams, pairs []pair) error {
	agreed, differ, broken, left := 0, 0, 0, 0
	for i := range pairs {
		p := &pairs[i]
		switch {
		case p.left != "":
			left++
			fmt.Fprintf(s.out, "not run  %s: %s\n", p.job.Case.ID(), p.left)
		case p.err != nil:
			broken++
			fmt.Fprintf(s.out, "error    %v\n", p.err)
		case len(p.Differences) == 0:
			agreed++
		default:
			differ++
			p.draw(s)
		}
	}
	fmt.Fprintf(s.out, "%d of %d cases agree, %d differ, %d errors, %d not run\n", agreed, len(pairs), differ, broken, left)
	switch {
	case differ > 0:
		return exit(exitNegative, nil)
	case broken > 0:
		return exit(exitCouldNotRun, nil)
	case agreed == 0:
		return usagef("nothing was compared")
	}
	return nil
}

// draw shows both runs and their differences.
func (p *pair) draw(s streams) {
	fmt.Fprintf(s.out, "differs  %s\n", p.job.Case.ID())
	for _, d := range p.Differences {
		fmt.Fprintf(s.out, "  %s  %s: %s %s, %s %s\n", oracle.Seconds(d.At), d.What, p.A.Testbed, d.A, p.B.Testbed, d.B)
	}
	for _, side := range []*agree.Side{&p.A, &p.B} {
		fmt.Fprintf(s.out, "%s\n%s\n", side.Testbed, strings.TrimRight(timeline.Draw(p.job.Case, side.Trace, &side.Verdict, timeline.Options{}), "\n"))
	}
}
