package legal_test

import (
	"testing"

	"github.com/vmprobe/vmprobe/conformance/legal"
	"github.com/vmprobe/vmprobe/sim/bench"
)

// BenchmarkPopulation runs 20 legal probers against every embedded case, and
// tells what one run costs.
func BenchmarkPopulation(b *testing.B) {
	cases := embedded(b, "*.yaml")
	b.ReportAllocs()
	runs, cpu := 0, bench.CPUTime()
	for b.Loop() {
		r, err := legal.Run(b.Context(), cases, legal.Options{Probers: 20, Seed: 1})
		if err != nil {
			b.Fatal(err)
		}
		d := r.Document()
		runs += d.Runs.Model + d.Runs.Bytes
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(runs), "µs/run")
	b.ReportMetric(float64((bench.CPUTime()-cpu).Microseconds())/float64(runs), "cpu-µs/run")
}

// BenchmarkModel is the same for the cases that need no bytes.
func BenchmarkModel(b *testing.B) {
	b.ReportAllocs()
	cases := embedded(b, "*.yaml")
	first, err := legal.Run(b.Context(), cases, legal.Options{Probers: 1, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	cases = cases[:0]
	for i := range first.Rows {
		if first.Rows[i].Reason == "" {
			cases = append(cases, first.Rows[i].Case)
		}
	}
	runs, cpu := 0, bench.CPUTime()
	for b.Loop() {
		r, err := legal.Run(b.Context(), cases, legal.Options{Probers: 20, Seed: 1})
		if err != nil {
			b.Fatal(err)
		}
		runs += r.Document().Runs.Model
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(runs), "µs/run")
	b.ReportMetric(float64((bench.CPUTime()-cpu).Microseconds())/float64(runs), "cpu-µs/run")
}
