package legal

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Edge is what the population does with one window of a case: when the first
// and the last of its probers get there.
type Edge struct {
	VM     string `json:"vm"`
	What   string `json:"what"`             // "ready -> true"
	Number int    `json:"number"`           // of the entry in its list, from 1
	Window string `json:"window,omitempty"` // as the author wrote it
	// Lo and Hi bound the window over all runs, in nanoseconds and without
	// slack: it moves when its formula names an attempt or a verdict.
	Lo time.Duration `json:"loNanos"`
	Hi time.Duration `json:"hiNanos"`
	// Earliest and Latest are the instants seen, and by which prober.
	Earliest   time.Duration `json:"earliestNanos"`
	Latest     time.Duration `json:"latestNanos"`
	EarliestBy int           `json:"earliestBy"`
	LatestBy   int           `json:"latestBy"`
	// Before is the least time from the lower edge to what was seen, and
	// After the least time from there to the upper edge with its slack.
	// Negative: a legal prober was outside.
	Before time.Duration `json:"beforeNanos"`
	After  time.Duration `json:"afterNanos"`
	Seen   int           `json:"seen"` // probers that got there

	pos scenarios.Pos // of the window
}

// Envelope is what the population does with all windows of a case.
type Envelope struct {
	Case    string `json:"case"`
	Title   string `json:"title"`
	Probers int    `json:"probers"` // that ran
	// Slack is what judges add to the upper edges.
	Slack time.Duration `json:"slackNanos"`
	Edges []Edge        `json:"edges"` // in the order in which they were seen first
}

// EnvelopeOf runs a population against a case and measures its windows.
func EnvelopeOf(ctx context.Context, c *scenarios.Case, o Options) (Envelope, error) {
	e, _, err := measure(ctx, c, o)
	return e, err
}

// measure is EnvelopeOf with what became of the case.
func measure(ctx context.Context, c *scenarios.Case, o Options) (Envelope, Row, error) {
	if o.Probers < 1 {
		o.Probers = DefaultProbers
	}
	e := Envelope{Case: c.ID(), Title: c.Title, Slack: judge.DefaultSlack, Edges: []Edge{}}
	t := &trial{ctx: ctx, o: &o, story: NewStory(c), row: Row{Case: c}, watch: e.see}
	t.all(Population(c.Profile.Name, o.Probers, o.Seed))
	switch {
	case ctx.Err() != nil:
		return e, t.row, ctx.Err()
	case t.row.Broken != "":
		return e, t.row, fmt.Errorf("%s: %s", c.ID(), t.row.Broken)
	}
	e.Probers = t.row.Runs
	return e, t.row, nil
}

// see takes an entry of a history that was found where it was expected.
func (e *Envelope) see(p *Prober, x judge.Entry) {
	if x.Free {
		return
	}
	i := slices.IndexFunc(e.Edges, func(k Edge) bool { return k.VM == x.VM && k.What == x.What && k.Number == x.Number })
	if i < 0 {
		i = len(e.Edges)
		e.Edges = append(e.Edges, Edge{
			VM: x.VM, What: x.What, Number: x.Number, Window: x.Window, Lo: x.Lo, Hi: x.Hi, pos: x.Pos,
			Earliest: x.At, Latest: x.At, EarliestBy: p.Number, LatestBy: p.Number,
			Before: x.At - x.Lo, After: x.Hi + e.Slack - x.At,
		})
	}
	k := &e.Edges[i]
	k.Seen++
	k.Lo, k.Hi = min(k.Lo, x.Lo), max(k.Hi, x.Hi)
	if x.At < k.Earliest {
		k.Earliest, k.EarliestBy = x.At, p.Number
	}
	if x.At > k.Latest {
		k.Latest, k.LatestBy = x.At, p.Number
	}
	k.Before, k.After = min(k.Before, x.At-x.Lo), min(k.After, x.Hi+e.Slack-x.At)
}

// WriteText writes an envelope for people.
func (e *Envelope) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s\n  %s\n  windows against %d legal probers\n", e.Case, e.Title, e.Probers)
	if len(e.Edges) == 0 {
		_, err := fmt.Fprintln(w, "  the case expects nothing at any instant")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "  VM\tEXPECTED\tWINDOW (+%s)\tSEEN\tBY PROBERS\tROOM BEFORE\tROOM AFTER\tFORMULA\n", oracle.Seconds(e.Slack))
	list := slices.Clone(e.Edges)
	slices.SortStableFunc(list, func(a, b Edge) int {
		return cmp.Or(strings.Compare(a.VM, b.VM), strings.Compare(lane(a.What), lane(b.What)), a.Number-b.Number)
	})
	for _, k := range list {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%d, %d\t%s\t%s\t%s\n", k.VM, k.What, between(k.Lo, k.Hi), between(k.Earliest, k.Latest),
			k.EarliestBy, k.LatestBy, room(k.Before), room(k.After), k.Window)
	}
	return table.Flush()
}

func lane(what string) string { word, _, _ := strings.Cut(what, " "); return word }

func between(lo, hi time.Duration) string {
	return fmt.Sprintf("[%s, %s]", oracle.Seconds(lo), oracle.Seconds(hi))
}

// room writes a distance to an edge. Less than a millisecond outside is the
// way of a request, which judges grant.
func room(d time.Duration) string {
	if d < 0 && d > -time.Millisecond {
		d = 0
	}
	return oracle.Seconds(d)
}
