package campaign

import (
	"cmp"
	"context"
	"errors"
	"runtime/debug"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/claims"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/known"
	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/report"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/conformance/timeline"
	"github.com/vmprobe/vmprobe/conformance/timeline/lanes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Campaign runs cases on a testbed and judges them. Bed is needed.
type Campaign struct {
	Bed testbed.Testbed
	// Parallel is the number of cases at a time; >= 1, default 1. Results do
	// not depend on it.
	Parallel int
	// Progress is called, if not nil, after each case, from any goroutine.
	Progress func(done, total int)
	// Sinks keep the traces.
	Sinks Sinks
	// Pictures adds the lanes of every run, for an HTML report that is not
	// among the sinks.
	Pictures bool
	// Everything draws the timelines of passing cases, too.
	Everything bool
	// Implementation is the prober under test; nil: that of vmprobe.
	Implementation *report.Implementation
	// Door is the way to it, Claimed are the features that it claims, and
	// Canaries those that it must not; empty: in process.
	Door              string
	Claimed, Canaries []string
	// Known are failures that are accepted; nil: there are none.
	Known *known.File
	// Again is the command that runs the job again where vmprobe cannot; empty:
	// it can.
	Again func(suite.Job) string
	// Mode is the time of the runs; default "virtual".
	Mode string
	// Style, if not nil, adds timelines for a terminal with colours.
	Style timeline.Style
}

// Run runs the jobs. The results come in the order of the jobs.
func (c *Campaign) Run(ctx context.Context, jobs []suite.Job) []report.Case {
	opts := suite.Options{Parallel: c.Parallel, Progress: c.Progress}
	return suite.Run(ctx, c.Bed, jobs, opts, func(o suite.Outcome) report.Case {
		part := c.finish(o)
		if part.Result == judge.Pass && o.Seed != jobs[0].Seed {
			part.Picture = nil // of what passed only the first seed is shown
		}
		return part
	})
}

// finish keeps, judges and draws a run.
func (c *Campaign) finish(o suite.Outcome) report.Case {
	if o.Trace != nil {
		if err := c.Sinks.Keep(o.Trace); err != nil {
			o.Trace, o.Err = nil, err
		}
	}
	v := Judge(o)
	if c.Known != nil {
		v = c.Known.Excuse(v)
	}
	if c.Implementation != nil {
		v.Prober = c.Implementation.Command
	}
	if c.Door != protocol.Lockstep { // which is the default
		v.Door = c.Door
	}
	if c.Mode == report.Wall {
		v.Testbed = c.Bed.Name()
	}
	if c.Again != nil {
		v.Command = c.Again(o.Job)
	}
	part := c.Draw(o, v)
	if len(c.Claimed) > 0 {
		part.Claims = claims.Groups(claims.Needs(o.Case))
	}
	return part
}

// Judge gives the verdict of an outcome, whether it ran or not.
func Judge(o suite.Outcome) judge.Verdict {
	switch {
	case errors.Is(o.Err, context.Canceled):
		return judge.Unrun(o.Case, o.Seed, "interrupted")
	case o.Err != nil:
		return judge.Broken(o.Case, o.Seed, o.Err)
	case o.NotRun != "":
		return judge.Unrun(o.Case, o.Seed, o.NotRun)
	case len(o.Unclaimed) > 0:
		return judge.Unclaimed(o.Case, o.Seed, o.Unclaimed)
	}
	return judge.Judge(o.Case, o.Trace, judge.Options{})
}

// Draw is the part of a report that one run gives. Timelines are drawn for
// what did not pass, or for everything.
func (c *Campaign) Draw(o suite.Outcome, v judge.Verdict) report.Case {
	part := report.Case{Verdict: v}
	if o.Trace != nil {
		part.Notes = o.Trace.Notes
	}
	if o.Trace != nil && (c.Pictures || c.Sinks.Wants(report.HTML)) {
		part.Picture = lanes.Of(o.Case, o.Trace)
	}
	if o.Trace == nil || v.Result == judge.Pass && !c.Everything {
		return part
	}
	part.Timeline = timeline.Draw(o.Case, o.Trace, &v, timeline.Options{})
	if c.Style != nil {
		part.Styled = timeline.Draw(o.Case, o.Trace, &v, timeline.Options{Style: c.Style})
	}
	if c.Everything && len(o.Trace.Notes) > 0 {
		text := notes(o.Trace.Notes)
		part.Timeline += text
		if part.Styled != "" {
			part.Styled += text
		}
	}
	return part
}

// notes are what else must be known of a run, below its timeline.
func notes(list []string) string {
	var b strings.Builder
	for _, note := range list {
		for line := range strings.Lines(note) {
			b.WriteString("  " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return b.String()
}

// Report puts results into a report.
func (c *Campaign) Report(s *Selection, results []report.Case) *report.Report {
	shard, _ := suite.ParseShard(s.Shard) // checked when the jobs were selected
	tool := report.Tool{Version: Version(), Requirements: "v1"}
	if shard.Count > 0 {
		tool.Cases, tool.Digest = s.cases, s.digest
	}
	implementation := report.Implementation{Name: "vmprobe", Version: Version()}
	if c.Implementation != nil {
		implementation = *c.Implementation
	}
	var accepted *report.KnownFailing
	if c.Known != nil {
		accepted = &report.KnownFailing{Entries: len(c.Known.Entries), Digest: c.Known.Digest}
	}
	return &report.Report{
		Tool:           tool,
		Implementation: implementation,
		Run: report.Run{
			Testbed: c.Bed.Name(), Door: c.Door, Mode: cmp.Or(c.Mode, "virtual"), Seeds: s.Seeds, FirstSeed: s.Seed, Shard: shard.String(),
			Claimed: claims.Groups(c.Claimed), Canaries: c.Canaries,
			KnownFailing: accepted, View: viewOf(results),
		},
		Cases:        results,
		Requirements: len(requirements.IDs()),
		Excluded:     excluded(),
		Mutants:      &report.Mutants{Total: len(mutants.All()), Digest: mutants.Digest(mutants.All(), nil)},
		Verbose:      c.Everything,
	}
}

// viewOf is from where the runs were watched: a testbed has one view.
func viewOf(results []report.Case) string {
	for i := range results {
		if v := results[i].View; v != trace.ViewProber {
			return string(v)
		}
	}
	return ""
}

// excluded are the requirements that no run can observe.
func excluded() []string {
	var ids []string
	for _, r := range requirements.All() {
		if r.Excluded != "" {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Version is the module's version as the linker knows it; "devel" in a
// checkout.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
