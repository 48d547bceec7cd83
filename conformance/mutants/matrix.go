package mutants

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Options of Run.
type Options struct {
	// Seed is the first seed and Seeds their number; >= 1, default 1.
	Seed  uint64
	Seeds int
	// Parallel is the number of mutants at a time; >= 1, default 1. The matrix
	// does not depend on it.
	Parallel int
	// Full runs every mutant against every case, to the first seed that kills
	// it there. Otherwise the search ends when each seed has a killer.
	Full bool
	// Progress is called, if not nil, after each mutant, from any goroutine.
	Progress func(done, total int)
}

// Kill is a case that kills a mutant for the requirement that it breaks.
type Kill struct {
	Case  string   `json:"case"`
	Seeds []uint64 `json:"seeds"` // ascending; with Full the first one alone
}

// Row is what became of one mutant.
type Row struct {
	Mutant      string `json:"mutant"`
	Requirement string `json:"requirement"`
	Wrong       string `json:"wrong"`
	Source      string `json:"source"`
	// Killed tells that at every seed a case fails for the requirement.
	Killed bool   `json:"killed"`
	Kills  []Kill `json:"kills,omitempty"` // in the order of the search
	// Survives lists the seeds at which no case does.
	Survives []uint64 `json:"survives,omitempty"`
	// Misnamed is a case that fails, but for another requirement: the mutant
	// is noticed and not understood. It is told of survivors.
	Misnamed *Misnamed `json:"misnamed,omitempty"`
	// Broken is the first thing that the harness could not do with the mutant.
	Broken string `json:"broken,omitempty"`
	Runs   int    `json:"runs"`
}

// Misnamed is a failure for a requirement that the mutant does not break.
type Misnamed struct {
	Case        string `json:"case"`
	Seed        uint64 `json:"seed"`
	Requirement string `json:"requirement"`
	Message     string `json:"message"`
}

// Matrix is the result of a run.
type Matrix struct {
	Rows  []Row `json:"rows"` // in the order of the mutants
	Cases int   `json:"cases"`
	Seeds int   `json:"seeds"`
	// Unkilled lists the requirements that can be observed and that no killed
	// mutant breaks, sorted. It is empty unless every mutant was examined.
	Unkilled []string `json:"unkilled,omitempty"`
	// Failing lists the cases that fail without any mutant; they kill nothing.
	Failing []string `json:"failing,omitempty"`
	Runs    int      `json:"runs"`
}

// Survivors counts the mutants that are not killed.
func (m *Matrix) Survivors() int {
	n := 0
	for i := range m.Rows {
		if !m.Rows[i].Killed {
			n++
		}
	}
	return n
}

// Run runs the mutants against the cases on the simulator. The error is the
// context's.
func Run(ctx context.Context, list []Mutant, cases []*scenarios.Case, o Options) (Matrix, error) {
	o.Seeds = max(o.Seeds, 1)
	l := &laboratory{ctx: ctx, options: o, cases: cases, lawful: map[baseline]bool{}}
	rows := make([]Row, len(list))
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range min(max(o.Parallel, 1), max(len(list), 1)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(list) || ctx.Err() != nil {
					return
				}
				rows[i] = l.examine(&list[i])
				if n := int(done.Add(1)); o.Progress != nil {
					o.Progress(n, len(list))
				}
			}
		})
	}
	workers.Wait()
	m := Matrix{Rows: rows, Cases: len(cases), Seeds: o.Seeds, Failing: l.failing()}
	if len(list) == len(All()) {
		m.Unkilled = unkilled(rows)
	}
	for i := range rows {
		m.Runs += rows[i].Runs
	}
	return m, ctx.Err()
}

func unkilled(rows []Row) []string {
	killed := map[string]bool{}
	for i := range rows {
		if rows[i].Killed {
			killed[rows[i].Requirement] = true
		}
	}
	var list []string
	for _, r := range requirements.All() {
		if r.Excluded == "" && !killed[r.ID] {
			list = append(list, r.ID)
		}
	}
	return list
}

// laboratory is one run of the matrix.
type laboratory struct {
	ctx     context.Context //nolint:containedctx // of the one run that it is
	options Options
	cases   []*scenarios.Case

	mu     sync.Mutex
	lawful map[baseline]bool // whether the case passes without a mutant
}

type baseline struct {
	id   string
	seed uint64
}

// examine looks for cases that kill the mutant.
func (l *laboratory) examine(m *Mutant) Row {
	row := Row{Mutant: m.Name, Requirement: m.Requirement, Wrong: m.Wrong, Source: m.Source}
	open := make([]uint64, l.options.Seeds)
	for i := range open {
		open[i] = l.options.Seed + uint64(i)
	}
	all := slices.Clone(open)
	for _, c := range order(m, l.cases) {
		seeds := open
		if l.options.Full {
			seeds = all
		}
		killed := l.hunt(m, c, seeds, &row)
		if len(killed) > 0 {
			row.Kills = append(row.Kills, Kill{Case: c.ID(), Seeds: killed})
			open = slices.DeleteFunc(slices.Clone(open), func(s uint64) bool { return slices.Contains(killed, s) })
		}
		if l.ctx.Err() != nil || len(open) == 0 && !l.options.Full {
			break
		}
	}
	row.Killed, row.Survives = len(open) == 0, open
	if row.Killed {
		row.Survives, row.Misnamed = nil, nil
	}
	return row
}

// hunt runs the mutant on one case and returns the seeds at which the case
// kills it.
func (l *laboratory) hunt(m *Mutant, c *scenarios.Case, seeds []uint64, row *Row) (killed []uint64) {
	for _, seed := range seeds {
		if l.ctx.Err() != nil {
			return killed
		}
		v := verdict(l.ctx, &m.Deviation, c, seed)
		row.Runs++
		switch {
		case v.Result == judge.Error && row.Broken == "":
			row.Broken = fmt.Sprintf("%s seed %d: %s", c.ID(), seed, v.Reason)
		case v.Result != judge.Fail || !l.passes(c, seed):
		case kills(m.Requirement, c, &v):
			killed = append(killed, seed)
			if l.options.Full {
				return killed
			}
		case row.Misnamed == nil:
			f := v.Failures[0]
			row.Misnamed = &Misnamed{Case: c.ID(), Seed: seed, Requirement: f.Requirement, Message: f.Message}
		}
	}
	return killed
}

// kills tells whether a negative verdict is about the requirement: the oracle
// names it, or the case is about it and fails for a rule that it is about.
func kills(requirement string, c *scenarios.Case, v *judge.Verdict) bool {
	about := slices.Contains(c.Requirements, requirement)
	return slices.ContainsFunc(v.Failures, func(f judge.Failure) bool {
		return f.Requirement == requirement || about && slices.Contains(c.Requirements, f.Requirement)
	})
}

func claims(m *Mutant, c *scenarios.Case) bool { return slices.Contains(c.Requirements, m.Requirement) }

// passes tells whether the law passes the case. A case that fails anyway
// proves nothing.
func (l *laboratory) passes(c *scenarios.Case, seed uint64) bool {
	key := baseline{c.ID(), seed}
	l.mu.Lock()
	ok, known := l.lawful[key]
	l.mu.Unlock()
	if !known {
		ok = verdict(l.ctx, nil, c, seed).Result == judge.Pass
		l.mu.Lock()
		l.lawful[key] = ok
		l.mu.Unlock()
	}
	return ok
}

func (l *laboratory) failing() []string {
	var list []string
	for key, ok := range l.lawful {
		if !ok {
			list = append(list, key.id)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// verdict runs one case; what the harness cannot do is a verdict, too.
func verdict(ctx context.Context, d *simbed.Deviation, c *scenarios.Case, seed uint64) (v judge.Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = judge.Broken(c, seed, fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	t, err := simbed.Bed{Bare: true, Deviation: d}.Run(ctx, c, seed)
	if err != nil {
		return judge.Broken(c, seed, err)
	}
	return judge.Judge(c, t, judge.Options{})
}

// order puts the cases first that are likely to kill: those about the
// requirement, and among them those whose first requirement it is; then those
// that share the handler. All others follow: no case is left out.
func order(m *Mutant, cases []*scenarios.Case) []*scenarios.Case {
	handlers := map[probes.Handler]bool{}
	if r, ok := requirements.Lookup(m.Requirement); ok && r.Handler != "" {
		for _, h := range []probes.Handler{probes.HTTPGet, probes.TCPSocket, probes.GuestAgentPing, probes.Exec} {
			handlers[h] = h.String() == r.Handler
		}
	}
	rank := func(c *scenarios.Case) int {
		switch {
		case len(c.Requirements) > 0 && c.Requirements[0] == m.Requirement:
			return 0
		case claims(m, c):
			return 1
		case uses(c, handlers):
			return 2
		}
		return 3
	}
	ranked := slices.Clone(cases)
	slices.SortStableFunc(ranked, func(a, b *scenarios.Case) int { return rank(a) - rank(b) })
	return ranked
}

func uses(c *scenarios.Case, handlers map[probes.Handler]bool) bool {
	return slices.ContainsFunc(c.VMs, func(v scenarios.VM) bool {
		return slices.ContainsFunc(v.Resolved.Probes, func(p probes.Probe) bool { return handlers[p.Handler] })
	})
}
