package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vmprobe/vmprobe/conformance/artifact"
	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/known"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// repeatFlags say how to make a report again.
type repeatFlags struct {
	proberFlags
	rerun    bool
	known    string
	parallel int
}

func (f *repeatFlags) add(cmd *cobra.Command) {
	f.proberFlags.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.rerun, "rerun", false, "make a report about the prober of vmprobe itself again; another prober is named")
	flags.StringVar(&f.known, "known-failing", "", "the `file` of known failures that the report was made with")
	flags.IntVarP(&f.parallel, "parallel", "p", runtime.GOMAXPROCS(0), "cases at a time; results do not depend on it")
}

// wanted tells whether anything is to be run.
func (f *repeatFlags) wanted() bool { return f.rerun || len(f.argv) > 0 }

// refuses says why the report cannot be made again in this way.
func (f *repeatFlags) refuses(name string, r *report.Report) error {
	if err := campaign.Refusal(r); err != nil {
		return usagef("%s cannot be made again: %w", name, err)
	}
	switch {
	case f.parallel < 1:
		return usagef("--parallel must be at least 1")
	case r.Run.Door == "" && len(f.argv) > 0:
		return usagef("%s is about the prober of vmprobe itself: leave out the prober, and say --rerun", name)
	case r.Run.Door != "" && len(f.argv) == 0:
		return usagef("%s is about another prober: name it with --prober or after --, as in -- %s", name, r.Implementation.Command)
	case r.Run.KnownFailing != nil && f.known == "":
		return usagef("%s was made with a list of known failures (%s): give it with --known-failing", name, r.Run.KnownFailing)
	case r.Run.KnownFailing == nil && f.known != "":
		return usagef("%s was made without a list of known failures: leave out --known-failing", name)
	}
	return nil
}

// again runs everything that the report speaks of and compares. What differs
// is printed; the exit code is 1 when suite, prober or list are other ones, and 4
// when they are not.
func (f *repeatFlags) again(ctx context.Context, s streams, env lookupEnv, name string, r *report.Report, a *campaign.Archive) error {
	if err := f.refuses(name, r); err != nil {
		return err
	}
	jobs, err := a.Jobs(r)
	if err != nil {
		return exit(exitNegative, err)
	}
	c, done, err := f.campaign(ctx, r)
	if err != nil {
		return err
	}
	defer done()
	bar := newProgress(s.err, env)
	c.Parallel, c.Progress = f.parallel, bar.step
	results := c.Run(ctx, jobs)
	bar.clear()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(f.argv) > 0 {
		if err := f.unchanged(); err != nil {
			return err
		}
	}
	campaign.Rename(results, r)
	now := c.Report(campaign.SelectionOf(r), results)
	inputs := campaign.Inputs(r, now)
	if len(inputs) == 0 {
		now.Implementation.Files = r.Implementation.Files // other names, same bytes
	}
	return tellAgain(s, name, r, now, inputs)
}

// tellAgain says what came of it.
func tellAgain(s streams, name string, r, now *report.Report, inputs []error) error {
	line, same, err := campaign.Same(r, now)
	if err != nil {
		return exit(exitCouldNotRun, err)
	}
	if same && len(inputs) == 0 {
		fmt.Fprintf(s.out, "%s: made again, the same byte for byte: %d cases, %d runs\n", name, len(r.ByCase()), len(r.Cases))
		return nil
	}
	outcomes := campaign.Outcomes(r, now)
	if len(inputs)+len(outcomes) == 0 {
		outcomes = append(outcomes, errors.New(line))
	}
	complain(s.err, inputs)
	complain(s.err, outcomes)
	broke := func(c report.Case) bool { return c.Result == judge.Error }
	switch {
	case slices.ContainsFunc(now.Cases, broke) && !slices.ContainsFunc(r.Cases, broke):
		fmt.Fprintf(s.out, "%s: could not be made again\n", name)
		return exit(exitCouldNotRun, nil)
	case len(inputs) > 0:
		fmt.Fprintf(s.out, "%s: made again of something else: %d differences, and %d of what came of it\n", name, len(inputs), len(outcomes))
		return exit(exitNegative, nil)
	}
	fmt.Fprintf(s.out, "%s: the same prober, suite and cases came to something else: %d differences\n", name, len(outcomes))
	if r.Tool.Version == "devel" {
		fmt.Fprintln(s.out, "(both suites are development builds, which may differ)")
	}
	return exit(exitNondeterministic, nil)
}

// campaign is the one that made the report; done ends it.
func (f *repeatFlags) campaign(ctx context.Context, r *report.Report) (c *campaign.Campaign, done func(), err error) {
	done = func() {}
	c = &campaign.Campaign{}
	if f.known != "" {
		data, err := readKnown(f.known)
		if err != nil {
			return nil, nil, err
		}
		var list diag.List
		if c.Known, list = known.Load(f.known, data); list.HasErrors() {
			return nil, nil, exit(exitUsage, list.Err())
		}
	}
	if len(f.argv) == 0 {
		ground := bed()
		if ground.View, err = trace.ParseView(r.Run.View); err != nil {
			return nil, nil, exit(exitUsage, err)
		}
		c.Bed = ground
		return c, done, nil
	}
	b, err := f.open(ctx, r.Run.FirstSeed, nil)
	if err != nil {
		return nil, nil, err
	}
	c.Bed, f.door = b, r.Run.Door
	f.put(c, b)
	c.Implementation.Command = r.Implementation.Command // where it lies now is no difference
	c.Implementation.Digest = artifact.Digest(f.files)
	return c, func() { _ = b.Close() }, nil // what is left is killed
}
