package legal_test

import (
	"runtime/debug"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/legal"
	"github.com/vmprobe/vmprobe/sim/bench"
)

// BenchmarkPopulation runs 150 legal probers against every embedded case, and
// tells what one run costs.
func BenchmarkPopulation(b *testing.B) {
	cases := embedded(b, "*.yaml")
	b.ReportAllocs()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the command has it
	runs, cpu := 0, bench.CPUTime()
	for b.Loop() {
		r, err := legal.Run(b.Context(), cases, legal.Options{Probers: 150, Seed: 1})
		if err != nil {
			b.Fatal(err)
		}
		runs += r.Document().Runs.Runs
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(runs), "µs/run")
	b.ReportMetric(float64((bench.CPUTime()-cpu).Microseconds())/float64(runs), "cpu-µs/run")
}
