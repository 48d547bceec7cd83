package engine_test

import (
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// BenchmarkStep measures one Step in the two that make an attempt of a healthy
// guest: the Wake that starts it and the answer. The gate is 0 allocations and
// 15 ns a Step.
func BenchmarkStep(b *testing.B) {
	w := engine.NewWorker(engine.Config{
		Kind: probes.Readiness, Period: time.Second, FailureThreshold: 3, SuccessThreshold: 1, Tries: 3,
	}, 0)
	w.Step(0, engine.Event{Kind: engine.ContainerStarted})
	b.ReportAllocs()
	for i := 0; i < b.N; i += 2 {
		at, ok := w.WakeAt()
		if !ok {
			b.Fatal("the worker sleeps for ever")
		}
		if at >= 1<<60 {
			b.Fatal("the benchmark ran out of time")
		}
		w.Step(at, engine.Event{Kind: engine.Wake})
		w.Step(at+time.Millisecond, engine.Event{Kind: engine.TryFinished, Class: probes.Success})
	}
}
