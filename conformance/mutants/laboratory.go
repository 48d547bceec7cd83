package mutants

import (
	"context"
	"fmt"
	"hash/maphash"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// laboratory is one run of the matrix: what its benches share.
type laboratory struct {
	ctx     context.Context //nolint:containedctx // of the one run that it is
	options Options
	cases   []*scenarios.Case
	stories []*story // the cases by scenario, in the order of the cases
	hash    maphash.Seed

	mu     sync.Mutex
	lawful map[baseline]*lawful
}

// story is the cases of one scenario.
type story struct {
	name  string
	cases []*scenarios.Case
}

// claims tells whether the scenario says that it kills the mutant.
func (s *story) claims(m *Mutant) bool { return slices.Contains(s.cases[0].Kills, m.Name) }

func newLaboratory(ctx context.Context, cases []*scenarios.Case, o Options) *laboratory {
	l := &laboratory{ctx: ctx, options: o, cases: cases, hash: maphash.MakeSeed(), lawful: map[baseline]*lawful{}}
	l.stories = stories(cases)
	return l
}

func stories(cases []*scenarios.Case) []*story {
	var list []*story
	known := map[string]*story{}
	for _, c := range cases {
		s, ok := known[c.Scenario]
		if !ok {
			s = &story{name: c.Scenario}
			known[c.Scenario] = s
			list = append(list, s)
		}
		s.cases = append(s.cases, c)
	}
	return list
}

type baseline struct {
	c    *scenarios.Case
	seed uint64
}

// lawful is a run without a mutant.
type lawful struct {
	once     sync.Once
	passes   bool
	sum      uint64           // of the whole trace
	outcomes []simbed.Outcome // different ones
}

// law gives the lawful run of a case. A case that fails by itself proves
// nothing about a mutant.
func (b *bench) law(c *scenarios.Case, seed uint64) *lawful {
	l := b.laboratory
	key := baseline{c, seed}
	l.mu.Lock()
	run := l.lawful[key]
	if run == nil {
		run = &lawful{}
		l.lawful[key] = run
	}
	l.mu.Unlock()
	run.once.Do(func() {
		seen := map[simbed.Outcome]bool{}
		witness := &simbed.Deviation{Result: func(p *probes.Probe, r *probes.Result) {
			if o := (simbed.Outcome{Probe: p, Result: *r}); !seen[o] {
				seen[o] = true
				run.outcomes = append(run.outcomes, o)
			}
		}}
		t, err := b.run(witness, c, seed)
		if err == nil {
			run.sum = l.sum(t)
			v := judge.Judge(c, t, judge.Options{})
			run.passes = v.Result == judge.Pass
		}
	})
	return run
}

// failing lists the cases that the law fails.
func (l *laboratory) failing() []string {
	var list []string
	for key, run := range l.lawful {
		if !run.passes {
			list = append(list, key.c.ID())
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// sum is over every field of every event: what the judges see. The digest of
// a trace leaves texts out.
func (l *laboratory) sum(t *trace.Trace) uint64 {
	var sum uint64
	for i := range t.Events {
		sum = sum*0x9e3779b97f4a7c15 + maphash.Comparable(l.hash, t.Events[i])
	}
	return sum
}

// bench is where one worker runs cases, one after the other.
type bench struct {
	*laboratory
	events []trace.Event // of the last run, to be used again
}

// run makes one run. The trace is valid until the next one.
func (b *bench) run(d *simbed.Deviation, c *scenarios.Case, seed uint64) (t *trace.Trace, err error) {
	recorder := trace.Recorder{Events: b.events[:0]}
	defer func() {
		b.events = recorder.Events
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if err := (simbed.Bed{Bare: true, Deviation: d}).Play(b.ctx, c, seed, &recorder); err != nil {
		return nil, err
	}
	// Nobody asks for the digest, so it is not computed.
	view := b.options.View
	return &trace.Trace{
		Header: trace.Header{Case: c.ID(), Profile: string(c.Profile.Name), Seed: seed, VMs: names(c), View: view},
		Events: view.Of(recorder.Events),
	}, nil
}

func names(c *scenarios.Case) []string {
	list := make([]string, len(c.VMs))
	for i := range c.VMs {
		list[i] = c.VMs[i].Name
	}
	return list
}

// verdict is what becomes of one case under the mutant; what the harness
// cannot do is a verdict, too. ran is false when the run could be spared.
func (b *bench) verdict(m *Mutant, c *scenarios.Case, seed uint64) (v judge.Verdict, ran bool) {
	pass := judge.Verdict{Result: judge.Pass}
	if m.Deviation.Idle(c, func() []simbed.Outcome { return b.law(c, seed).outcomes }) {
		return pass, false
	}
	law := b.law(c, seed)
	if !law.passes {
		return pass, true // whatever happens: it kills nothing
	}
	t, err := b.run(&m.Deviation, c, seed)
	switch {
	case err != nil:
		return judge.Broken(c, seed, err), true
	case b.sum(t) == law.sum:
		return pass, true // the judges saw this before
	}
	return judge.Judge(c, t, judge.Options{}), true
}
