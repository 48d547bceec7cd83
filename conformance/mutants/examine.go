package mutants

import (
	"fmt"
	"slices"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// examination is what becomes of one mutant.
type examination struct {
	*bench
	m    *Mutant
	row  Row
	open []uint64 // seeds without a killer so far
}

// examine looks at the claims first, for they have to hold anyway, and then
// for killers of the seeds that are still open.
func (b *bench) examine(m *Mutant) Row {
	x := examination{bench: b, m: m, row: Row{Mutant: m.Name, Requirement: m.Requirement, Wrong: m.Wrong, Source: m.Source}}
	all := b.seeds()
	x.open = b.seeds()
	inside := b.options.View.ShowsAttempts() // which the claims speak of
	if !inside {
		x.row.Invisible = Invisible(m.Name)
	}
	claimed := func(s *story) bool { return inside && s.claims(m) }
	if x.row.Invisible != "" && !b.options.Full {
		x.row.Survives = all
		return x.row
	}
	for _, s := range b.stories {
		if claimed(s) && b.ctx.Err() == nil {
			if killed := x.hunt(s, all); !b.options.Parts {
				x.row.Claims = append(x.row.Claims, Claim{Scenario: s.name, Survives: without(all, killed)})
			}
		}
	}
	for _, s := range order(m, b.stories) {
		if b.ctx.Err() != nil || b.options.Claims || len(x.open) == 0 && !b.options.Full {
			break
		}
		switch {
		case claimed(s):
		case b.options.Full:
			x.skim(s, all)
		default:
			x.hunt(s, x.open)
		}
	}
	x.row.Killed, x.row.Survives = len(x.open) == 0, x.open
	if x.row.Killed {
		x.row.Survives, x.row.Misnamed = nil, nil
	}
	return x.row
}

func (b *bench) seeds() []uint64 {
	list := make([]uint64, b.options.Seeds)
	for i := range list {
		list[i] = b.options.Seed + uint64(i)
	}
	return list
}

func without(list, some []uint64) []uint64 {
	return slices.DeleteFunc(slices.Clone(list), func(n uint64) bool { return slices.Contains(some, n) })
}

// hunt looks for a killing case of the scenario at each of the seeds, and
// returns those that have one. The case that killed last is asked first.
func (x *examination) hunt(s *story, seeds []uint64) []uint64 {
	var killed []uint64
	cases := slices.Clone(s.cases)
	for _, seed := range seeds {
		for i, c := range cases {
			if x.ctx.Err() != nil {
				return killed
			}
			if x.kills(c, seed) {
				killed = append(killed, seed)
				cases[0], cases[i] = cases[i], cases[0]
				x.killed(c, seed)
				break
			}
		}
	}
	x.open = without(x.open, killed)
	return killed
}

// skim looks for one killing case of the scenario, at whatever seed.
func (x *examination) skim(s *story, seeds []uint64) {
	for _, seed := range seeds {
		if killed := x.hunt(s, []uint64{seed}); len(killed) > 0 || x.ctx.Err() != nil {
			return
		}
	}
}

// killed notes a kill.
func (x *examination) killed(c *scenarios.Case, seed uint64) {
	id := c.ID()
	at := slices.IndexFunc(x.row.Kills, func(k Kill) bool { return k.Case == id })
	if at < 0 {
		x.row.Kills = append(x.row.Kills, Kill{Case: id, Scenario: c.Scenario})
		at = len(x.row.Kills) - 1
	}
	x.row.Kills[at].Seeds = append(x.row.Kills[at].Seeds, seed)
}

// kills runs the mutant on one case.
func (x *examination) kills(c *scenarios.Case, seed uint64) bool {
	v, ran := x.verdict(x.m, c, seed)
	if !ran {
		x.row.Spared++
		return false
	}
	x.row.Runs++
	switch {
	case v.Result == judge.Error && x.row.Broken == "":
		x.row.Broken = fmt.Sprintf("%s seed %d: %s", c.ID(), seed, v.Reason)
	case v.Result != judge.Fail:
	case kills(x.m.Requirement, c, &v):
		return true
	case x.row.Misnamed == nil:
		f := v.Failures[0]
		x.row.Misnamed = &Misnamed{Case: c.ID(), Seed: seed, Requirement: f.Requirement, Message: f.Message}
	}
	return false
}

// kills tells whether a negative verdict is about the requirement: the oracle
// names it, or the case is about it and fails for a rule that it is about.
func kills(requirement string, c *scenarios.Case, v *judge.Verdict) bool {
	about := slices.Contains(c.Requirements, requirement)
	return slices.ContainsFunc(v.Failures, func(f judge.Failure) bool {
		return f.Requirement == requirement || about && slices.Contains(c.Requirements, f.Requirement)
	})
}

// order puts the scenarios first that are likely to kill: those about the
// requirement, and among them those whose first requirement it is; then those
// that share the handler. All others follow: none is left out.
func order(m *Mutant, all []*story) []*story {
	handlers := map[probes.Handler]bool{}
	if r, ok := requirements.Lookup(m.Requirement); ok && r.Handler != "" {
		for _, h := range []probes.Handler{probes.HTTPGet, probes.TCPSocket, probes.GuestAgentPing, probes.Exec} {
			handlers[h] = h.String() == r.Handler
		}
	}
	rank := func(s *story) int {
		c := s.cases[0]
		switch {
		case len(c.Requirements) > 0 && c.Requirements[0] == m.Requirement:
			return 0
		case slices.Contains(c.Requirements, m.Requirement):
			return 1
		case slices.ContainsFunc(s.cases, func(c *scenarios.Case) bool { return uses(c, handlers) }):
			return 2
		}
		return 3
	}
	ranked := slices.Clone(all)
	slices.SortStableFunc(ranked, func(a, b *story) int { return rank(a) - rank(b) })
	return ranked
}

func uses(c *scenarios.Case, handlers map[probes.Handler]bool) bool {
	return slices.ContainsFunc(c.VMs, func(v scenarios.VM) bool {
		return slices.ContainsFunc(v.Resolved.Probes, func(p probes.Probe) bool { return handlers[p.Handler] })
	})
}
