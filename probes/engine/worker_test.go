package engine_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// The README shows the example as it is compiled and run.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "func Example() {\n")
	body, _, _ = strings.Cut(body, "\t// Output:")
	body = strings.ReplaceAll(strings.TrimPrefix(body, "\t"), "\n\t", "\n")
	if body == "" || !strings.Contains(string(readme), body) {
		t.Errorf("probes/README.md does not contain\n%s", body)
	}
}

// A worker is a value: stepping allocates nothing, and a copy goes its own way.
func TestWorkerIsAValue(t *testing.T) {
	cfg := engine.Config{
		Kind: probes.Liveness, Period: time.Second, FailureThreshold: 1, SuccessThreshold: 1, Tries: 2,
	}
	w := engine.NewWorker(cfg, 0)
	now := time.Duration(0)
	classes := []probes.Class{probes.Errored, probes.Success, probes.Failure}
	allocs := testing.AllocsPerRun(100, func() {
		w.Step(now, engine.Event{Kind: engine.ContainerStarted, At: now})
		for _, class := range classes {
			w.Step(now, engine.Event{Kind: engine.Wake})
			w.Step(now, engine.Event{Kind: engine.TryFinished, Class: class})
			now += time.Second
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if !w.State().OnHold {
		t.Errorf("not on hold: %v", w.State())
	}
	branch := w
	branch.Step(now, engine.Event{Kind: engine.ContainerStarted, At: now})
	if !w.State().OnHold || branch.State().OnHold {
		t.Errorf("a copy shares state: %v, %v", w.State(), branch.State())
	}
}

// Instants before the last one count as the last one, so a driver with a
// faulty clock cannot make ticks come twice.
func TestTimeNeverGoesBack(t *testing.T) {
	w := engine.NewWorker(engine.Config{
		Kind: probes.Readiness, Period: time.Second, FailureThreshold: 1, SuccessThreshold: 1, Tries: 1,
	}, 0)
	w.Step(5*time.Second, engine.Event{Kind: engine.ContainerStarted, At: 5 * time.Second})
	w.Step(5*time.Second, engine.Event{Kind: engine.Wake})
	w.Step(1*time.Second, engine.Event{Kind: engine.TryFinished, Class: probes.Success})
	w.Step(3*time.Second, engine.Event{Kind: engine.Trigger})
	w.Step(2*time.Second, engine.Event{Kind: engine.TryFinished, Class: probes.Success})
	acts := w.Step(4*time.Second, engine.Event{Kind: engine.Wake})
	if at, ok := w.WakeAt(); len(acts.All()) != 0 || !ok || at != 6*time.Second {
		t.Errorf("actions %v, wake at %v", acts.All(), at)
	}
}
