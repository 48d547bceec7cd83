package mutants_test

import (
	"slices"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestKilledFromOutside runs the catalogue as the guest sees it. Whoever is
// listed as invisible must be; whoever is not must be killed.
func TestKilledFromOutside(t *testing.T) {
	if testing.Short() {
		t.Skip("not run: the matrix takes 10 s")
	}
	all := scenariotest.Embedded(t, "*")
	list := slices.DeleteFunc(mutants.All(), func(m mutants.Mutant) bool { return mutants.Invisible(m.Name) != "" })
	m := examine(t, list, all, mutants.Options{Seed: 1, Parallel: 2, View: trace.ViewGuest})
	for i := range m.Rows {
		if r := &m.Rows[i]; !r.Killed {
			t.Errorf("%s, which breaks %s, is not killed from outside: %+v", r.Mutant, r.Requirement, r.Misnamed)
		}
	}
	t.Logf("%d of %d killed as the guest sees them", len(m.Rows)-m.Survivors(), len(mutants.All()))
}

func TestInvisibleFromOutside(t *testing.T) {
	listed := 0
	for _, mutant := range mutants.All() {
		if mutants.Invisible(mutant.Name) == "" {
			continue
		}
		listed++
		about := slices.DeleteFunc(scenariotest.Embedded(t, "*"), func(c *scenarios.Case) bool {
			return !slices.Contains(c.Requirements, mutant.Requirement)
		})
		o := mutants.Options{Seed: 1, Full: true, View: trace.ViewGuest}
		if m := examine(t, []mutants.Mutant{mutant}, about, o); m.Rows[0].Killed {
			t.Errorf("%s is killed from outside: take it off the list", mutant.Name)
		}
	}
	if listed != 8 {
		t.Errorf("%d mutants are listed as invisible; a name may be wrong", listed)
	}
}
