package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// replayFlags are the flags of replay.
type replayFlags struct {
	reportFlags
	seed     uint64
	scenario string
	verify   bool
}

func newReplay(s streams, env lookupEnv) *cobra.Command {
	f := replayFlags{reportFlags: reportFlags{verbose: true}}
	cmd := &cobra.Command{
		Use:   "replay CASE --seed N | TRACE.ndjson",
		Short: "Draw one run again: from its case and seed, or from a saved trace",
		Long: `replay draws the timeline of one run. Given a case id and a seed it runs the case again,
which gives the same bytes; given a trace file it judges and draws what the file holds,
without running anything.

--verify runs the case of a trace again and compares: exit code 4, the first virtual
minute and the first event that differ, when the two runs are not the same. In a file
that was changed by hand it shows the change; the exit code is 2 then.`,
		Example: `  vmprobe replay agent-hung@kubevirt --seed 7
  vmprobe replay traces/agent-hung@kubevirt.7.ndjson
  vmprobe replay traces/agent-hung@kubevirt.7.ndjson --verify
  vmprobe replay my-run.ndjson --scenario my-scenario.yaml -o junit`,
		Args:              oneArgument("a case or the file of a trace"),
		ValidArgsFunction: completeScenarios,
	}
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the run")
	flags.StringVar(&f.scenario, "scenario", "", "scenario file of the case, when it is not embedded")
	flags.BoolVar(&f.verify, "verify", false, "run the case of the trace again and compare digests")
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		if info, err := os.Stat(args[0]); err == nil && !info.IsDir() && !isScenario(args[0]) {
			return f.fromTrace(cmd.Context(), s, env, args[0])
		}
		return f.fromCase(cmd.Context(), s, env, args[0])
	}
	return cmd
}

func isScenario(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// fromCase runs the case again.
func (f *replayFlags) fromCase(ctx context.Context, s streams, env lookupEnv, id string) error {
	if f.verify {
		return usagef("--verify compares with a saved trace: name its file")
	}
	list, err := findCases(s, id, f.scenario)
	if err != nil {
		return err
	}
	jobs := make([]suite.Job, 0, len(list))
	for _, c := range list {
		jobs = append(jobs, suite.Job{Case: c, Seed: f.seed})
	}
	c, err := f.campaign(s, env, bed())
	if err != nil {
		return err
	}
	results := c.Run(ctx, jobs)
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.report(s, c, f.seed, results)
}

// bed is where our own prober runs.
func bed() simbed.Bed { return simbed.Bed{Tool: campaign.Version(), Bare: true} }

// report writes a report of one seed.
func (f *replayFlags) report(s streams, c *campaign.Campaign, seed uint64, results []report.Case) error {
	return f.write(s, c.Report(&campaign.Selection{Seed: seed, Seeds: 1}, results))
}

// findCases selects cases by id, in a scenario file if one is given.
func findCases(s streams, id, scenario string) ([]*scenarios.Case, error) {
	arg := id
	if scenario != "" {
		arg = scenario
	}
	files, err := load([]string{arg}, s.in)
	if err != nil {
		return nil, err
	}
	list, err := cases(files, nil, s.err)
	if err != nil || scenario == "" || isScenario(id) {
		return list, err
	}
	source := suite.Source{Pattern: id}
	var out []*scenarios.Case
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID())
		if source.Wants(c.ID()) {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, usagef("%s has no case %q%s", scenario, id, didYouMean(id, ids))
	}
	return out, nil
}

// fromTrace judges and draws a saved trace.
func (f *replayFlags) fromTrace(ctx context.Context, s streams, env lookupEnv, file string) error {
	t, changed := readTrace(file)
	if changed != nil && !(f.verify && errors.Is(changed, trace.ErrChanged)) {
		return changed
	}
	list, err := findCases(s, t.Case, f.scenario)
	if err != nil {
		return fmt.Errorf("the trace is of case %q: %w", t.Case, err)
	}
	if len(list) != 1 {
		return usagef("the trace is of case %q, which is not a single case; name its file with --scenario", t.Case)
	}
	outcome := suite.Outcome{Job: suite.Job{Case: list[0], Seed: t.Seed}, Trace: t}
	if f.verify {
		return cmp.Or(changed, verifyTrace(ctx, s, outcome))
	}
	c, err := f.campaign(s, env, bed())
	if err != nil {
		return err
	}
	return f.report(s, c, t.Seed, []report.Case{c.Draw(outcome, campaign.Judge(outcome))})
}

// readTrace returns a changed trace with its error.
func readTrace(name string) (*trace.Trace, error) {
	file, err := os.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, exit(exitUsage, err)
		}
		return nil, exit(exitCouldNotRun, err)
	}
	defer file.Close()
	t, err := trace.Read(file)
	if err != nil {
		return t, usagef("%s: %w", name, err)
	}
	return t, nil
}

// verifyTrace runs the case again and bisects a difference.
func verifyTrace(ctx context.Context, s streams, o suite.Outcome) error {
	again, err := bed().Run(ctx, o.Case, o.Seed)
	if err != nil {
		return exit(exitCouldNotRun, err)
	}
	if again.Digest == o.Trace.Digest {
		_, err := fmt.Fprintf(s.out, "%s seed %d: the same %d events, digest %s\n", o.Case.ID(), o.Seed, len(again.Events), again.Digest)
		return err
	}
	fmt.Fprintf(s.out, "%s seed %d: the runs differ: digest %s in the file, %s now\n", o.Case.ID(), o.Seed, o.Trace.Digest, again.Digest)
	if minute, differ := trace.FirstMinute(o.Trace.Minutes, again.Minutes); differ {
		fmt.Fprintf(s.out, "  first minute that differs: %d\n", minute)
	}
	if d := trace.Diff(o.Trace, again); d != nil {
		fmt.Fprintf(s.out, "  event %d of %s\n    file  %s\n    now   %s\n", d.Record, orWorld(d.VM), describeEvent(d.A), describeEvent(d.B))
	}
	return exit(exitNondeterministic, nil)
}

func orWorld(vm string) string {
	if vm == "" {
		return "the world"
	}
	return vm
}

func describeEvent(e *trace.Event) string {
	if e == nil {
		return "(no such event)"
	}
	text := fmt.Sprintf("%s %s", e.T.Round(time.Nanosecond), e.Kind)
	if e.HasProbe {
		text += fmt.Sprintf(" %s #%d try %d %s", e.Probe, e.Attempt, e.Try, e.Class)
	}
	return fmt.Sprintf("%s %s ok=%v", text, e.Value, e.OK)
}
