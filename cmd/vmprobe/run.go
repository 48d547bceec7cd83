package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/fleet"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// runFlags are the flags of run.
type runFlags struct {
	caseFlags
	vms  int
	view string
}

func newRun(s streams, env lookupEnv) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [case|pattern|file|dir|-]...",
		Short: "Run scenarios on the simulator and judge what the prober did",
		Long: `run plays scenarios in virtual time with the real probe engine against fake VMs and
judges the trace: the author's timeline and an oracle that knows the requirements.
Without arguments it runs every embedded scenario in every profile. To put another
prober under test, see vmprobe conformance.

The same seed gives the same bytes. A failing case is drawn as a timeline with the
requirement, the first divergent event and the command that replays it.`,
		Example: `  vmprobe run
  vmprobe run my-scenario.yaml -v
  vmprobe run 'http-*' --profile kubevirt --seeds 50
  vmprobe run --view guest --seeds 5
  vmprobe run --shard 2/8 -o junit > junit.xml
  vmprobe run my-scenario.yaml --write-known-failing known-failing.yaml
  vmprobe run --report junit=junit.xml --report trace=traces/
  cat my-scenario.yaml | vmprobe run -`,
		ValidArgsFunction: completeScenarios,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.view, "view", "prober", "judge by what is seen from inside the prober, on the wire or in the guest: prober, wire or guest")
	cmd.Flags().IntVar(&f.vms, "vms", 0, "repeat each case for so many VMs, each with its own seed, and print a summary")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		if err := f.checkFleet(cmd.Flags().Changed("vms")); err != nil {
			return err
		}
		jobs, err := f.jobs(s, args, bed().Name())
		if err != nil {
			return err
		}
		ground := bed()
		if ground.View, err = trace.ParseView(f.view); err != nil {
			return usagef("--view: %w", err)
		}
		if f.vms > 0 {
			return f.executeFleet(cmd.Context(), s, env, jobs)
		}
		return f.execute(cmd.Context(), s, env, ground, jobs)
	}
	return cmd
}

// executeFleet runs each job as a fleet and writes summaries.
func (f *runFlags) executeFleet(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job) error {
	bar := newProgress(s.err, env)
	opts := suite.Options{Parallel: f.parallel, Progress: bar.step}
	var summaries []fleet.Summary
	var sum fleet.Adder
	suite.Stream(ctx, bed(), f.fleet(jobs), opts, func(o suite.Outcome) fleet.Member {
		return fleet.Of(campaign.Judge(o), o.Trace)
	}, func(m fleet.Member) {
		if sum.Add(&m); sum.Members() == f.vms {
			summaries = append(summaries, sum.Summary())
			sum = fleet.Adder{}
		}
	})
	bar.clear()
	if err := ctx.Err(); err != nil {
		return err
	}
	var states []report.Case // one of each result that occurs
	for _, sum := range summaries {
		for _, r := range judge.Results() {
			if sum.Results[r] > 0 {
				states = append(states, report.Case{Verdict: judge.Verdict{Result: r}})
			}
		}
	}
	if err := writeSummaries(s.out, f.output, summaries); err != nil {
		return err
	}
	return exitOf(states)
}

func writeSummaries(w io.Writer, output string, summaries []fleet.Summary) error {
	switch output {
	case "text":
		return fleet.WriteText(w, summaries)
	case "json":
		return writeJSON(w, summaries)
	case "yaml":
		return writeYAML(w, summaries)
	}
	return usagef("--vms with --output %s: a fleet summary is text, json or yaml", output)
}

// fleet repeats each job once for every member. The jobs of a large fleet are
// made when they are run, not kept.
func (f *runFlags) fleet(jobs []suite.Job) suite.Jobs {
	return suite.Jobs{Len: len(jobs) * f.vms, At: func(i int) suite.Job {
		return suite.Job{Case: jobs[i/f.vms].Case, Seed: fleet.Seed(f.Seed, i%f.vms)}
	}}
}

// maxVMs bounds a fleet: so many VMs would run for weeks.
const maxVMs = 1_000_000_000

// checkFleet refuses flags that say nothing about a fleet.
func (f *runFlags) checkFleet(given bool) error {
	if !given {
		return nil
	}
	switch {
	case f.vms < 1:
		return usagef("--vms %d: want at least 1", f.vms)
	case f.vms > maxVMs:
		return usagef("--vms %d: want at most %d", f.vms, maxVMs)
	case f.view != "prober":
		return usagef("--vms counts what happens inside the prober: leave out --view")
	case f.Seeds != 1:
		return usagef("--vms gives each VM a seed of its own: leave out --seeds")
	case f.known != "" || f.writeKnown != "":
		return usagef("--vms counts verdicts, and a list of known failures is about single ones: leave it out")
	case len(f.reports) > 0:
		return usagef("--vms prints a summary: use -o json instead of --report, or replay one VM")
	}
	if err := writeSummaries(io.Discard, f.output, nil); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}
