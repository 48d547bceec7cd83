package engine_test

import (
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// A readiness probe of a guest that always answers, for 65 s.
func Example() {
	w := engine.NewWorker(engine.Config{
		Kind: probes.Readiness, InitialDelay: 20 * time.Second, Period: 10 * time.Second,
		FailureThreshold: 3, SuccessThreshold: 3, Tries: 3,
	}, 0)
	next := engine.Event{Kind: engine.ContainerStarted, At: 3 * time.Second}
	now := next.At
	for ok := true; ok && now < 65*time.Second; {
		acts := w.Step(now, next)
		next = engine.Event{Kind: engine.Wake}
		for _, a := range acts.All() {
			switch a.Kind {
			case engine.StartTry: // ask the guest here; it answers within a millisecond
				now, next = now+time.Millisecond, engine.Event{Kind: engine.TryFinished, Class: probes.Success}
			case engine.Publish:
				fmt.Printf("%v healthy=%t\n", now, a.Healthy)
			case engine.AttemptFinished, engine.LivenessFailed:
			}
		}
		if next.Kind == engine.Wake {
			now, ok = w.WakeAt()
		}
	}
	fmt.Println(w.State())
	// Output:
	// 3s healthy=false
	// 50.001s healthy=true
	// healthy run=S3 tick=1m10s
}
