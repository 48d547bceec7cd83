package lockstep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// TestMain lets the test binary be a prober: VIOLATE says how it errs.
func TestMain(m *testing.M) {
	kind, isProber := os.LookupEnv("VIOLATE")
	if !isProber {
		os.Exit(m.Run())
	}
	var out io.Writer = os.Stdout
	if violate, ok := violators[kind]; ok {
		out = &violator{violate: violate.do}
	}
	if err := protocol.Serve(context.Background(), os.Stdin, out, &reference.Prober{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// violator passes the reference's answers on, and spoils one.
type violator struct {
	n       int
	violate func(n int, line []byte) []byte
}

func (v *violator) Write(line []byte) (int, error) {
	v.n++
	if spoiled := v.violate(v.n, line); spoiled != nil {
		line = spoiled
	}
	if _, err := os.Stdout.Write(line); err != nil {
		return 0, err
	}
	return len(line), nil
}

// at spoils one message.
func at(n int, spoil func(line []byte) []byte) func(int, []byte) []byte {
	return func(i int, line []byte) []byte {
		if i != n {
			return nil
		}
		return spoil(line)
	}
}

// edit changes fields of a message.
func edit(change func(m map[string]any)) func([]byte) []byte {
	return func(line []byte) []byte {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			panic(err)
		}
		change(m)
		out, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		return append(out, '\n')
	}
}

// violators are ways to break the protocol, and what the suite says of each.
var violators = map[string]struct {
	do    func(n int, line []byte) []byte
	hello bool // it shows in the greeting
	want  []string
}{
	"silence": {
		at(5, func([]byte) []byte { time.Sleep(time.Hour); return nil }), false,
		[]string{"message 5: silence: no answer within", "flush standard output"},
	},
	"crash": {
		at(5, func([]byte) []byte { fmt.Fprintln(os.Stderr, "panic: at the disco"); os.Exit(7); return nil }), false,
		[]string{"message 5: the prober ended: exit status 7", "panic: at the disco"},
	},
	"exit 0": {
		at(5, func([]byte) []byte { os.Exit(0); return nil }), false,
		[]string{"message 5: the prober ended: exit status 0", "serve until standard input is closed"},
	},
	"half a line": {
		at(5, func(line []byte) []byte { os.Stdout.Write(line[:5]); os.Exit(1); return nil }), false,
		[]string{"exit status 1, in the middle of a line"},
	},
	"garbage": {
		at(5, func([]byte) []byte { return []byte("\x00\xff{{{\n") }), false,
		[]string{"message 5: no JSON", "nothing but messages to standard output"},
	},
	"noise": {
		at(5, func(line []byte) []byte { return append([]byte("DEBUG probing...\n"), line...) }), false,
		[]string{"message 5: no JSON", "DEBUG probing"},
	},
	"empty line": {
		at(5, func(line []byte) []byte { return append([]byte("\n"), line...) }), false,
		[]string{"message 5: no JSON"},
	},
	"two answers": {
		at(5, func(line []byte) []byte { return append(slices.Clip(line), line...) }), false,
		[]string{"message 6, field seq: it is 5", "repeat the seq"},
	},
	"wrong seq": {
		at(5, edit(func(m map[string]any) { m["seq"] = 99 })), false,
		[]string{"message 5, field seq: it is 99"},
	},
	"wrong version": {
		at(1, edit(func(m map[string]any) { m["protocol"] = 2 })), true,
		[]string{"message 1, field protocol", "version 2, the suite version 1"},
	},
	"canary": {
		at(1, edit(func(m map[string]any) {
			for _, c := range protocol.Canaries(protocol.Offer("")) {
				m["features"] = append(m["features"].([]any), c)
			}
		})), true,
		[]string{"message 1, field features[10]", "is a canary, which nobody has"},
	},
	"huge line": {
		at(5, func([]byte) []byte { return append([]byte(strings.Repeat("x", 5<<20)), '\n') }), false,
		[]string{"message 5: the line is too long: more than 4 MiB"},
	},
	"endless line": {at(5, func([]byte) []byte {
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("x", 1<<16)); err != nil {
				os.Exit(1)
			}
		}
	}), false, []string{"message 5: the line is too long"}},
	"livelock": {func(n int, line []byte) []byte {
		if n < 4 {
			return nil
		}
		return edit(func(m map[string]any) { m["wakeAtNs"] = livelockAt })(line)
	}, false, []string{"livelock: 1000 rounds at instant 1h0m0s", "wakeAtNs for a later instant"}},
	"past": {
		at(5, edit(func(m map[string]any) { m["wakeAtNs"] = -5 })), false,
		[]string{"field wakeAtNs: -5 is before now"},
	},
	"closes stdout": {
		at(5, func([]byte) []byte { os.Stdout.Close(); time.Sleep(time.Hour); return nil }), false,
		[]string{"message 5: the prober closed its standard streams and runs on"},
	},
	"closes stdin": {at(5, func(line []byte) []byte {
		os.Stdin.Close()
		os.Stdout.Write(line)
		time.Sleep(time.Hour)
		return nil
	}), false, []string{"message 6: "}},
	"unknown VM": {at(5, edit(func(m map[string]any) {
		m["do"] = []any{map[string]any{"do": "ready", "vm": "hunk", "instance": 1, "ok": true}}
	})), false, []string{"message 5, field do[0].vm", `no VM "hunk"`, `did you mean "hung"`}},
	"unknown try": {at(5, edit(func(m map[string]any) {
		m["do"] = []any{map[string]any{"do": "result", "id": 77, "class": "success"}}
	})), false, []string{"message 5, field do[0].id", "there is no try 77"}},
	"container to come": {at(5, edit(func(m map[string]any) {
		m["do"] = []any{map[string]any{"do": "ready", "vm": "hung", "instance": 3, "ok": true}}
	})), false, []string{"do[0].instance", "has had 1 containers, not 3"}},
	"probe it has not": {at(5, edit(func(m map[string]any) {
		m["do"] = []any{map[string]any{"do": "try", "id": 500, "vm": "hung", "instance": 1, "probe": "startup"}}
	})), false, []string{"do[0].probe", "hung has no startup probe", "it has readiness"}},
}

// livelockAt is an instant inside every case: the prober asks for it until it
// has come, and then again.
const livelockAt = int64(time.Hour)

// TestViolatorsGetErrorsNotVerdicts runs each of them against a case, and a
// second case after it: the door goes on with a new prober.
func TestViolatorsGetErrorsNotVerdicts(t *testing.T) {
	c := cases(t, "agent-hung@kubevirt")[0]
	longer := *c
	longer.Until = 2 * time.Hour
	for name, v := range violators {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := lockstep.Command{Argv: []string{"env", "VIOLATE=" + name, os.Args[0]}, Timeout: 3 * time.Second}
			bed, err := lockstep.New(t.Context(), lockstep.Config{Start: command.Start})
			if v.hello != (err != nil) {
				t.Fatalf("greeting: %v", err)
			}
			for range 2 {
				if !v.hello {
					_, err = bed.Run(t.Context(), &longer, 1)
				}
				if !errors.Is(err, protocol.ErrProtocol) {
					t.Fatalf("the error is %v", err)
				}
				for _, want := range v.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not say %q", err, want)
					}
				}
			}
			if bed != nil && bed.Close() != nil {
				t.Error("close")
			}
		})
	}
}

// TestLawAbidingProcess is the same binary without a violation.
func TestLawAbidingProcess(t *testing.T) {
	bed, err := lockstep.New(t.Context(), lockstep.Config{
		Start: lockstep.Command{Argv: []string{"env", "VIOLATE=", os.Args[0]}}.Start,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bed.Run(t.Context(), cases(t, "agent-hung@kubevirt")[0], 1); err != nil {
		t.Error(err)
	}
	if err := bed.Close(); err != nil {
		t.Error(err)
	}
}
