package model_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/bench"
	"github.com/vmprobe/vmprobe/sim/model"
)

// BenchmarkModel runs fleets of the standard scenario for one virtual hour on
// one core. Floor 20 M attempts/s, goal 40 M.
func BenchmarkModel(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("vms=%d", n), func(b *testing.B) {
			cfg := model.Standard(7, time.Hour)
			var attempts uint64
			b.ReportAllocs()
			cpu := bench.CPUTime()
			for b.Loop() {
				s, err := model.Fleet(&cfg, 0, 0, n)
				if err != nil {
					b.Fatal(err)
				}
				attempts += s.Attempts
			}
			b.ReportMetric(float64(attempts)/b.Elapsed().Seconds(), "att/s")
			if used := bench.CPUTime() - cpu; used > 0 {
				b.ReportMetric(float64(attempts)/used.Seconds(), "att/cpu-s")
			}
			b.ReportMetric(float64(b.N)*3600/b.Elapsed().Seconds(), "virtual-s/s")
		})
	}
}

// BenchmarkOnKernel runs the same fleet without bytes as a world on a kernel:
// what the engine, the queue and the trace cost by themselves.
func BenchmarkOnKernel(b *testing.B) {
	const n = 100
	cfg := model.Standard(7, 10*time.Minute)
	var attempts uint64
	b.ReportAllocs()
	for b.Loop() {
		k := sim.New(cfg.Seed)
		s, err := model.OnKernel(&cfg, n, k, nil)
		k.Close()
		if err != nil {
			b.Fatal(err)
		}
		attempts += s.Attempts
	}
	b.ReportMetric(float64(attempts)/b.Elapsed().Seconds(), "attempts/s")
}
