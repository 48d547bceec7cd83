package bench

import (
	"errors"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// BenchmarkArchitectures measures the contestants one after the other and
// reports attempts a second and how many times as many a row makes as the mock
// and the bubble do. The virtual time of each is chosen so that none runs
// longer than about a second.
func BenchmarkArchitectures(b *testing.B) {
	contestants := [...]contestant{
		{name: "world", run: runWorld, virtual: time.Hour, slack: 10},
		{name: "codec", run: runKernel(codec), virtual: time.Hour},
		{name: "fast", run: runKernel(fast), virtual: time.Hour},
		{name: "bubble", run: runBubble, virtual: 10 * time.Minute},
		{name: "mock", run: runMock, virtual: Period, slack: 10, sleeps: true},
	}
	var sum [len(contestants)]float64
	for b.Loop() {
		for i, c := range contestants {
			r, err := c.rate()
			if err != nil {
				b.Fatalf("%s: %v", c.name, err)
			}
			sum[i] += r
		}
	}
	bubble, mock := sum[len(sum)-2], sum[len(sum)-1]
	for i, c := range contestants {
		b.ReportMetric(sum[i]/float64(b.N), c.name+"-att/s")
		if i < len(contestants)-2 {
			b.ReportMetric(sum[i]/mock, c.name+"-x-mock")
			b.ReportMetric(sum[i]/bubble, c.name+"-x-bubble")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkKernel is the kernel alone: attempts, with their allocations.
func BenchmarkKernel(b *testing.B) {
	for _, c := range []struct {
		name string
		try  func(*kernelVM, *sim.Task) bool
	}{{"codec", codec}, {"fast", fast}} {
		b.Run(c.name, func(b *testing.B) {
			run := runKernel(c.try)
			attempts := 0
			b.ReportAllocs()
			for b.Loop() {
				n, _ := run(time.Hour)
				attempts += n
			}
			b.ReportMetric(float64(attempts)/b.Elapsed().Seconds(), "att/s")
			b.ReportMetric(float64(attempts)/float64(b.N), "att/op")
		})
	}
}

// BenchmarkQueue takes the next event and arms it again, with so many pending.
func BenchmarkQueue(b *testing.B) {
	for _, n := range []int{300, 30_000, 300_000} {
		b.Run(size(n), func(b *testing.B) {
			k := sim.New(1)
			left := 0
			draw := uint64(0)
			for i := range n {
				var t *sim.Timer
				t = k.NewTimer(sim.Actor(i%1000), func() {
					draw++
					k.Set(t, k.Now()+time.Duration(1+sim.Below(k.Draw(1, draw), uint64(Period))))
					if left--; left <= 0 {
						k.Halt(errDone)
					}
				})
				k.Set(t, time.Duration(sim.Below(k.Draw(0, uint64(i)), uint64(Period))))
			}
			b.ReportAllocs()
			b.ResetTimer()
			left = b.N
			if err := k.Run(sim.Forever); !errors.Is(err, errDone) {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkTaskSwitch is one sleep of a task: an event and two switches.
func BenchmarkTaskSwitch(b *testing.B) {
	k := sim.New(1)
	defer k.Close()
	n := b.N
	k.Go(1, func(t *sim.Task) {
		for range n {
			t.SleepUntil(t.Now() + 1)
		}
	})
	b.ReportAllocs()
	b.ResetTimer()
	if err := k.Run(sim.Forever); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTaskStart is a task that does nothing, on a pooled coroutine.
func BenchmarkTaskStart(b *testing.B) {
	k := sim.New(1)
	defer k.Close()
	b.ReportAllocs()
	for b.Loop() {
		k.Go(1, func(*sim.Task) {})
		if err := k.Run(k.Now() + 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDraw is one counter-based draw.
func BenchmarkDraw(b *testing.B) {
	var sum, i uint64
	for b.Loop() {
		sum += sim.Draw(1, 2, i)
		i++
	}
	if sum == 0 {
		b.Fatal("the sum of draws is 0")
	}
}
