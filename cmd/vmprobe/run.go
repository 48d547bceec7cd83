package main

import (
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/report"
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
	vms      int
	color    string
	sinks    sinks
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
	flags.IntVar(&f.vms, "vms", 0, "repeat each case for so many VMs, each with its own seed, and print a summary")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		selected, err := profiles()
		if err != nil {
			return err
		}
		if err := f.check(); err != nil {
			return err
		}
		jobs, err := f.jobs(s, args, selected)
		if err != nil {
			return err
		}
		f.color = cmd.Flag("color").Value.String()
		if f.vms > 0 {
			return f.executeFleet(cmd.Context(), s, env, fleetJobs(jobs, f.vms, f.seed))
		}
		return f.execute(cmd.Context(), s, env, jobs)
	}
	return cmd
}

// check looks at the flags that need no scenario.
func (f *runFlags) check() (err error) {
	if f.seeds < 1 || f.parallel < 1 {
		return usagef("--seeds and --parallel must be at least 1")
	}
	if err := report.CheckFormat(f.output); err != nil {
		return usagef("--output: %w", err)
	}
	if f.sinks, err = parseSinks(f.reports); err != nil {
		return err
	}
	return f.checkFleet()
}

// jobs selects what to run.
func (f *runFlags) jobs(s streams, args []string, profiles []probes.ProfileName) ([]suite.Job, error) {
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
