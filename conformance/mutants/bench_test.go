package mutants_test

import (
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/bench"
)

// BenchmarkMatrix runs every tenth mutant against all cases at five seeds, on
// one worker and on two, side by side, and tells what the whole matrix costs:
// in processor time, in wall time of two workers, and how much faster two are
// than one. The goal is 60 s.
func BenchmarkMatrix(b *testing.B) {
	const share = 10
	all := mutants.All()
	var some []mutants.Mutant
	for i := 0; i < len(all); i += share {
		some = append(some, all[i])
	}
	cases := scenariotest.Embedded(b, "*")
	var wall [2]time.Duration
	runs, cpu := 0, bench.CPUTime()
	for b.Loop() {
		for i := range wall {
			began := time.Now()
			m, err := mutants.Run(b.Context(), some, cases, mutants.Options{Seed: 1, Seeds: 5, Parallel: i + 1})
			if err != nil {
				b.Fatal(err)
			}
			wall[i] += time.Since(began)
			runs += m.Runs
		}
	}
	n := float64(b.N) / share
	b.ReportMetric((bench.CPUTime()-cpu).Seconds()/n/float64(len(wall)), "cpu-s/matrix")
	b.ReportMetric(wall[1].Seconds()/n, "s/matrix")
	b.ReportMetric(float64(wall[0])/float64(wall[1]), "x-two-workers")
	b.ReportMetric(float64(runs)/(bench.CPUTime()-cpu).Seconds(), "runs/cpu-s")
}
