package legal

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

const (
	// DefaultProbers is the size of the population.
	DefaultProbers = 2000
	// Share is how many probers a case meets that only bytes can tell.
	Share = 60
)

// Options of Run.
type Options struct {
	// Probers is the size of the population of each profile; >= 1, default
	// DefaultProbers. Seed draws it.
	Probers int
	Seed    uint64
	// Only, if not nil, is the number of the one prober that is run.
	Only *int
	// Parallel is the number of cases at a time; >= 1, default 1. The result
	// does not depend on it.
	Parallel int
	// Full runs every prober against the cases that need bytes, too, and not
	// a share of them.
	Full bool
	// Progress is called, if not nil, after each case, from any goroutine.
	Progress func(done, total int)
}

// Row is what became of one case.
type Row struct {
	Case *scenarios.Case
	// Model and Bytes count the runs without and with bytes; Reason says why
	// bytes are needed.
	Model, Bytes int
	Reason       string
	// Rejections are the legal probers that were rejected, by number; the
	// first MaxRejections in full.
	Rejected   int
	Rejections []Rejection
	// Broken is what the harness could not do.
	Broken string
}

// MaxRejections is how many rejections of a case are kept.
const MaxRejections = 5

// Rejection is a legal prober that a case rejects.
type Rejection struct {
	Prober  Prober
	Verdict judge.Verdict
}

// Result is what became of a population.
type Result struct {
	Rows    []Row // in the order of the cases
	Options Options
}

// Run runs the population against the cases. The error is the context's.
func Run(ctx context.Context, cases []*scenarios.Case, o Options) (Result, error) {
	if o.Probers < 1 {
		o.Probers = DefaultProbers
	}
	if o.Only != nil {
		o.Probers = max(o.Probers, *o.Only+1)
	}
	populations := map[probes.ProfileName][]Prober{}
	for _, c := range cases {
		if populations[c.Profile.Name] == nil {
			populations[c.Profile.Name] = Population(c.Profile.Name, o.Probers, o.Seed)
		}
	}
	result := Result{Rows: make([]Row, len(cases)), Options: o}
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range min(max(o.Parallel, 1), max(len(cases), 1)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(cases) || ctx.Err() != nil {
					return
				}
				t := &trial{ctx: ctx, o: &o, story: NewStory(cases[i]), row: Row{Case: cases[i]}}
				list := populations[cases[i].Profile.Name]
				if o.Only != nil {
					list = list[*o.Only : *o.Only+1]
				}
				t.all(list)
				result.Rows[i] = t.row
				if n := int(done.Add(1)); o.Progress != nil {
					o.Progress(n, len(cases))
				}
			}
		})
	}
	workers.Wait()
	return result, ctx.Err()
}

// trial is one case against its population.
type trial struct {
	ctx   context.Context //nolint:containedctx // of the one run that it is
	o     *Options
	story *Story
	row   Row

	watch  func(*Prober, judge.Entry) // may be nil
	played *simbed.Model              // nil: the case needs bytes
	events trace.Recorder             // of the last run without bytes
}

// all runs every prober, or its share.
func (t *trial) all(list []Prober) {
	var err error
	if t.played, err = simbed.NewModel(t.row.Case); err != nil {
		t.row.Reason = err.Error()
	} else {
		t.row.Reason = bytesMatter(t.row.Case)
	}
	next := 0
	for ; next < len(list) && t.row.Reason == "" && t.goesOn(); next++ {
		t.model(&list[next])
	}
	if t.row.Reason == "" {
		return
	}
	for _, i := range share(t.row.Case.ID(), len(list), t.o.Full) {
		if i >= next && t.goesOn() {
			t.bytes(&list[i])
		}
	}
}

func (t *trial) goesOn() bool { return t.row.Broken == "" && t.ctx.Err() == nil }

// share are the numbers of the probers that a case meets with bytes: as far
// apart as can be, and not the same ones for each case.
func share(id string, n int, full bool) []int {
	size := min(Share, n)
	if full {
		size = n
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	start := int(h.Sum64() % uint64(n))
	list := make([]int, size)
	for i := range list {
		list[i] = (start + i*n/size) % n
	}
	return list
}

// bytesMatter says why a case cannot be run without bytes at all.
func bytesMatter(c *scenarios.Case) string {
	for _, e := range c.Expect {
		if len(e.Requests) > 0 {
			return "requests are counted"
		}
		for _, w := range e.Events {
			if w.Contains != "" {
				return "words of events are asserted"
			}
		}
	}
	return ""
}

// model runs a prober without bytes, or with them when it meets what is not
// known without. A case at which the first one does, or many do, needs bytes.
func (t *trial) model(p *Prober) {
	t.events.Events = t.events.Events[:0]
	tr, err := guarded(func() (*trace.Trace, error) {
		err := t.played.Play(t.ctx, p.Seed, p.Liberty(t.story), &t.events)
		return &trace.Trace{Header: trace.Header{Seed: p.Seed}, Events: t.events.Events}, err
	})
	if errors.Is(err, simbed.ErrInexpressible) {
		if t.row.Model == 0 || t.row.Bytes >= Share {
			t.row.Reason = errors.Unwrap(err).Error()
		}
		t.bytes(p)
		return
	}
	t.row.Model++
	t.judge(p, tr, err, true)
}

func (t *trial) bytes(p *Prober) {
	tr, err := guarded(func() (*trace.Trace, error) {
		return simbed.Bed{Bare: true, Liberty: p.Liberty(t.story)}.Run(t.ctx, t.row.Case, p.Seed)
	})
	t.row.Bytes++
	t.judge(p, tr, err, false)
}

// Replay runs one prober as Run does, and judges it: without bytes where that
// is enough.
func Replay(ctx context.Context, c *scenarios.Case, p *Prober) (*trace.Trace, judge.Verdict, error) {
	bed := simbed.Bed{Bare: true, Liberty: p.Liberty(NewStory(c))}
	blind := bytesMatter(c) == ""
	run := bed.Run
	if blind {
		run = bed.Twin
	}
	t, err := guarded(func() (*trace.Trace, error) { return run(ctx, c, p.Seed) })
	if errors.Is(err, simbed.ErrInexpressible) {
		blind = false
		t, err = guarded(func() (*trace.Trace, error) { return bed.Run(ctx, c, p.Seed) })
	}
	if err != nil {
		return nil, judge.Verdict{}, err
	}
	return t, judge.Judge(c, t, judge.Options{Blind: blind}), nil
}

func (t *trial) judge(p *Prober, tr *trace.Trace, err error, blind bool) {
	if err != nil {
		if t.ctx.Err() == nil {
			t.row.Broken = fmt.Sprintf("prober %d: %v", p.Number, err)
		}
		return
	}
	opts := judge.Options{Blind: blind}
	if t.watch != nil {
		opts.Watch = func(e judge.Entry) { t.watch(p, e) }
	}
	v := judge.Judge(t.row.Case, tr, opts)
	switch v.Result {
	case judge.Pass:
	case judge.Error:
		t.row.Broken = fmt.Sprintf("prober %d: %s", p.Number, v.Reason)
	default:
		t.row.Rejected++
		if len(t.row.Rejections) < MaxRejections {
			t.row.Rejections = append(t.row.Rejections, Rejection{Prober: *p, Verdict: v})
		}
	}
}

// guarded turns a panic into an error.
func guarded(run func() (*trace.Trace, error)) (t *trace.Trace, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return run()
}

// Length is the virtual time of all runs.
func (r *Result) Length() time.Duration {
	var sum time.Duration
	for i := range r.Rows {
		sum += r.Rows[i].Case.Until * time.Duration(r.Rows[i].Model+r.Rows[i].Bytes)
	}
	return sum
}
