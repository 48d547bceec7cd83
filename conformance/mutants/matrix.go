package mutants

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Options of Run.
type Options struct {
	// Seed is the first seed and Seeds their number; >= 1, default 1.
	Seed  uint64
	Seeds int
	// Parallel is the number of mutants at a time; >= 1, default 1. The matrix
	// does not depend on it.
	Parallel int
	// Full runs every mutant against every scenario, to the first case and
	// seed that kill it there. Otherwise the search ends when every claim is
	// looked at and each seed has a killer.
	Full bool
	// Claims ends the search where the claims end: mutants that nobody claims
	// to kill are not hunted.
	Claims bool
	// Parts says that the cases are parts of their scenarios, some profiles or
	// bindings: a claim is where to look first then, and no promise, for it may
	// hold in what is left out.
	Parts bool
	// Whole says that nothing was left out: the cases are all embedded ones in
	// all profiles. What the suite as a whole lacks is told only then.
	Whole bool
	// View is from where the judges watch the mutants; default from inside
	// the prober.
	View trace.View
	// Progress is called, if not nil, after each mutant, from any goroutine.
	Progress func(done, total int)
}

// Kill is a case that kills a mutant for the requirement that it breaks.
type Kill struct {
	Case     string   `json:"case"`
	Scenario string   `json:"scenario"`
	Seeds    []uint64 `json:"seeds"` // ascending; with Full the first one alone
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
	// Claims are the scenarios that claim to kill the mutant, and what came of
	// it.
	Claims []Claim `json:"claims,omitempty"`
	// Misnamed is a case that fails, but for another requirement: the mutant
	// is noticed and not understood. It is told of survivors.
	Misnamed *Misnamed `json:"misnamed,omitempty"`
	// Invisible is why nobody can notice it from where the judges watch. Such a
	// mutant survives, and is hunted with Options.Full only.
	Invisible string `json:"invisible,omitempty"`
	// Broken is the first thing that the harness could not do with the mutant.
	Broken string `json:"broken,omitempty"`
	Runs   int    `json:"runs"`
	// Spared counts the runs that were not made because the mutant could not
	// have changed them (simbed.Deviation.Idle).
	Spared int `json:"spared"`
}

// Claim is the promise of a scenario to kill a mutant: "kills" names it. It
// holds when at every seed a case of the scenario kills the mutant.
type Claim struct {
	Scenario string `json:"scenario"`
	// Survives lists the seeds at which no case of the scenario does.
	Survives []uint64 `json:"survives,omitempty"`
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
	// Digest names what was examined: scenarios, requirements and mutants.
	Digest string `json:"digest"`
	Rows   []Row  `json:"rows"` // in the order of the mutants
	Cases  int    `json:"cases"`
	Seeds  int    `json:"seeds"`
	Full   bool   `json:"full"`
	// Whole tells that all mutants met all embedded cases; only then Unkilled
	// and Claimless mean anything.
	Whole bool `json:"whole"`
	// Unkilled lists the requirements that can be observed and that no killed
	// mutant breaks, sorted.
	Unkilled []string `json:"unkilled,omitempty"`
	// Claimless lists the scenarios that claim no kill, sorted: nobody knows
	// whether they can fail.
	Claimless []string `json:"claimless,omitempty"`
	// Failing lists the cases that fail without any mutant; they kill nothing.
	Failing []string `json:"failing,omitempty"`
	Runs    int      `json:"runs"`
	Spared  int      `json:"spared"`
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

// Claims counts the claims and those that do not hold.
func (m *Matrix) Claims() (all, broken int) {
	for i := range m.Rows {
		for _, c := range m.Rows[i].Claims {
			all++
			if len(c.Survives) > 0 {
				broken++
			}
		}
	}
	return all, broken
}

// Proved tells that the suite notices every mutant and keeps every promise.
func (m *Matrix) Proved() bool {
	_, broken := m.Claims()
	return m.Survivors() == 0 && broken == 0 && len(m.Unkilled) == 0 && len(m.Claimless) == 0 && len(m.Failing) == 0
}

// Run runs the mutants against the cases on the simulator. The error is the
// context's.
func Run(ctx context.Context, list []Mutant, cases []*scenarios.Case, o Options) (Matrix, error) {
	o.Seeds = max(o.Seeds, 1)
	l := newLaboratory(ctx, cases, o)
	rows := make([]Row, len(list))
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range min(max(o.Parallel, 1), max(len(list), 1)) {
		workers.Go(func() {
			b := &bench{laboratory: l}
			for {
				i := int(next.Add(1)) - 1
				if i >= len(list) || ctx.Err() != nil {
					return
				}
				rows[i] = b.examine(&list[i])
				if n := int(done.Add(1)); o.Progress != nil {
					o.Progress(n, len(list))
				}
			}
		})
	}
	workers.Wait()
	m := Matrix{
		Digest: Digest(list, cases), Rows: rows, Cases: len(cases), Seeds: o.Seeds, Full: o.Full,
		Whole: o.Whole && len(list) == len(All()), Failing: l.failing(),
	}
	if m.Whole {
		m.Unkilled, m.Claimless = m.Unproved(), claimless(cases)
	}
	for i := range rows {
		m.Runs += rows[i].Runs
		m.Spared += rows[i].Spared
	}
	return m, ctx.Err()
}

// Unproved lists the requirements that can be observed and that no killed
// mutant of this matrix breaks, sorted.
func (m *Matrix) Unproved() []string {
	killed := map[string]bool{}
	for i := range m.Rows {
		if m.Rows[i].Killed {
			killed[m.Rows[i].Requirement] = true
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

func claimless(cases []*scenarios.Case) []string {
	var list []string
	for _, c := range cases {
		if len(c.Kills) == 0 {
			list = append(list, c.Scenario)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Digest names a set of mutants and cases, and the requirements: what a
// matrix speaks of. It does not cover the code that they run on.
func Digest(list []Mutant, cases []*scenarios.Case) string {
	lines := make([]string, 0, len(list)+len(cases)+1)
	for i := range list {
		lines = append(lines, "mutant "+list[i].Name+" "+list[i].Requirement+" "+list[i].Wrong)
	}
	for _, c := range cases {
		lines = append(lines, "case "+c.ID()+" "+c.Digest)
	}
	slices.Sort(lines)
	sum := sha256.New()
	sum.Write([]byte(requirements.Digest()))
	sum.Write([]byte(strings.Join(lines, "\n")))
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}
