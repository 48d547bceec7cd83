package sockets_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/sockets"
)

// TestEveryLineObeysTheSchema records both directions of a conversation, and
// holds them to the published schema. Lines that the door refuses, it refuses.
func TestEveryLineObeysTheSchema(t *testing.T) {
	t.Parallel()
	schema := compile(t)
	dir := t.TempDir()
	script := `mkdir "$0/$$" && tee "$0/$$/suite" | "$@" | tee "$0/$$/prober"`
	b, err := sockets.New(t.Context(), sockets.Config{Argv: append([]string{"sh", "-c", script, dir}, prober("")...)})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for _, c := range cases(t, "testdata/short.yaml", "testdata/agent.yaml") {
		running.Go(func() { passes(t, b, c) })
	}
	running.Wait()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	for file, least := range map[string]int{"suite": 7, "prober": 15} {
		names, err := filepath.Glob(filepath.Join(dir, "*", file)) // of each process
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				n++
				if err := validate(t, schema, line); err != nil {
					t.Errorf("%s: %s%v", file, line, err)
				}
			}
		}
		if n < least {
			t.Errorf("%d lines of %s", n, file)
		}
	}
	for _, line := range []string{
		`{"run":3}`, `{"run":3,"do":[{"do":"readdy"}]}`, `{"run":"3","do":[]}`, `{"do":[{"do":"ready","vmm":"web"}]}`, `{"run":1,"do":[],"wakeAtNs":5}`,
	} {
		if validate(t, schema, line) == nil {
			t.Errorf("%s: the schema takes it", line)
		}
		if _, _, err := protocol.DecodeLine([]byte(line), func(int64) *protocol.Request { return nil }); err == nil {
			t.Errorf("%s: the decoder takes it", line)
		}
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(protocol.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("protocol.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("protocol.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, line string) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v)
}
