package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/legal"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/timeline"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// legalFlags are the flags of legal.
type legalFlags struct {
	probers  int
	prober   int
	seed     uint64
	parallel int
	shard    string
	output   string
	checks   int
	scenario string
	color    string
}

func newLegal(s streams, env lookupEnv) *cobra.Command {
	var f legalFlags
	cmd := &cobra.Command{
		Use:   "legal [case|pattern|file|dir|-]...",
		Short: "Prove that the suite rejects no legal prober",
		Long: `legal runs a population of legal probers against the cases: ticks of every phase, also
where they meet an event to the nanosecond, pod syncs that make readiness run out of
turn, slow hosts, restarts. Whoever is rejected obeys the rules, so the case or a judge
is wrong. Without arguments it runs every embedded case; on a scenario file of your own
it tells whether the windows are wide enough.

Every prober meets every case. A try that begins in the same state of the world as one
before it is not made again but remembered; some runs of each case are made once more
without memory and must give the same trace (--checks). --prober N draws the run of one.`,
		Example: `  vmprobe legal
  vmprobe legal my-scenario.yaml
  vmprobe legal 'http-*' --profile kubevirt --probers 200
  vmprobe legal --prober 7 liveness-crash-loop@kubevirt
  vmprobe legal --shard 2/8 -o json > legal.json`,
		ValidArgsFunction: completeScenarios,
	}
	profiles := profileFlag(cmd)
	flags := cmd.Flags()
	flags.IntVar(&f.probers, "probers", legal.DefaultProbers, "legal probers of each profile; those at the edges of what is legal come first")
	flags.IntVar(&f.prober, "prober", -1, "run only the prober of this number, and draw its runs")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the population")
	flags.IntVarP(&f.parallel, "parallel", "p", runtime.GOMAXPROCS(0), "cases at a time; results do not depend on it")
	flags.StringVar(&f.shard, "shard", "", "run only part i of n of the cases, as in 2/8; disjoint and complete")
	flags.StringVarP(&f.output, "output", "o", "text", "what to print: text or json")
	flags.IntVar(&f.checks, "checks", legal.DefaultChecks, "runs of each case to make again without memory; as many as probers: all")
	flags.StringVar(&f.scenario, "scenario", "", "scenario file of the case, when it is not embedded")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		selected, err := profiles()
		if err != nil {
			return err
		}
		list, err := f.cases(s, args, selected)
		if err != nil {
			return err
		}
		f.color = cmd.Flag("color").Value.String()
		return f.execute(cmd.Context(), s, env, list)
	}
	return cmd
}

// cases looks at the flags and selects what to run.
func (f *legalFlags) cases(s streams, args []string, profiles []probes.ProfileName) ([]*scenarios.Case, error) {
	switch {
	case f.probers < 1 || f.parallel < 1:
		return nil, usagef("--probers and --parallel must be at least 1")
	case f.checks < 0:
		return nil, usagef("--checks must be at least 0")
	case f.output != "text" && f.output != "json":
		return nil, usagef("--output %q: want text or json", f.output)
	case f.prober < -1:
		return nil, usagef("--prober must be at least 0")
	case f.scenario != "" && len(args) != 1:
		return nil, usagef("--scenario wants one case")
	}
	shard, err := suite.ParseShard(f.shard)
	if err != nil {
		return nil, usagef("--shard: %w", err)
	}
	var list []*scenarios.Case
	if f.scenario != "" {
		list, err = findCases(s, args[0], f.scenario)
	} else {
		list, err = loadCases(s, args, profiles)
	}
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(c *scenarios.Case) bool { return !shard.Contains(c.ID()) })
	if len(list) == 0 {
		return nil, usagef("nothing selected: no case of these scenarios is in the chosen profiles and shard")
	}
	return list, nil
}

func loadCases(s streams, args []string, profiles []probes.ProfileName) ([]*scenarios.Case, error) {
	files, err := load(args, s.in)
	if err != nil {
		return nil, err
	}
	return cases(files, profiles, s.err)
}

// execute runs the population; a rejection makes the verdict negative.
func (f *legalFlags) execute(ctx context.Context, s streams, env lookupEnv, list []*scenarios.Case) error {
	color, err := useColor(f.color, s.out, env)
	if err != nil {
		return err
	}
	bar := newProgress(s.err, env)
	o := legal.Options{Probers: f.probers, Seed: f.seed, Parallel: f.parallel, Checks: f.checks, Progress: bar.step}
	if f.prober >= 0 {
		o.Only = &f.prober
	}
	result, err := legal.Run(ctx, list, o)
	bar.clear()
	if err != nil {
		return err
	}
	d := drawing{ctx: ctx, color: color, seed: f.seed}
	switch {
	case f.output == "json":
		err = writeJSON(s.out, result.Document())
	case f.prober >= 0:
		err = d.one(s, &result)
	default:
		err = legal.WriteText(s.out, &result, d.rejection)
	}
	switch {
	case err != nil:
		return exit(exitCouldNotRun, fmt.Errorf("write the result: %w", err))
	case result.Broken() > 0:
		return exit(exitCouldNotRun, nil)
	case result.Rejecting() > 0:
		return exit(exitNegative, nil)
	}
	return nil
}

// drawing draws runs of legal probers.
type drawing struct {
	ctx   context.Context //nolint:containedctx // of the one command that it is
	color bool
	seed  uint64 // of the population
}

func (d drawing) rejection(row *legal.Row, r *legal.Rejection) string {
	text, _ := d.draw(row.Case, &r.Prober)
	return text
}

// draw runs a prober and draws what happens.
func (d drawing) draw(c *scenarios.Case, p *legal.Prober) (string, judge.Verdict) {
	t, v, err := legal.Replay(d.ctx, c, p)
	if err != nil {
		return "", judge.Broken(c, p.Seed, err)
	}
	r := legal.Rejection{Prober: *p, Verdict: v}
	opts := timeline.Options{Replay: r.Replay(d.seed)}
	if d.color {
		opts.Style = ansi
	}
	return timeline.Draw(c, t, &v, opts), v
}

// one draws the runs of a single prober.
func (d drawing) one(s streams, r *legal.Result) error {
	var b strings.Builder
	for i := range r.Rows {
		row := &r.Rows[i]
		p := legal.Population(row.Case.Profile.Name, *r.Options.Only+1, r.Options.Seed)[*r.Options.Only]
		text, v := d.draw(row.Case, &p)
		fmt.Fprintf(&b, "%s by legal prober %d: %s\n%s\n", v.Result, p.Number, p.Name(), text)
	}
	_, err := s.out.Write([]byte(b.String()))
	return err
}
