package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/vmprobe/vmprobe/conformance/fleet"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/timeline"
)

// verdictOf judges an outcome; the trace is nil when nothing ran.
func verdictOf(o suite.Outcome) judge.Verdict {
	switch {
	case o.Err != nil:
		return judge.Broken(o.Case, o.Seed, o.Err)
	case o.NotRun != "":
		return judge.Unrun(o.Case, o.Seed, o.NotRun)
	}
	return judge.Judge(o.Case, o.Trace, judge.Options{})
}

// judged is the part of a report that one run gives. Timelines are drawn for
// what did not pass, or for everything.
func judged(o suite.Outcome, v judge.Verdict, everything, color bool) report.Case {
	c := report.Case{Verdict: v}
	if o.Trace == nil || v.Result == judge.Pass && !everything {
		return c
	}
	c.Timeline = timeline.Draw(o.Case, o.Trace, &v, timeline.Options{})
	if color {
		c.Styled = timeline.Draw(o.Case, o.Trace, &v, timeline.Options{Style: ansi})
	}
	return c
}

// execute runs the jobs, writes every report and maps the result to an exit
// code.
func (f *runFlags) execute(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job) error {
	color, err := useColor(f.color, s.out, env)
	if err != nil {
		return err
	}
	bar := newProgress(s.err, env)
	opts := suite.Options{Parallel: f.parallel, Progress: bar.step}
	results := suite.Run(ctx, simbed.Bed{Tool: version(), Bare: true}, jobs, opts, func(o suite.Outcome) report.Case {
		if o.Trace != nil {
			if err := f.sinks.keep(o.Trace); err != nil {
				o.Trace, o.Err = nil, err
			}
		}
		return judged(o, verdictOf(o), f.verbose, color)
	})
	bar.clear()
	if err := ctx.Err(); err != nil {
		return err
	}
	r := f.report(results)
	if err := report.Write(f.output, s.out, r); err != nil {
		return exit(exitCouldNotRun, err)
	}
	if err := f.sinks.write(r); err != nil {
		return err
	}
	return exitOf(results)
}

func (f *runFlags) report(results []report.Case) *report.Report {
	shard, _ := suite.ParseShard(f.shard) // checked when the jobs were selected
	return &report.Report{
		Tool:           report.Tool{Version: version(), Requirements: "v1"},
		Implementation: report.Implementation{Name: "vmprobe", Version: version()},
		Run:            report.Run{Testbed: "sim", Mode: "virtual", Seeds: f.seeds, FirstSeed: f.seed, Shard: shard.String()},
		Cases:          results,
		Requirements:   len(requirements.IDs()),
		Verbose:        f.verbose,
	}
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
	case has(judge.Fail, judge.NotRun, judge.NotClaimed):
		return exit(exitNegative, nil)
	}
	return nil
}

// executeFleet runs each case as a fleet and writes summaries.
func (f *runFlags) executeFleet(ctx context.Context, s streams, env lookupEnv, jobs []suite.Job) error {
	bar := newProgress(s.err, env)
	opts := suite.Options{Parallel: f.parallel, Progress: bar.step}
	var summaries []fleet.Summary
	var sum fleet.Adder
	suite.Stream(ctx, simbed.Bed{Tool: version(), Bare: true}, jobs, opts, func(o suite.Outcome) fleet.Member {
		return fleet.Of(verdictOf(o), o.Trace)
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

// fleetJobs repeats each case once for every member.
func fleetJobs(jobs []suite.Job, members int, seed uint64) []suite.Job {
	out := make([]suite.Job, 0, len(jobs)*members)
	for _, j := range jobs {
		for i := range members {
			out = append(out, suite.Job{Case: j.Case, Seed: fleet.Seed(seed, i)})
		}
	}
	return out
}

// checkFleet refuses flags that say nothing about a fleet.
func (f *runFlags) checkFleet() error {
	if f.vms == 0 {
		return nil
	}
	switch {
	case f.vms < 0:
		return usagef("--vms %d: want at least 1", f.vms)
	case f.seeds != 1:
		return usagef("--vms gives each VM a seed of its own: leave out --seeds")
	case len(f.reports) > 0:
		return usagef("--vms prints a summary: use -o json instead of --report, or replay one VM")
	}
	if err := writeSummaries(io.Discard, f.output, nil); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}
