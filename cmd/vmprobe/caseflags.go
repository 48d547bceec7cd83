package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/testbed"
)

// caseFlags are the flags of every command that runs cases: which, how, and
// where the results go.
type caseFlags struct {
	campaign.Selection
	parallel   int
	provenance bool
	fromFlags
	knownFlags
	// keepsPart writes the report of a run that was interrupted, marked as such.
	keepsPart bool
	// still tells, if not nil, whether what was run is what the report will say.
	still func() error
	reportFlags
}

// add adds all of them to a command.
func (f *caseFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.AddFlags(flags)
	f.AddLabelFlag(flags)
	completeProfiles(cmd)
	f.fromFlags.add(cmd)
	flags.IntVarP(&f.parallel, "parallel", "p", runtime.GOMAXPROCS(0), "cases at a time; results do not depend on it")
	flags.BoolVar(&f.provenance, "provenance", false, "say in the report when and where it was made, outside of its digest")
	f.reportFlags.add(cmd)
	f.knownFlags.add(cmd)
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "draw the timelines of passing cases, too")
}

// check looks at the flags that need no scenario.
func (f *caseFlags) check(cmd *cobra.Command) error {
	if f.parallel < 1 {
		return usagef("--parallel must be at least 1")
	}
	if err := f.fromFlags.check(cmd); err != nil {
		return err
	}
	return f.reportFlags.check(cmd)
}

// jobs selects what to run.
func (f *caseFlags) jobs(s streams, args []string, testbed string) ([]suite.Job, error) {
	if f.from != "" {
		var err error
		if args, err = f.choose(s, &f.Selection, args); err != nil {
			return nil, err
		}
	}
	jobs, err := f.Jobs(args, s.in, s.err, testbed)
	if err != nil {
		return nil, selectionError(err, s.err)
	}
	return jobs, f.knownFlags.load(s, &f.Selection)
}

// execute runs the jobs, writes every report and maps the result to an exit
// code.
func (f *caseFlags) execute(ctx context.Context, s streams, env lookupEnv, bed testbed.Testbed, jobs []suite.Job) error {
	c, err := f.campaign(s, env, bed)
	if err != nil {
		return err
	}
	return f.finish(ctx, s, env, c, jobs)
}

// finish is execute for a campaign that is made.
func (f *caseFlags) finish(ctx context.Context, s streams, env lookupEnv, c *campaign.Campaign, jobs []suite.Job) error {
	bar := newProgress(s.err, env)
	c.Parallel, c.Progress, c.Known = f.parallel, bar.step, f.accepted
	started := time.Now()
	results := c.Run(ctx, jobs)
	bar.clear()
	if f.still != nil && ctx.Err() == nil {
		if err := f.still(); err != nil {
			return err
		}
	}
	r := c.Report(&f.Selection, results)
	if f.provenance {
		r.Provenance = provenanceOf(started)
	}
	if err := ctx.Err(); err != nil {
		if r.Run.Interrupted = true; f.keepsPart {
			return errors.Join(err, f.write(s, r))
		}
		return err
	}
	err := f.write(s, r)
	return f.knownFlags.settle(s, results, f.output, err)
}

// provenanceOf is about this process, on this machine, now.
func provenanceOf(started time.Time) *report.Provenance {
	return &report.Provenance{
		Started:  started.UTC().Format(time.RFC3339),
		Seconds:  strconv.FormatFloat(time.Since(started).Seconds(), 'f', 1, 64),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Go:       runtime.Version(),
	}
}

// reportFlags say where the results go.
type reportFlags struct {
	output  string
	reports []string
	verbose bool
	color   string
	sinks   campaign.Sinks
}

func (f *reportFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "text", "what to print: text, json, yaml, junit, github, markdown or html")
	flags.StringArrayVar(&f.reports, "report", nil, "also write `FORMAT=PATH`, or trace=DIR; repeatable")
}

func (f *reportFlags) check(cmd *cobra.Command) (err error) {
	f.color = cmd.Flag("color").Value.String()
	if err := report.CheckFormat(f.output); err != nil {
		return usagef("--output: %w", err)
	}
	if f.sinks, err = campaign.ParseSinks(f.reports); err != nil {
		return exit(exitUsage, err)
	}
	if names := f.sinks.ConfigMaps(); len(names) > 0 {
		if t := cmd.Flag("testbed"); t == nil || t.Value.String() != kubevirt.Name {
			return usagef("--report: the ConfigMap %s needs a cluster: add --testbed %s", names[0], kubevirt.Name)
		}
	}
	if err := f.sinks.Check(); err != nil {
		return exit(exitCouldNotRun, err)
	}
	return nil
}

// campaign is a run of the suite that draws as the flags say.
func (f *reportFlags) campaign(s streams, env lookupEnv, bed testbed.Testbed) (*campaign.Campaign, error) {
	c := &campaign.Campaign{Bed: bed, Sinks: f.sinks, Everything: f.verbose, Pictures: f.output == report.HTML}
	color, err := useColor(f.color, s.out, env)
	if color {
		c.Style = ansi
	}
	return c, err
}

// write writes the report to every place.
func (f *reportFlags) write(s streams, r *report.Report) error {
	if err := report.Write(f.output, s.out, r); err != nil {
		return exit(exitCouldNotRun, err)
	}
	if err := f.sinks.Write(r); err != nil {
		return exit(exitCouldNotRun, err)
	}
	return exitOf(r.Cases)
}

// exitOf: a harness error outranks a negative verdict, because then nobody
// knows the verdict.
func exitOf(results []report.Case) error {
	has := func(states ...judge.Result) bool {
		return slices.ContainsFunc(results, func(c report.Case) bool { return slices.Contains(states, c.Result) })
	}
	switch {
	case has(judge.Error):
		return exit(exitCouldNotRun, nil)
	case has(judge.Fail, judge.NotRun), has(judge.NotClaimed) && !has(judge.Pass, judge.Exempt):
		return exit(exitNegative, nil)
	}
	return nil
}
