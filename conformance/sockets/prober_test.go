package sockets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/mutants"
	"github.com/vmprobe/vmprobe/conformance/sockets"
	"github.com/vmprobe/vmprobe/conformance/sockets/reference"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
)

// TestMain lets the test binary be a prober: VIOLATE says how it errs.
func TestMain(m *testing.M) {
	kind, isProber := os.LookupEnv("VIOLATE")
	if !isProber {
		os.Exit(m.Run())
	}
	p := &reference.Prober{}
	if os.Getenv("ALONE") != "" {
		p.Concurrent = 1
	}
	if name := os.Getenv("MUTANT"); name != "" {
		list, err := mutants.Select([]string{name})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		p.Deviation = &list[0].Deviation
	}
	violate := violators[kind].do
	if kind == "mute" {
		violate = mute
	}
	if err := p.Serve(context.Background(), os.Stdin, &violator{violate: violate}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// violator passes the reference's lines on, and spoils some.
type violator struct {
	violate func(line []byte) []byte
}

func (v *violator) Write(line []byte) (int, error) {
	out := line
	if v.violate != nil {
		if spoiled := v.violate(line); spoiled != nil {
			out = spoiled
		}
	}
	if _, err := os.Stdout.Write(out); err != nil {
		return 0, err
	}
	return len(line), nil
}

// prober is the test binary as a prober.
func prober(kind string, env ...string) []string {
	return append(append([]string{"env", "VIOLATE=" + kind}, env...), os.Args[0])
}

// answer spoils the answer to a message: 1 is hello, 2 open, 3 the first step.
func answer(seq int, spoil func(line []byte) []byte) func([]byte) []byte {
	return func(line []byte) []byte {
		if !bytes.HasPrefix(line, fmt.Appendf(nil, `{"seq":%d`, seq)) {
			return nil
		}
		return spoil(line)
	}
}

// report spoils the reports about a VM, all of them.
func report(vm string, spoil func(line []byte) []byte) func([]byte) []byte {
	return func(line []byte) []byte {
		if !bytes.HasPrefix(line, []byte(`{"run":`)) || !bytes.Contains(line, []byte(`"vm":"`+vm+`"`)) {
			return nil
		}
		return spoil(line)
	}
}

// edit changes a line as JSON.
func edit(change func(m map[string]any)) func([]byte) []byte {
	return func(line []byte) []byte {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			panic(err)
		}
		change(m)
		data, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		return append(data, '\n')
	}
}

// action changes the first action of a report.
func action(change func(a map[string]any)) func([]byte) []byte {
	return edit(func(m map[string]any) { change(m["do"].([]any)[0].(map[string]any)) })
}

func bed(t *testing.T, cfg sockets.Config) *sockets.Bed {
	t.Helper()
	b, err := sockets.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// cases loads scenarios by name or file.
func cases(t testing.TB, args ...string) []*scenarios.Case {
	t.Helper()
	files, err := suite.Load(args, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	list, diags, _ := suite.Cases(files, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return list
}

// within is a timeout for what must be over soon.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
