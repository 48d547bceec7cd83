package simbed_test

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// cell is how many VMs share a kernel. A VM keeps some 11 kB, so more of them
// leave the caches: cells of 1,000 take two to three times as long an attempt.
const cell = 100

// BenchmarkFleet is one virtual hour of a fleet with an HTTP and a TCP probe a
// VM (720 attempts), cut into cells of at most 100 VMs, with one core and
// with two. Goals for two cores: 0.1 s for 100 VMs, 6 s for 10,000, 45 s and
// 150 MB for 100,000. The fleets of 10,000 and
// 100,000 VMs run only when VMPROBE_BENCH_LARGE is set; -benchtime=1x suits
// them.
func BenchmarkFleet(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		for _, cores := range []int{1, 2} {
			b.Run(fmt.Sprintf("vms=%d/cores=%d", n, cores), func(b *testing.B) {
				if n > 100 && os.Getenv("VMPROBE_BENCH_LARGE") == "" {
					b.Skip("set VMPROBE_BENCH_LARGE for fleets of this size")
				}
				benchmarkFleet(b, n, cores)
			})
		}
	}
}

func benchmarkFleet(b *testing.B, n, cores int) {
	b.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	size := min(cell, (n+cores-1)/cores)
	var attempts atomic.Int64
	peak := watchHeap()
	cost := begin()
	for b.Loop() {
		var next atomic.Int64
		var workers sync.WaitGroup
		for range cores {
			workers.Go(func() {
				for {
					first := int(next.Add(int64(size))) - size
					if first >= n {
						return
					}
					var sink counter
					c := fleet(b, first, min(size, n-first), time.Hour, httpProbe, tcpProbe)
					if err := (simbed.Bed{Bare: true}).Play(b.Context(), c, uint64(first), &sink); err != nil {
						b.Error(err)
						return
					}
					attempts.Add(int64(sink.attempts))
				}
			})
		}
		workers.Wait()
	}
	cost.report(b, int(attempts.Load()))
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/hour")
	b.ReportMetric(float64(peak())/(1<<20), "peak-MB")
}

// watchHeap looks at the memory that the process has from the system, now and
// then, until asked for the most that it saw.
func watchHeap() (peak func() uint64) {
	stop, result := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		for tick := time.NewTicker(50 * time.Millisecond); ; {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.Sys-m.HeapReleased)
			select {
			case <-tick.C:
			case <-stop:
				tick.Stop()
				result <- most
				return
			}
		}
	}()
	return func() uint64 { close(stop); return <-result }
}

// BenchmarkMemory is what one VM keeps in memory while it runs, among 1,000.
func BenchmarkMemory(b *testing.B) {
	const n = 1000
	c := fleet(b, 0, n, time.Minute, httpProbe, tcpProbe)
	before := liveHeap()
	sink := &weigher{at: 45 * time.Second}
	for b.Loop() {
		sink.heap = 0
		if err := (simbed.Bed{Bare: true}).Play(b.Context(), c, 7, sink); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(sink.heap-before)/n, "B/vm")
}

// weigher weighs the heap once, in the middle of a run.
type weigher struct {
	at   time.Duration
	heap uint64
}

func (w *weigher) Record(e trace.Event) {
	if w.heap == 0 && e.T >= w.at {
		w.heap = liveHeap()
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
