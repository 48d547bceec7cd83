package legal

import (
	"context"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

const (
	// DefaultProbers is the size of the population.
	DefaultProbers = 2000
	// DefaultChecks is how many runs of a case are made again without memory.
	DefaultChecks = 4
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
	// Checks is how many probers of each case run once more without memory;
	// >= 0. A trace that differs breaks the case.
	Checks int
	// Progress is called, if not nil, after each case, from any goroutine.
	Progress func(done, total int)
}

// Row is what became of one case.
type Row struct {
	Case *scenarios.Case
	// Runs counts the probers that met the case, Checked those of them that
	// met it once more without memory.
	Runs, Checked int
	// Recalled and Made count the tries that were remembered and those that
	// were made.
	Recalled, Made int
	// Like is the case of another profile that was run in its stead, because
	// it is the same but for the name of its profile; empty: none. Checked
	// runs of it were made, to be compared.
	Like string
	// Parts says where memory changed a run, so that the case had to be run
	// without; empty: nowhere.
	Parts string
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
	families := kin(cases)
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range min(max(o.Parallel, 1), max(len(families), 1)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(families) || ctx.Err() != nil {
					return
				}
				var first *trial
				for _, n := range families[i] {
					t := &trial{ctx: ctx, o: &o, story: NewStory(cases[n]), row: Row{Case: cases[n]}}
					list := populations[cases[n].Profile.Name]
					if o.Only != nil {
						list = list[*o.Only : *o.Only+1]
					}
					if first == nil || !t.like(first, list) {
						first = t
						t.all(list)
					}
					result.Rows[n] = t.row
					if n := int(done.Add(1)); o.Progress != nil {
						o.Progress(n, len(cases))
					}
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
	memory *simbed.Memory
	lore   *oracle.Lore
	desk   judge.Desk
	events trace.Recorder // of the last run
}

// all runs every prober. Where memory turns out to change a run, the case is
// begun again without: the order of what happens at one instant hangs on what
// happened before, and not all of that is remembered.
func (t *trial) all(list []Prober) {
	t.memory, t.lore = simbed.NewMemory(), oracle.NewLore()
	defer t.memory.Close()
	t.rehearse(list)
	if !t.with(list, share(t.row.Case.ID(), len(list), t.o.Checks)) {
		t.row = Row{Case: t.row.Case, Parts: t.row.Parts}
		t.memory = nil
		t.with(list, nil)
		return
	}
	t.row.Recalled, t.row.Made = t.memory.Recalled, t.memory.Made
}

// rehearsals is how many probers teach the memory where tries follow each
// other at once.
const rehearsals = 6

// rehearse teaches what single tries come to: where one that errors is made
// again at once, its own effects cannot be told apart.
func (t *trial) rehearse(list []Prober) {
	if t.row.Case.Profile.Tries <= 1 {
		return
	}
	for _, i := range share(t.row.Case.ID()+"rehearsal", len(list), rehearsals) {
		p := list[i]
		p.Tries, p.Slow.Results, p.Race = 1, 0, 0
		_, _ = t.play(&p, t.memory, &t.events) // what cannot be run is found later
	}
}

func (t *trial) with(list []Prober, check []int) (same bool) {
	for i := range list {
		if t.row.Broken != "" || t.ctx.Err() != nil {
			break
		}
		t.run(&list[i])
		if slices.Contains(check, i) && !t.again(&list[i]) {
			return false
		}
	}
	return true
}

// share are the numbers of some of n probers: as far apart as can be, and not
// the same ones for each case. Their order does not hang on anything else.
func share(id string, n, size int) []int {
	size = min(size, n)
	h := fnv.New64a()
	h.Write([]byte(id))
	start := int(h.Sum64() % uint64(n))
	some := make([]int, size)
	for i := range size {
		some[i] = (start + i*n/size) % n
	}
	return some
}

// run runs a prober with what others have left in memory.
func (t *trial) run(p *Prober) {
	tr, err := t.play(p, t.memory, &t.events)
	t.row.Runs++
	t.judge(p, tr, err)
}

// again runs it without, and compares.
func (t *trial) again(p *Prober) (same bool) {
	var events trace.Recorder
	if _, err := t.play(p, nil, &events); err != nil {
		t.fail(p, err)
		return true
	}
	t.row.Checked++
	d := trace.Diff(&trace.Trace{Events: t.events.Events}, &trace.Trace{Events: events.Events})
	if d == nil {
		return true
	}
	t.row.Parts = fmt.Sprintf("prober %d: record %d of %q is %s, without memory %s", p.Number, d.Record, d.VM, record(d.A), record(d.B))
	return false
}

// like takes over what became of another case that is the same, when some runs
// of this one turn out as they did there.
func (t *trial) like(other *trial, list []Prober) bool {
	if other.row.Broken != "" || t.ctx.Err() != nil {
		return false
	}
	for _, i := range share(t.row.Case.ID(), len(list), max(1, t.o.Checks)) {
		var here, there trace.Recorder
		if _, err := t.play(&list[i], nil, &here); err != nil {
			return false
		}
		if _, err := other.play(&list[i], nil, &there); err != nil || !slices.Equal(here.Events, there.Events) {
			return false
		}
		t.row.Checked++
	}
	t.row.Runs, t.row.Like = other.row.Runs, other.row.Case.ID()
	t.row.Rejected, t.row.Rejections = other.row.Rejected, other.row.Rejections
	return true
}

// record is a record of a trace in words.
func record(e *trace.Event) string {
	if e == nil {
		return "missing"
	}
	return fmt.Sprintf("%s %s at %s", e.Kind, e.Value, e.T)
}

func (t *trial) play(p *Prober, m *simbed.Memory, events *trace.Recorder) (*trace.Trace, error) {
	events.Events = events.Events[:0]
	return guarded(func() (*trace.Trace, error) {
		bed := simbed.Bed{Bare: true, Liberty: p.Liberty(t.story), Memory: m}
		err := bed.Play(t.ctx, t.row.Case, p.Seed, events)
		return &trace.Trace{Header: trace.Header{Seed: p.Seed}, Events: events.Events}, err
	})
}

func (t *trial) fail(p *Prober, err error) {
	if t.ctx.Err() == nil {
		t.row.Broken = fmt.Sprintf("prober %d: %v", p.Number, err)
	}
}

// Replay runs one prober as Run does, and judges it.
func Replay(ctx context.Context, c *scenarios.Case, p *Prober) (*trace.Trace, judge.Verdict, error) {
	bed := simbed.Bed{Bare: true, Liberty: p.Liberty(NewStory(c))}
	t, err := guarded(func() (*trace.Trace, error) { return bed.Run(ctx, c, p.Seed) })
	if err != nil {
		return nil, judge.Verdict{}, err
	}
	return t, judge.Judge(c, t, judge.Options{}), nil
}

func (t *trial) judge(p *Prober, tr *trace.Trace, err error) {
	if err != nil {
		t.fail(p, err)
		return
	}
	opts := judge.Options{Lore: t.lore, Desk: &t.desk}
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
		sum += r.Rows[i].Case.Until * time.Duration(r.Rows[i].Runs)
	}
	return sum
}
