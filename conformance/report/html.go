package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/conformance/report/html"
	"github.com/vmprobe/vmprobe/conformance/requirements"
)

func writeHTML(w io.Writer, r *Report) error {
	d, err := r.document()
	if err != nil {
		return err
	}
	list := r.groups()
	all := countOf(list)
	out := &html.Report{
		Result:  string(r.verdict(list)),
		Summary: fmt.Sprintf("%d of %d cases passed", all[judge.Pass], all.total()),
		Facts:   facts(r, list, d.Digest),
	}
	if r.Run.Interrupted {
		out.Summary += "; the run was interrupted"
	}
	columns := []judge.Result{judge.Pass, judge.Fail, judge.Error}
	for _, res := range judge.Results() {
		if !slices.Contains(columns, res) && all[res] > 0 {
			columns = append(columns, res)
		}
	}
	for _, res := range columns {
		out.Results = append(out.Results, string(res))
	}
	for _, name := range profilesOf(list) {
		c := countOf(inProfile(list, name))
		p := html.Profile{Name: name, Result: string(c.result())}
		for _, res := range columns {
			p.Counts = append(p.Counts, c[res])
		}
		out.Profiles = append(out.Profiles, p)
	}
	out.Broken = brokenRules(list)
	for i := range list {
		out.Cases = append(out.Cases, htmlCase(&list[i]))
	}
	return html.Write(w, out)
}

// facts are the lines under the verdict.
func facts(r *Report, list []group, digest string) []html.Fact {
	runs, until := 0, time.Duration(0)
	for i := range list {
		runs += len(list[i].runs)
		until += list[i].until
	}
	seeds := fmt.Sprint(r.Run.FirstSeed)
	if r.Run.Seeds > 1 {
		seeds = fmt.Sprintf("%d to %d", r.Run.FirstSeed, r.Run.FirstSeed+uint64(r.Run.Seeds)-1)
	}
	out := []html.Fact{
		{Name: "Prober", Value: strings.TrimSpace(r.Implementation.Name + " " + r.Implementation.Version)},
		{Name: "Suite", Value: strings.TrimSpace("vmprobe " + r.Tool.Version)},
		{Name: "Requirements", Value: r.Tool.Requirements},
		{Name: "Testbed", Value: fmt.Sprintf("%s, %s time", r.Run.Testbed, r.Run.Mode)},
		{Name: "Door", Value: r.Run.Door},
		{Name: "Seeds", Value: seeds},
		{Name: "Shard", Value: r.Run.Shard},
		{Name: "Runs", Value: fmt.Sprintf("%d, %s of VM life", runs, until)},
		{Name: "Claimed", Value: strings.Join(r.Run.Claimed, ", ")},
		{Name: "Known failures", Value: r.Run.KnownFailing.String()},
		{Name: "Seen from", Value: r.Run.View},
		{Name: "Not judged", Value: r.blindSpot(list)},
		{Name: "Digest of the prober", Value: r.Implementation.Digest},
		{Name: "Digest of the report", Value: digest},
	}
	if p := r.Provenance; p != nil {
		out = append(out, html.Fact{Name: "Made", Value: fmt.Sprintf("%s in %s s, %s, %s", p.Started, p.Seconds, p.Platform, p.Go)})
	}
	return slices.DeleteFunc(out, func(f html.Fact) bool { return f.Value == "" || f.Name == "Shard" && f.Value == "all" })
}

// brokenRules lists the requirements that failures name, with the first case
// of each.
func brokenRules(list []group) []html.Broken {
	_, broken := covered(list)
	var out []html.Broken
	for _, id := range broken {
		b := html.Broken{ID: id}
		if rule, ok := requirements.Lookup(id); ok {
			b.Title = rule.Title
		}
		for i := range list {
			if !list[i].breaks(id) {
				continue
			}
			if b.Cases++; b.Cases == 1 {
				b.First = list[i].Case
			}
		}
		out = append(out, b)
	}
	return out
}

// breaks tells whether any run of the case names the requirement.
func (g *group) breaks(id string) bool {
	return slices.ContainsFunc(g.runs, func(c Case) bool {
		return slices.ContainsFunc(c.Failures, func(f judge.Failure) bool { return f.Requirement == id })
	})
}

func htmlCase(g *group) html.Case {
	name, _ := strings.CutSuffix(g.Case, "@"+g.Profile)
	c := html.Case{
		ID: g.Case, Name: name, Profile: g.Profile, Title: g.Title, Result: string(g.Result), Reason: g.Reason,
		Requirements: g.Requirements, Unjudged: g.unjudged(), File: g.File, Line: g.Line, Seed: g.Seed, Trace: g.TraceDigest,
	}
	if g.Result != judge.Pass {
		c.Replay = g.Replay()
	}
	for _, run := range g.runs {
		c.Runs = append(c.Runs, html.Run{Seed: run.Seed, Result: string(run.Result)})
		if run.Seed == g.Seed {
			c.Picture = run.Picture
		}
	}
	for _, f := range g.Failures {
		want := f.Want
		if f.Window != "" && !strings.Contains(want, f.Window) {
			want = strings.TrimSpace(want + " in " + f.Window)
		}
		c.Failures = append(c.Failures, html.Failure{
			Requirement: f.Requirement, At: oracle.Seconds(f.At), Nanos: int64(f.At), VM: f.VM,
			Who: strings.TrimSpace(f.VM + " " + f.Probe), Message: f.Message, Want: want,
		})
	}
	return c
}
