package scenarios_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(scenarios.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("scenario.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("scenario.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// agree checks one file: the decoder's structural errors and the schema's
// verdict are the same.
func agree(t *testing.T, s *jsonschema.Schema, name string, data []byte) {
	t.Helper()
	_, list := scenarios.Load(filepath.Base(name), data, vocabulary)
	structural := ""
	for _, d := range list {
		switch d.Code.Class() {
		case diag.Syntax:
			return // not one YAML value for the schema to judge
		case diag.Structural:
			structural += d.String() + "\n"
		case diag.Semantic: // no shape
		}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for {
		var doc any
		if err := loader.Load(&doc); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m, ok := doc.(map[string]any); !ok || m["kind"] != "Scenario" {
			continue
		}
		switch err := s.Validate(asJSON(doc)); {
		case err == nil && structural != "":
			t.Errorf("%s: the schema accepts what the decoder refuses:\n%s", name, structural)
		case err != nil && structural == "":
			t.Errorf("%s: the schema refuses what the decoder accepts: %v", name, err)
		}
	}
}

// asJSON is what an editor's YAML server makes of a document: keys are text.
func asJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, item := range v {
			out[k] = asJSON(item)
		}
		return out
	case map[any]any:
		out := map[string]any{}
		for k, item := range v {
			out[fmt.Sprint(k)] = asJSON(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = asJSON(item)
		}
		return out
	}
	return v
}

// TestSchemaAgrees: the JSON Schema and the decoder agree on every embedded
// scenario, every example of an explanation and every file of testdata.
func TestSchemaAgrees(t *testing.T) {
	s := compiledSchema(t)
	embedded, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil || len(embedded) == 0 {
		t.Fatal("no embedded scenarios", err)
	}
	for _, name := range embedded {
		data, err := fs.ReadFile(scenarios.Embedded(), name)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, s, name, data)
	}
	for _, code := range diag.Codes() {
		e, _ := diag.Explain(string(code))
		agree(t, s, string(code)+" failing/example.yaml", []byte(diag.ExampleFile(e.Failing)))
		agree(t, s, string(code)+" fixed/example.yaml", []byte(diag.ExampleFile(e.Fixed)))
	}
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, s, name, data)
	}
}

// TestSchemaIsStrict: the agreement above is not that of a schema that
// accepts everything.
func TestSchemaIsStrict(t *testing.T) {
	s := compiledSchema(t)
	if s.Validate(map[string]any{"kind": "Scenario"}) == nil {
		t.Error("an empty Scenario is accepted")
	}
	if err := s.Validate(map[string]any{"kind": "VirtualMachine"}); err != nil {
		t.Errorf("a manifest is refused: %v", err)
	}
}
