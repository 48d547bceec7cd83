package legal_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/conformance/legal"
	"github.com/vmprobe/vmprobe/conformance/requirements"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// TestPopulation: a prober is the same in every population, is called by its
// own name and is legal by rules that exist.
func TestPopulation(t *testing.T) {
	for _, profile := range probes.ProfileNames() {
		list := legal.Population(profile, 2000, 7)
		if short := legal.Population(profile, 150, 7); !reflect.DeepEqual(short, list[:150]) {
			t.Errorf("%s: the first probers depend on the size of the population", profile)
		}
		if other := legal.Population(profile, 2000, 8); reflect.DeepEqual(other, list) {
			t.Errorf("%s: the seed changes nothing", profile)
		}
		seeds := map[uint64]bool{}
		for i := range list {
			p := &list[i]
			if p.Number != i || p.Name() == "" || seeds[p.Seed] {
				t.Fatalf("%s: prober %d: %+v", profile, i, p)
			}
			seeds[p.Seed] = true
			if p.Slow.Ticks+p.Slow.Results+p.Slow.Readiness > 100 {
				t.Errorf("%s: prober %d is too slow: %s", profile, i, p.Name())
			}
			if p.Tries > 0 && profile != probes.OpenShiftDoc {
				t.Errorf("%s: prober %d has %d tries, which the profile does not leave open", profile, i, p.Tries)
			}
			for _, id := range p.Rules() {
				if _, ok := requirements.Lookup(id); !ok {
					t.Errorf("%s: prober %d is legal by %s, which is no requirement", profile, i, id)
				}
			}
		}
	}
}

// TestParallel: the result does not depend on how many cases run at a time.
func TestParallel(t *testing.T) {
	cases := scenariotest.Embedded(t, "t*-d*")
	one, err := legal.Run(t.Context(), cases, legal.Options{Probers: 40, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	four, err := legal.Run(t.Context(), cases, legal.Options{Probers: 40, Seed: 3, Parallel: 4})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one.Document(), four.Document()) {
		t.Error("the results differ:", cmp.Diff(one.Document(), four.Document()))
	}
	if d := one.Document(); d.Runs.Runs != 40*len(cases) || one.Length() < time.Hour {
		t.Errorf("too little was run: %+v", d.Runs)
	}
}

// TestEnvelope holds the population to the windows, and the windows to the
// population: nobody is outside, and both edges of a phase are reached.
func TestEnvelope(t *testing.T) {
	for _, c := range scenariotest.Embedded(t, "timing-delay-once") {
		e, err := legal.EnvelopeOf(t.Context(), c, legal.Options{Probers: 200, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if e.Probers != 200 || len(e.Edges) == 0 {
			t.Fatalf("%s: %+v", c.ID(), e)
		}
		for _, k := range e.Edges {
			if k.Before < -time.Millisecond || k.After < 0 || k.Earliest > k.Latest || k.Seen != 200 {
				t.Errorf("%s: %+v", c.ID(), k)
			}
			if k.Before > time.Second || k.After > 2*time.Second {
				t.Errorf("%s: the population does not reach the edges of %s: %s before, %s after", c.ID(), k.Window, k.Before, k.After)
			}
		}
	}
}
