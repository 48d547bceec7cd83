package sockets_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/sockets"
)

// violators are all ways to break the protocol of this door, with what the
// error must say. greeting: the breach comes in the answer to hello.
var violators = map[string]struct {
	do       func(line []byte) []byte
	greeting bool
	want     []string
}{
	"silence": {
		answer(3, func([]byte) []byte { return []byte{} }), false,
		[]string{"message 3: silence: no answer within 2s", `{"seq":N}`},
	},
	"silence from the start": {
		answer(1, func([]byte) []byte { time.Sleep(time.Hour); return nil }), true,
		[]string{"message 1: silence"},
	},
	"never closes a case": {
		func(line []byte) []byte {
			if strings.HasPrefix(string(line), `{"seq":`) && len(line) > 8 && line[7] > '3' {
				return []byte{}
			}
			return nil
		}, false,
		[]string{"message 4: silence"},
	},
	"crash": {
		answer(3, func([]byte) []byte { os.Stderr.WriteString("panic: nil map\n"); os.Exit(3); return nil }), false,
		[]string{"the prober ended: exit status 3", "standard error of the prober ends with:\n    panic: nil map"},
	},
	"exit": {
		answer(3, func([]byte) []byte { os.Exit(0); return nil }), false,
		[]string{"the prober ended: exit status 0", "serve until standard input is closed"},
	},
	"half a line": {
		answer(3, func(line []byte) []byte { os.Stdout.Write(line[:5]); os.Exit(1); return nil }), false,
		[]string{"exit status 1, in the middle of a line"},
	},
	"garbage": {
		answer(3, func([]byte) []byte { return []byte("\x00\xff{{{\n") }), false,
		[]string{"no JSON", "nothing but messages to standard output"},
	},
	"noise": {
		answer(3, func(line []byte) []byte { return append([]byte("DEBUG probing...\n"), line...) }), false,
		[]string{"no JSON", "DEBUG probing"},
	},
	"empty line": {
		answer(3, func(line []byte) []byte { return append([]byte("\n"), line...) }), false,
		[]string{"no JSON"},
	},
	"two answers": {
		answer(3, func(line []byte) []byte { return append(slices.Clip(line), line...) }), false,
		[]string{`field seq: there is no message 3 to be answered`, "answer each message once"},
	},
	"wrong seq": {
		answer(3, edit(func(m map[string]any) { m["seq"] = 99 })), false,
		[]string{"field seq: there is no message 99 to be answered"},
	},
	"wrong version": {
		answer(1, edit(func(m map[string]any) { m["protocol"] = 2 })), true,
		[]string{"message 1, field protocol", "version 2, the suite version 1"},
	},
	"canary": {
		answer(1, edit(func(m map[string]any) {
			m["features"] = append(m["features"].([]any), protocol.Canaries(protocol.Offer(""))[0])
		})), true,
		[]string{"message 1, field features[11]", "is a canary, which nobody has"},
	},
	"too many at a time": {
		answer(1, edit(func(m map[string]any) { m["concurrent"] = -1 })), true,
		[]string{"message 1, field concurrent", "give a number from 1 to 10000"},
	},
	"huge line": {
		answer(3, func([]byte) []byte { return append([]byte(strings.Repeat("x", 5<<20)), '\n') }), false,
		[]string{"the line is too long: more than 4 MiB"},
	},
	"endless line": {answer(3, func([]byte) []byte {
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("x", 1<<16)); err != nil {
				os.Exit(1)
			}
		}
	}), false, []string{"the line is too long"}},
	"closes stdout": {
		answer(3, func([]byte) []byte { os.Stdout.Close(); time.Sleep(time.Hour); return nil }), false,
		[]string{"the prober closed its standard streams and runs on"},
	},
	"acts in answers": {
		answer(3, edit(func(m map[string]any) {
			m["do"] = []any{map[string]any{"do": "ready", "vm": "web", "instance": 1, "ok": true}}
		})), false,
		[]string{"message 3, field do", `write {"run":1,"do":[...]} on a line of its own`},
	},
	"wants to be woken": {
		answer(3, edit(func(m map[string]any) { m["wakeAtNs"] = 5 })), false,
		[]string{"message 3, field wakeAtNs", "keep the time yourself"},
	},
	"acts before the case": {
		answer(2, func(line []byte) []byte {
			return append([]byte(`{"run":1,"do":[{"do":"ready","vm":"web","instance":1,"ok":false}]}`+"\n"), line...)
		}), false,
		[]string{`line "{\"run\":1`, "nothing of the case has begun yet", "wait for containerStarted"},
	},
	"unknown run": {
		report("web", edit(func(m map[string]any) { m["run"] = 77 })), false,
		[]string{"field run: run 77 was never opened", "repeat the run"},
	},
	"no run": {
		report("web", edit(func(m map[string]any) { delete(m, "run") })), false,
		[]string{"field run: nobody knows of which case it speaks"},
	},
	"empty report": {
		report("web", edit(func(m map[string]any) { m["do"] = []any{} })), false,
		[]string{"field do: the report says nothing"},
	},
	"unknown field": {
		report("web", edit(func(m map[string]any) { m["wakeAtN"] = 5 })), false,
		[]string{"field wakeAtN: no such field", `did you mean "wakeAtNs"`},
	},
	"unknown VM": {
		report("web", action(func(a map[string]any) { a["vm"] = "wep" })), false,
		[]string{"field do[0].vm", `no VM "wep"`, `did you mean "web"`},
	},
	"container to come": {
		report("web", action(func(a map[string]any) { a["instance"] = 3 })), false,
		[]string{"do[0].instance", "has had 1 containers, not 3"},
	},
	"probe it has not": {
		report("web", action(func(a map[string]any) { a["do"], a["ok"] = "live", true })), false,
		[]string{"field do[0].do: web has no liveness probe"},
	},
	"no state": {
		report("web", action(func(a map[string]any) { a["do"] = "ready"; delete(a, "ok") })), false,
		[]string{"field do[0].ok: the state is missing"},
	},
	"tells tries": {
		report("web", action(func(a map[string]any) { a["do"], a["id"], a["probe"] = "try", 1, "readiness" })), false,
		[]string{"field do[0].do", `"try" belongs to the lockstep door`},
	},
	"lets others connect": {
		report("web", action(func(a map[string]any) { a["do"], a["id"], a["tcp"] = "ask", 1, map[string]any{"port": 80} })), false,
		[]string{"field do[0].tcp", "makes its own exchanges"},
	},
	"acts for others": {
		report("web", action(func(a map[string]any) { a["id"] = 5; a["domain"] = map[string]any{} })), false,
		[]string{"field do[0].do", `"ready" asks for nothing`},
	},
	"asks for nothing": {
		report("web", action(func(a map[string]any) { a["do"], a["id"] = "ask", 1; delete(a, "ok") })), false,
		[]string{"field do[0].domain: it asks for nothing"},
	},
}

// mute is no breach: it answers, and reports nothing.
func mute(line []byte) []byte {
	if strings.HasPrefix(string(line), `{"run":`) {
		return []byte{}
	}
	return nil
}

// TestViolatorsGetErrorsNotVerdicts runs each of them against a case, and a
// second case after it: the door goes on with a new prober.
func TestViolatorsGetErrorsNotVerdicts(t *testing.T) {
	c := cases(t, "testdata/short.yaml")[0]
	for name, v := range violators {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patience := 20 * time.Second // for processes that begin on a busy machine
			if slices.ContainsFunc(v.want, func(want string) bool { return strings.Contains(want, "silence") }) {
				patience = 2 * time.Second
			}
			b, err := sockets.New(t.Context(), sockets.Config{Argv: prober(name), Timeout: patience})
			if v.greeting != (err != nil) {
				t.Fatalf("greeting: %v", err)
			}
			for i := range 2 {
				if !v.greeting {
					_, err = b.Run(within(t, time.Minute), c, 1)
				}
				if i == 1 && name == "acts before the case" && err == nil {
					break // the breach was of the first case alone, and so was the error
				}
				if !errors.Is(err, protocol.ErrProtocol) {
					t.Fatalf("the error is %v", err)
				}
				for _, want := range v.want {
					if i == 0 && !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not say %q", err, want)
					}
				}
			}
			if b != nil && b.Close() != nil {
				t.Error("close")
			}
		})
	}
}
