package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// runFlags are the flags of run.
type runFlags struct {
	seed     uint64
	seeds    int
	parallel int
	shard    string
	output   string
	reports  []string
	verbose  bool
}

func newRun(s streams, env lookupEnv) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [case|pattern|file|dir|-]...",
		Short: "Run scenarios on the simulator and judge what the prober did",
		Long: `run plays scenarios in virtual time with the real probe engine against fake VMs and
judges the trace: the author's timeline and an oracle that knows the requirements.
Without arguments it runs every embedded scenario in every profile.

The same seed gives the same bytes. A failing case is drawn as a timeline with the
requirement, the first divergent event and the command that replays it.`,
		Example: `  vmprobe run
  vmprobe run my-scenario.yaml -v
  vmprobe run 'http-*' --profile kubevirt --seeds 50
  vmprobe run --shard 2/8 -o junit > junit.xml
  vmprobe run --report junit=junit.xml --report trace=traces/
  cat my-scenario.yaml | vmprobe run -`,
		ValidArgsFunction: completeScenarios,
	}
	profiles := profileFlag(cmd)
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 1, "first seed")
	flags.IntVar(&f.seeds, "seeds", 1, "number of seeds, counted up from --seed")
	flags.IntVarP(&f.parallel, "parallel", "p", runtime.GOMAXPROCS(0), "cases at a time; results do not depend on it")
	flags.StringVar(&f.shard, "shard", "", "run only part i of n, as in 2/8; disjoint and complete")
	flags.StringVarP(&f.output, "output", "o", "text", "what to print: text, json, yaml or junit")
	flags.StringArrayVar(&f.reports, "report", nil, "also write FORMAT=PATH (json, yaml, junit, text; trace=DIR); repeatable")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "draw the timelines of passing cases, too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		selected, err := profiles()
		if err != nil {
			return err
		}
		jobs, err := f.jobs(s, args, selected)
		if err != nil {
			return err
		}
		return f.run(cmd.Context(), s, env, jobs)
	}
	return cmd
}

// jobs selects what to run.
func (f *runFlags) jobs(s streams, args []string, profiles []probes.ProfileName) ([]suite.Job, error) {
	if f.seeds < 1 || f.parallel < 1 {
		return nil, usagef("--seeds and --parallel must be at least 1")
	}
	shard, err := suite.ParseShard(f.shard)
	if err != nil {
		return nil, usagef("--shard: %w", err)
	}
	files, err := load(args, s.in)
	if err != nil {
		return nil, err
	}
	list, err := cases(files, profiles, s.err)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(c *scenarios.Case) bool { return !shard.Contains(c.ID()) })
	if len(list) == 0 {
		return nil, usagef("nothing selected: no case of these scenarios is in the chosen profiles and shard")
	}
	var jobs []suite.Job
	for _, c := range list {
		for i := range f.seeds {
			jobs = append(jobs, suite.Job{Case: c, Seed: f.seed + uint64(i)})
		}
	}
	return jobs, nil
}

func (f *runFlags) run(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job) error {
	bar := newProgress(s.err, env)
	bed := simbed.Bed{Tool: version()}
	verdicts := suite.Run(ctx, bed, jobs, suite.Options{Parallel: f.parallel, Progress: bar.step}, func(o suite.Outcome) judge.Verdict {
		switch {
		case o.Err != nil:
			return judge.Broken(o.Case, o.Seed, o.Err)
		case o.NotRun != "":
			return judge.Unrun(o.Case, o.Seed, o.NotRun)
		}
		return judge.Judge(o.Case, o.Trace, judge.Options{})
	})
	bar.clear()
	bad := 0
	for _, v := range verdicts {
		if v.Result == judge.Pass && !f.verbose {
			continue
		}
		fmt.Fprintln(s.out, v.Result, v.Case, "seed", v.Seed, v.Reason)
		for _, x := range v.Failures {
			fmt.Fprintf(s.out, "   %+v\n", x)
		}
		if v.Result != judge.Pass {
			bad++
		}
	}
	fmt.Fprintln(s.out, len(verdicts), "cases", bad, "bad")
	if bad > 0 {
		return exit(exitNegative, nil)
	}
	return nil
}
