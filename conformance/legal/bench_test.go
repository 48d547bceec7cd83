package legal_test

import (
	"runtime/debug"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/legal"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/bench"
)

// BenchmarkPopulation runs all legal probers against every hundredth embedded
// case, and tells what one run costs.
func BenchmarkPopulation(b *testing.B) {
	var cases []*scenarios.Case
	for i, c := range scenariotest.Embedded(b, "*") {
		if i%100 == 0 {
			cases = append(cases, c)
		}
	}
	b.ReportAllocs()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the command has it
	runs, cpu := 0, bench.CPUTime()
	for b.Loop() {
		r, err := legal.Run(b.Context(), cases, legal.Options{Seed: 1, Parallel: 2})
		if err != nil {
			b.Fatal(err)
		}
		runs += r.Document().Runs.Runs
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(runs), "µs/run")
	b.ReportMetric(float64((bench.CPUTime()-cpu).Microseconds())/float64(runs), "cpu-µs/run")
}
