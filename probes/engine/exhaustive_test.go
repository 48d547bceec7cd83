package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// verdict is the rule of THR-CONSECUTIVE in its plainest words, on the string
// of all results so far: the state is that of the latest point at which the
// last f results were failures or the last s were successes. Errors are not
// there (THR-ERR-DISCARD), warnings are successes (THR-WARN-IS-SUCCESS).
func verdict(results string, f, s int, initial bool) bool {
	counted := strings.ReplaceAll(strings.ReplaceAll(results, "E", ""), "W", "S")
	for end := len(counted); end > 0; end-- {
		if strings.HasSuffix(counted[:end], strings.Repeat("F", f)) {
			return false
		}
		if strings.HasSuffix(counted[:end], strings.Repeat("S", s)) {
			return true
		}
	}
	return initial
}

var classOf = map[byte]probes.Class{
	'S': probes.Success, 'W': probes.Warning, 'F': probes.Failure, 'E': probes.Errored,
}

// explorer walks the tree of all result strings; a Worker is a value, so each
// branch continues a copy.
type explorer struct {
	t       *testing.T
	cfg     engine.Config
	letters string
	depth   int
	visited int
}

func (e *explorer) walk(w engine.Worker, now time.Duration, results string) {
	if len(results) == e.depth {
		return
	}
	for i := range len(e.letters) {
		next := w
		after := results + e.letters[i:i+1]
		e.visited++
		at, ok := next.WakeAt()
		if !ok || at != now {
			e.t.Fatalf("%s: wake at %v, %t; want %v", results, at, ok, now)
		}
		next.Step(at, engine.Event{Kind: engine.Wake})
		before := next.State()
		acts := next.Step(at, engine.Event{Kind: engine.TryFinished, Class: classOf[e.letters[i]]})
		e.judge(before, next.State(), acts, after)
		if !next.State().OnHold {
			e.walk(next, now+e.cfg.Period, after)
		}
	}
}

func (e *explorer) judge(before, state engine.State, acts engine.Actions, results string) {
	want := verdict(results, int(e.cfg.FailureThreshold), int(e.cfg.SuccessThreshold), e.cfg.Kind == probes.Liveness)
	if state.Healthy != want {
		e.t.Fatalf("f=%d s=%d %s: healthy %t, want %t", e.cfg.FailureThreshold, e.cfg.SuccessThreshold, results, state.Healthy, want)
	}
	published, killed := 0, 0
	for _, a := range acts.All() {
		switch a.Kind {
		case engine.Publish:
			published++
		case engine.LivenessFailed:
			killed++
		case engine.StartTry, engine.AttemptFinished:
		}
	}
	if changed := before.Healthy != want; published > 0 != changed || published > 1 {
		e.t.Fatalf("%s: %d publications, state changed %t", results, published, changed)
	}
	kill := e.cfg.Kind == probes.Liveness && !want
	if killed > 0 != kill || state.OnHold != kill || kill && state.Run != 0 {
		e.t.Fatalf("%s: %d kills, state %v, want a kill: %t", results, killed, state, kill)
	}
}

// TestThresholdsExhaustively tries every pair of thresholds in 1..4 with every
// string of results: over S and F up to 12 long, over S, W, F and E up to 7,
// and 8 over S, F and E.
//
// Reference: THR-CONSECUTIVE, THR-FAILURE, THR-SUCCESS, THR-WARN-IS-SUCCESS,
// THR-ERR-DISCARD, THR-NO-HYSTERESIS-LEAK, LIVE-HOLD.
func TestThresholdsExhaustively(t *testing.T) {
	for _, space := range []struct {
		letters string
		depth   int
	}{{"SF", 12}, {"SFE", 8}, {"SWFE", 6}} {
		visited := 0
		for f := int32(1); f <= 4; f++ {
			for s := int32(1); s <= 4; s++ {
				for _, kind := range []probes.Kind{probes.Readiness, probes.Liveness} {
					if kind == probes.Liveness && s > 1 {
						continue
					}
					e := explorer{t: t, letters: space.letters, depth: space.depth, cfg: engine.Config{
						Kind: kind, Period: time.Second, FailureThreshold: f, SuccessThreshold: s, Tries: 1,
					}}
					w := engine.NewWorker(e.cfg, 0)
					w.Step(0, engine.Event{Kind: engine.ContainerStarted})
					e.walk(w, 0, "")
					visited += e.visited
				}
			}
		}
		t.Logf("%s up to %d: %d attempts", space.letters, space.depth, visited)
	}
}
