package engine_test

import (
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// THR-UNKNOWN-IS-FAILURE: a try that comes to no class at all is a failure: it
// counts, and it is not tried again. No scenario can make a handler say so.
func TestUnknownIsFailure(t *testing.T) {
	for _, class := range []probes.Class{probes.NoClass, probes.Errored + 1, 255} {
		w := engine.NewWorker(engine.Config{
			Kind: probes.Liveness, Period: 10 * time.Second, FailureThreshold: 2, SuccessThreshold: 1, Tries: 3,
		}, 0)
		w.Step(0, engine.Event{Kind: engine.ContainerStarted})
		now, failed := time.Duration(0), 0
		for range 2 {
			now, _ = w.WakeAt()
			w.Step(now, engine.Event{Kind: engine.Wake})
			acts := w.Step(now, engine.Event{Kind: engine.TryFinished, Class: class})
			for _, a := range acts.All() {
				switch {
				case a.Kind == engine.StartTry:
					t.Errorf("class %d is tried again", class)
				case a.Kind == engine.AttemptFinished && a.Class != probes.Failure:
					t.Errorf("class %d becomes %v", class, a.Class)
				case a.Kind == engine.LivenessFailed:
					failed++
				}
			}
		}
		if failed != 1 || now == 0 {
			t.Errorf("class %d: liveness failed %d times by %v", class, failed, now)
		}
	}
}
