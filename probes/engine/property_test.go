package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// pick draws a number in [0, n). The same story is told by rapid, which
// shrinks, by a seeded generator, which is fast, and by the fuzzer.
type pick func(n int) int

func (p pick) chance(percent int) bool { return p(100) < percent }

func oneOf[T any](p pick, list ...T) T { return list[p(len(list))] }

func (p pick) config() engine.Config {
	cfg := engine.Config{
		Kind:             oneOf(p, probes.Readiness, probes.Readiness, probes.Liveness, probes.Startup),
		InitialDelay:     oneOf(p, 0, 0, time.Second, 3*time.Second, 12*time.Second),
		Period:           oneOf(p, time.Second, 2*time.Second, 700*time.Millisecond, 5*time.Second),
		FailureThreshold: int32(1 + p(4)),
		SuccessThreshold: 1,
		Tries:            int32(1 + p(3)),
		StartupGate:      p.chance(25),
		Resume:           p.chance(20),
	}
	if cfg.Kind == probes.Readiness {
		cfg.SuccessThreshold = int32(1 + p(4))
	}
	if p.chance(40) {
		cfg.StartJitter = cfg.Period / 10 * time.Duration(p(10))
	}
	return cfg
}

// duel steps a Worker and its twin side by side.
type duel struct {
	worker engine.Worker
	twin   *twin
	now    time.Duration
	story  []string
}

// step steps both and returns what differs.
func (d *duel) step(at time.Duration, ev engine.Event) error {
	d.now = at
	d.twin.log = nil
	d.story = append(d.story, fmt.Sprintf("%v %+v", at, ev))
	acts := d.worker.Step(at, ev)
	d.twin.step(at, ev)
	state := d.worker.State()
	if got, want := lines(at, acts), d.twin.log; !slices.Equal(got, want) {
		return d.differ("actions %q, want %q (%v)", got, want, state)
	}
	// An ended worker's entry is removed from the kubelet's cache.
	if got, want := viewOf(state), d.twin.view(); got != want && !state.Ended {
		return d.differ("readers see %s, want %s (%v)", got, want, state)
	}
	if got, want := state.InFlight, d.twin.try > 0; got != want {
		return d.differ("in flight %t, want %t (%v)", got, want, state)
	}
	return nil
}

func (d *duel) differ(format string, args ...any) error {
	return fmt.Errorf("after\n  %s\n%s", strings.Join(d.story, "\n  "), fmt.Sprintf(format, args...))
}

// passTo delivers the wakes that are due before an instant, and those at it
// when inclusive.
func (d *duel) passTo(at time.Duration, inclusive bool) error {
	for {
		due, ok := d.worker.WakeAt()
		if !ok || due > at || due == at && !inclusive {
			return nil
		}
		if err := d.step(max(due, d.now), engine.Event{Kind: engine.Wake}); err != nil {
			return err
		}
	}
}

// play tells a random story of some events.
func play(p pick, events int) error {
	now := time.Duration(p(3)) * 777 * time.Millisecond
	cfg := p.config()
	if err := cfg.Validate(); err != nil {
		return err
	}
	d := duel{worker: engine.NewWorker(cfg, now), twin: newTwin(cfg, now), now: now}
	d.story = append(d.story, fmt.Sprintf("%v %+v", now, cfg))
	for range events {
		at := d.now + p.pause(cfg, &d.worker, d.now)
		if err := d.passTo(at, p.chance(50)); err != nil {
			return err
		}
		ev, ok := p.event(at, d.twin)
		if !ok {
			continue
		}
		if err := d.step(at, ev); err != nil {
			return err
		}
	}
	return d.passTo(d.now+cfg.Period, true)
}

// pause prefers the instants at which things coincide.
func (p pick) pause(cfg engine.Config, w *engine.Worker, now time.Duration) time.Duration {
	switch p(5) {
	case 0:
		return 0
	case 1:
		if due, ok := w.WakeAt(); ok && due > now {
			return due - now
		}
		return max(0, w.State().NextTick-now)
	case 2:
		return time.Duration(p(30)) * 100 * time.Millisecond
	case 3:
		return cfg.Period * time.Duration(p(4))
	default:
		return time.Duration(p(1000)) * time.Millisecond
	}
}

func (p pick) event(at time.Duration, t *twin) (engine.Event, bool) {
	if t.try > 0 && p.chance(60) {
		if p.chance(5) {
			return engine.Event{Kind: engine.TryPanicked}, true
		}
		class := oneOf(p, probes.Success, probes.Success, probes.Failure, probes.Failure,
			probes.Errored, probes.Warning, probes.NoClass)
		return engine.Event{Kind: engine.TryFinished, Class: class}, true
	}
	if t.id == 0 && p.chance(50) || !t.running && p.chance(30) {
		started := engine.Event{Kind: engine.ContainerStarted, At: at}
		if p.chance(40) {
			started.At -= time.Duration(p(300)) * 100 * time.Millisecond
		}
		return started, t.restarts
	}
	switch p(10) {
	case 0:
		return engine.Event{Kind: engine.ContainerStarted, At: at}, t.restarts
	case 1, 2:
		return engine.Event{Kind: engine.ContainerStopped, WillRestart: !p.chance(10)}, t.running
	case 3, 4:
		return engine.Event{Kind: engine.Trigger}, true
	case 5:
		return engine.Event{Kind: engine.Terminating}, p.chance(15)
	case 6, 7:
		return engine.Event{Kind: engine.StartupPassed}, t.cfg.StartupGate || p.chance(10)
	case 8:
		return engine.Event{Kind: engine.ClockStepped, By: time.Duration(p(100)-50) * 100 * time.Millisecond}, p.chance(40)
	default:
		return engine.Event{Kind: engine.Wake}, true // a spurious one
	}
}

// TestWorkerIsItsTwin compares random stories and shrinks what differs.
func TestWorkerIsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pick(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") })
		if err := play(p, 40); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWorkerIsItsTwinOften does the same without shrinking, for volume.
func TestWorkerIsItsTwinOften(t *testing.T) {
	stories := uint64(20_000)
	if testing.Short() {
		stories = 2_000
	}
	for seed := range stories {
		if err := play(pick(rand.New(rand.NewPCG(seed, 1)).IntN), 80); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// FuzzWorkerIsItsTwin lets coverage look for the stories.
func FuzzWorkerIsItsTwin(f *testing.F) {
	f.Add([]byte("a container, a tick, a trigger and a clock that goes astray"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := pick(func(n int) int {
			if len(data) < 2 {
				return 0
			}
			v := int(data[0]) | int(data[1])<<8
			data = data[2:]
			return v % n
		})
		if err := play(p, min(len(data)/4+1, 200)); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAnythingGoes steps a Worker with nonsense: every instant, event and
// field is arbitrary. It must neither panic nor claim impossible things.
func TestAnythingGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wild := rapid.Int64()
		dur := func() time.Duration { return time.Duration(wild.Draw(t, "duration")) }
		cfg := engine.Config{
			Kind:         probes.Kind(rapid.Uint8Range(0, 3).Draw(t, "kind")),
			InitialDelay: dur(), Period: dur(), StartJitter: dur(),
			FailureThreshold: rapid.Int32().Draw(t, "f"), SuccessThreshold: 1, Tries: 1,
		}
		if rapid.Bool().Draw(t, "sane") {
			cfg.InitialDelay, cfg.Period, cfg.StartJitter, cfg.FailureThreshold = 1<<61, 1<<61, 1<<60, 1
		}
		w := engine.NewWorker(cfg, dur())
		if cfg.Validate() != nil && !w.State().Ended {
			t.Fatal("a worker of an invalid configuration works")
		}
		for range 30 {
			acts := w.Step(dur(), engine.Event{
				Kind: engine.EventKind(rapid.Uint8Range(0, 12).Draw(t, "event")), At: dur(), By: dur(),
				Class:       probes.Class(rapid.Uint8Range(0, 9).Draw(t, "class")),
				WillRestart: rapid.Bool().Draw(t, "restarts"),
			})
			for _, a := range acts.All() {
				if a.Kind == engine.StartTry && (a.Attempt < 1 || a.Try < 1) {
					t.Fatalf("start of try %d.%d", a.Attempt, a.Try)
				}
			}
			if at, ok := w.WakeAt(); ok && (w.State().InFlight || at < -1<<62) {
				t.Fatalf("wake at %v in state %v", at, w.State())
			}
		}
	})
}
