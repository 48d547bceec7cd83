package mutants

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Demonstration is one case run twice: by the law and by a mutant that the
// case kills.
type Demonstration struct {
	Case   *scenarios.Case
	Seed   uint64
	Mutant Mutant
	Lawful Played
	Wrong  Played
}

// Played is a run and what both judges make of it.
type Played struct {
	Trace   *trace.Trace
	Verdict judge.Verdict
}

// Demonstrate finds the smallest case that kills one of the mutants, at the
// seed, among those that claim to. When none does it looks at the cases about
// the requirements that the mutants break. Nil: there is none.
func Demonstrate(ctx context.Context, list []Mutant, cases []*scenarios.Case, seed uint64) *Demonstration {
	b := &bench{laboratory: newLaboratory(ctx, cases, Options{Seed: seed, Seeds: 1})}
	p, ok := b.smallest(list, seed)
	if !ok {
		return nil
	}
	return b.demonstrate(p.m, p.c, seed)
}

// Killer finds the smallest case that kills the mutant at the seed, as
// Demonstrate does; nil: there is none.
func Killer(ctx context.Context, m *Mutant, cases []*scenarios.Case, seed uint64) *scenarios.Case {
	b := &bench{laboratory: newLaboratory(ctx, cases, Options{Seed: seed, Seeds: 1})}
	p, _ := b.smallest([]Mutant{*m}, seed)
	return p.c
}

// smallest finds the first pairing that is a kill.
func (b *bench) smallest(list []Mutant, seed uint64) (p pairing, ok bool) {
	for _, fits := range []func(*Mutant, *scenarios.Case) bool{
		func(m *Mutant, c *scenarios.Case) bool { return slices.Contains(c.Kills, m.Name) },
		func(m *Mutant, c *scenarios.Case) bool { return slices.Contains(c.Requirements, m.Requirement) },
	} {
		for _, p := range pairings(list, b.cases, fits) {
			if b.ctx.Err() != nil {
				return pairing{}, false
			}
			v, ran := b.verdict(p.m, p.c, seed)
			if ran && v.Result == judge.Fail && kills(p.m.Requirement, p.c, &v) {
				return p, true
			}
		}
	}
	return pairing{}, false
}

type pairing struct {
	m *Mutant
	c *scenarios.Case
}

// pairings lists what fits, the smallest case first; among equals one that is
// about the requirement.
func pairings(list []Mutant, cases []*scenarios.Case, fits func(*Mutant, *scenarios.Case) bool) []pairing {
	var all []pairing
	for i := range list {
		for _, c := range cases {
			if fits(&list[i], c) {
				all = append(all, pairing{&list[i], c})
			}
		}
	}
	foreign := func(p pairing) int {
		if at := slices.Index(p.c.Requirements, p.m.Requirement); at >= 0 {
			return min(at, 1)
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b pairing) int {
		return cmp.Or(foreign(a)-foreign(b), cmp.Compare(size(a.c), size(b.c)))
	})
	return all
}

// size is how much of a case there is to look at.
func size(c *scenarios.Case) time.Duration {
	return c.Until * time.Duration(max(len(c.VMs), 1))
}

func (b *bench) demonstrate(m *Mutant, c *scenarios.Case, seed uint64) *Demonstration {
	play := func(d *simbed.Deviation) Played {
		t, err := simbed.Bed{Bare: true, Deviation: d}.Run(b.ctx, c, seed)
		if err != nil {
			return Played{&trace.Trace{}, judge.Broken(c, seed, err)}
		}
		return Played{t, judge.Judge(c, t, judge.Options{})}
	}
	return &Demonstration{Case: c, Seed: seed, Mutant: *m, Lawful: play(nil), Wrong: play(&m.Deviation)}
}

// Of lists the mutants that break a requirement.
func Of(requirement string) []Mutant {
	return slices.DeleteFunc(All(), func(m Mutant) bool { return m.Requirement != requirement })
}
