package adapters_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// TestTranscriptObeysTheSchema: the published schema takes every line of a
// conversation, and no line with a field that is misspelt.
func TestTranscriptObeysTheSchema(t *testing.T) {
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
	check := func(line string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	data, err := os.ReadFile("transcript.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if err := check(line[3:]); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, line := range []string{
		`{"seq":3,"wakeAt":5}`, `{"seq":3,"wakeAtNs":"5s"}`, `{"seq":3,"do":[{"do":"readdy"}]}`, `{"wakeAtNs":5}`,
	} {
		if check(line) == nil {
			t.Errorf("%s: the schema takes it", line)
		}
	}
}
