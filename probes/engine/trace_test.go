package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// TestTraces plays the stories of testdata. Each command prints what the
// worker did, with the instant; the commands are in the trace_*_test.go files.
//
// NB: if this test fails, run `go test ./probes/engine -rewrite` and look at
// the difference. Keep it only if you understand it and want it.
func TestTraces(t *testing.T) {
	datadriven.Walk(t, "testdata/traces", func(t *testing.T, path string) {
		t.Helper()
		var s *stage
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			handler, ok := commands[d.Cmd]
			if !ok {
				d.Fatalf(t, "unknown command %q", d.Cmd)
			}
			if d.Cmd == "new" {
				s = newStage()
			}
			if s == nil {
				d.Fatalf(t, "%q before new", d.Cmd)
			}
			if err := handler(s, args{t, d}); err != nil {
				return err.Error()
			}
			return s.drain()
		})
	})
}

// commands are the handlers, sorted by name.
var commands = map[string]func(*stage, args) error{
	"clock":          clockCommand,
	"container":      containerCommand,
	"guest":          guestCommand,
	"new":            newCommand,
	"run":            runCommand,
	"startup-passed": startupPassedCommand,
	"state":          stateCommand,
	"terminating":    terminatingCommand,
	"trigger":        triggerCommand,
	"wake":           wakeCommand,
}

// stage is a worker with a guest that answers its tries.
type stage struct {
	worker engine.Worker
	now    time.Duration
	out    strings.Builder

	answers string          // one letter a try: S, W, F, E, U (unknown), P (panic); the last one repeats
	took    []time.Duration // how long a try takes; the last one repeats
	tries   int             // started since the guest was set
	trying  bool
	doneAt  time.Duration
	class   byte
}

func newStage() *stage {
	return &stage{answers: "S", took: []time.Duration{0}}
}

// step steps the worker, prints what it does and lets the guest begin to answer.
func (s *stage) step(ev engine.Event) {
	acts := s.worker.Step(s.now, ev)
	for _, a := range acts.All() {
		switch a.Kind {
		case engine.StartTry:
			s.say("try %d.%d", a.Attempt, a.Try)
			s.begin()
		case engine.AttemptFinished:
			s.say("attempt %d: %v", a.Attempt, a.Class)
		case engine.Publish:
			word := map[bool]string{true: "healthy", false: "unhealthy"}[a.Healthy]
			if a.Unknown {
				word = "unknown"
			}
			s.say("publish %s", word)
		case engine.LivenessFailed:
			s.say("liveness failed")
		}
	}
}

func (s *stage) begin() {
	s.class = s.answers[min(s.tries, len(s.answers)-1)]
	s.doneAt = s.now + s.took[min(s.tries, len(s.took)-1)]
	s.trying = true
	s.tries++
}

// runTo plays everything that is due before an instant, and at it when
// inclusive. A wake comes before an answer of the same instant.
func (s *stage) runTo(until time.Duration, inclusive bool) error {
	for range 1000 {
		at, ok := s.worker.WakeAt()
		if s.trying && (!ok || s.doneAt < at) {
			at, ok = s.doneAt, true
		}
		if !ok || at > until || at == until && !inclusive {
			s.now = max(s.now, until)
			return nil
		}
		s.now = max(s.now, at)
		s.step(s.next())
	}
	return fmt.Errorf("more than 1000 steps until %v", until)
}

func (s *stage) next() engine.Event {
	if !s.trying {
		return engine.Event{Kind: engine.Wake}
	}
	s.trying = false
	if s.class == 'P' {
		return engine.Event{Kind: engine.TryPanicked}
	}
	return engine.Event{Kind: engine.TryFinished, Class: classOf[s.class]}
}

func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(&s.out, "%8v  %s\n", s.now, fmt.Sprintf(format, args...))
}

func (s *stage) drain() string {
	defer s.out.Reset()
	if s.out.Len() == 0 {
		return "nothing\n"
	}
	return s.out.String()
}

// args reads the arguments of a command.
type args struct {
	t *testing.T
	d *datadriven.TestData
}

func (a args) has(word string) bool { return a.d.HasArg(word) }

func (a args) duration(name string, def time.Duration) time.Duration {
	a.t.Helper()
	text := ""
	if !a.d.MaybeScanArgs(a.t, name, &text) {
		return def
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		a.d.Fatalf(a.t, "%s: %v", name, err)
	}
	return v
}

func (a args) int32(name string, def int32) int32 {
	a.t.Helper()
	v := int(def)
	a.d.MaybeScanArgs(a.t, name, &v)
	return int32(v)
}

// at plays everything before the instant "at" (default: now) and goes there.
func (a args) at(s *stage) error { return s.runTo(a.duration("at", s.now), false) }

var kinds = []probes.Kind{probes.Readiness, probes.Liveness, probes.Startup}
