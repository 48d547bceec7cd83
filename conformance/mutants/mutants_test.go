package mutants_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

func examine(t *testing.T, list []mutants.Mutant, of []*scenarios.Case, o mutants.Options) mutants.Matrix {
	t.Helper()
	m, err := mutants.Run(t.Context(), list, of, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func named(t *testing.T, name string) []mutants.Mutant {
	t.Helper()
	list, err := mutants.Select([]string{name})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	return list
}

func TestCatalogue(t *testing.T) {
	all := mutants.All()
	if len(all) < 120 {
		t.Errorf("%d mutants, want at least 120", len(all))
	}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	seen := map[string]bool{}
	for _, m := range all {
		switch r, ok := requirements.Lookup(m.Requirement); {
		case !ok:
			t.Errorf("%s breaks %s, which nobody knows", m.Name, m.Requirement)
		case r.Excluded != "":
			t.Errorf("%s breaks %s, which no run can show", m.Name, m.Requirement)
		}
		d := m.Deviation
		deviates := d.Profile != nil || d.Resolved != nil || d.Machine != nil || d.Result != nil ||
			d.Engine != nil || d.Attempt != nil || d.Agent != nil || d.Prober != nil || d.Platform != nil
		if !kebab.MatchString(m.Name) || m.Wrong == "" || strings.HasSuffix(m.Wrong, ".") || m.Source == "" || !deviates {
			t.Errorf("%+v is not complete", m)
		}
		if seen[m.Name] {
			t.Errorf("%s is there twice", m.Name)
		}
		seen[m.Name] = true
	}
}

func TestSelect(t *testing.T) {
	list, err := mutants.Select([]string{"http-only-*", "sticky-ready"})
	if err != nil || len(list) != 3 || list[2].Name != "sticky-ready" {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := mutants.Select([]string{"sticky-redy"}); err == nil || !strings.Contains(err.Error(), "did you mean sticky-ready?") {
		t.Errorf("%v", err)
	}
	if _, err := mutants.Select([]string{"[x"}); err == nil {
		t.Error("a broken pattern was taken")
	}
}

// Nothing kills the prober that does nothing wrong, whatever it claims.
func TestNullMutantIsKilledByNothing(t *testing.T) {
	for _, id := range []string{"THR-FAILURE", "STATE-INIT"} {
		null := []mutants.Mutant{{Name: "null-mutant", Requirement: id, Wrong: "nothing", Source: "here"}}
		m := examine(t, null, scenariotest.Embedded(t, "threshold-f*"), mutants.Options{Seed: 1, Seeds: 3, Full: true})
		if r := m.Rows[0]; m.Survivors() != 1 || len(r.Kills) != 0 || r.Misnamed != nil || r.Broken != "" || len(m.Failing) != 0 {
			t.Errorf("%+v", m)
		}
	}
}

func TestWithoutCasesEveryMutantSurvives(t *testing.T) {
	m := examine(t, mutants.All(), nil, mutants.Options{Seed: 1, Seeds: 2, Parallel: 2, Whole: true})
	if m.Survivors() != len(mutants.All()) || m.Runs != 0 || len(m.Unkilled) == 0 {
		t.Errorf("%d survivors of %d, %d runs", m.Survivors(), len(mutants.All()), m.Runs)
	}
}

// Without the scenario that kills it a mutant survives: the gate fails when
// the suite loses what it needs.
func TestLosingAScenarioIsNoticed(t *testing.T) {
	list := named(t, "http-header-cap-4-kib")
	all := scenariotest.Embedded(t, "http-*")
	before := examine(t, list, all, mutants.Options{Seed: 1, Seeds: 2})
	if before.Survivors() != 0 || len(before.Rows[0].Kills) == 0 {
		t.Fatalf("%+v", before.Rows[0])
	}
	rest := slices.DeleteFunc(all, func(c *scenarios.Case) bool { return c.Scenario == "http-large-headers" })
	after := examine(t, list, rest, mutants.Options{Seed: 1, Seeds: 2})
	if r := after.Rows[0]; after.Survivors() != 1 || r.Killed || !slices.Equal(r.Survives, []uint64{1, 2}) {
		t.Errorf("%+v", r)
	}
}

// A mutant that fails for another requirement than its own is noticed and not
// understood: it survives.
func TestTheRequirementHasToBeTheRightOne(t *testing.T) {
	wrong := named(t, "flip-on-first-failure")
	wrong[0].Requirement = "NET-MASQ-PORTS"
	m := examine(t, wrong, scenariotest.Embedded(t, "threshold-failure-one-to-five"), mutants.Options{Seed: 1, Seeds: 2})
	if r := m.Rows[0]; r.Killed || r.Misnamed == nil || r.Misnamed.Requirement == "" {
		t.Errorf("%+v", r)
	}
}

// A case that fails by itself kills nothing.
func TestAFailingCaseKillsNothing(t *testing.T) {
	list := scenariotest.Embedded(t, "threshold-failure-one-to-five")[:1]
	broken := *list[0]
	broken.Findings = []scenarios.WantFinding{{Requirement: "VAL-PORT", Contains: "nobody says this"}}
	m := examine(t, named(t, "flip-on-first-failure"), []*scenarios.Case{&broken}, mutants.Options{Seed: 1, Seeds: 1})
	if m.Survivors() != 1 || len(m.Failing) != 1 {
		t.Errorf("%+v", m)
	}
}

// The matrix does not depend on the parallelism, and a full one holds what the
// short one found.
func TestFullAndParallel(t *testing.T) {
	list, err := mutants.Select([]string{"failure-threshold-*", "sticky-ready", "starts-*"})
	if err != nil {
		t.Fatal(err)
	}
	of := scenariotest.Embedded(t, "threshold-f*")
	one := examine(t, list, of, mutants.Options{Seed: 1, Seeds: 2, Parallel: 1, Full: true})
	four := examine(t, list, of, mutants.Options{Seed: 1, Seeds: 2, Parallel: 4, Full: true})
	short := examine(t, list, of, mutants.Options{Seed: 1, Seeds: 2, Parallel: 2})
	var a, b strings.Builder
	if mutants.WriteText(&a, &one) != nil || mutants.WriteText(&b, &four) != nil || a.String() != b.String() {
		t.Errorf("one at a time:\n%s\nfour:\n%s", &a, &b)
	}
	for i := range short.Rows {
		if short.Rows[i].Runs > one.Rows[i].Runs || len(short.Rows[i].Kills) > len(one.Rows[i].Kills) {
			t.Errorf("short %+v\nfull %+v", short.Rows[i], one.Rows[i])
		}
	}
}

// What Idle says is true: a run that is spared would have been the lawful one.
func TestIdleIsTrue(t *testing.T) {
	var sample []*scenarios.Case
	all := scenariotest.Embedded(t, "*")
	for i := 0; i < len(all); i += 97 {
		sample = append(sample, all[i])
	}
	spared := 0
	for _, c := range sample {
		law, outcomes := lawfully(t, c)
		for _, m := range mutants.All() {
			if !m.Deviation.Idle(c, func() []simbed.Outcome { return outcomes }) {
				continue
			}
			spared++
			if got := played(t, &m.Deviation, c); !slices.Equal(got, law) {
				t.Errorf("%s is called idle in %s, and changes it", m.Name, c.ID())
			}
		}
	}
	if spared < len(sample)*50 {
		t.Errorf("only %d runs of %d cases were spared", spared, len(sample))
	}
}

func lawfully(t *testing.T, c *scenarios.Case) (events []trace.Event, outcomes []simbed.Outcome) {
	t.Helper()
	events = played(t, &simbed.Deviation{Result: func(p *probes.Probe, r *probes.Result) {
		outcomes = append(outcomes, simbed.Outcome{Probe: p, Result: *r})
	}}, c)
	return events, outcomes
}

func played(t *testing.T, d *simbed.Deviation, c *scenarios.Case) []trace.Event {
	t.Helper()
	var r trace.Recorder
	if err := (simbed.Bed{Bare: true, Deviation: d}).Play(t.Context(), c, 3, &r); err != nil {
		t.Fatal(err)
	}
	return r.Events
}

// A claim that survives a seed fails the proof, and so does a scenario
// without any.
func TestClaims(t *testing.T) {
	list := named(t, "flip-on-first-failure")
	of := scenariotest.Embedded(t, "threshold-failure-one-to-five")
	claim := func(names ...string) []*scenarios.Case {
		claiming := make([]*scenarios.Case, len(of))
		for i := range of {
			other := *of[i]
			other.Kills = names
			claiming[i] = &other
		}
		return claiming
	}
	m := examine(t, list, claim("flip-on-first-failure"), mutants.Options{Seed: 1, Seeds: 2})
	if all, broken := m.Claims(); all != 1 || broken != 0 || !m.Proved() {
		t.Errorf("%+v", m)
	}
	list = append(list, named(t, "http-uses-head")...)
	m = examine(t, list, claim("http-uses-head", "flip-on-first-failure"), mutants.Options{Seed: 1, Seeds: 2})
	if all, broken := m.Claims(); all != 2 || broken != 1 || m.Proved() || len(m.Rows[1].Claims[0].Survives) != 2 {
		t.Errorf("%+v", m)
	}
	m = examine(t, mutants.All(), claim(), mutants.Options{Seed: 1, Seeds: 1, Parallel: 2, Whole: true})
	if !slices.Equal(m.Claimless, []string{"threshold-failure-one-to-five"}) || m.Proved() {
		t.Errorf("%+v", m.Claimless)
	}
}
