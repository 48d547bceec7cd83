package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/conformance/report"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestSchema: the published schema takes every golden report, from yaml and
// from json, and none in which a field is misspelt, missing, or another word.
func TestSchema(t *testing.T) {
	schema := compiled(t)
	for name, make := range samples() {
		var fromYAML any
		if err := yaml.Unmarshal([]byte(render(t, "yaml", make())), &fromYAML); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(fromYAML)
		if err != nil {
			t.Fatal(err)
		}
		text := render(t, "json", make())
		for _, data := range []string{text, string(again)} {
			if err := validate(t, schema, data); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, wrong := range [][2]string{
			{`"result": "`, `"reslut": "`},
			{`"result": "`, `"result": "x`},
			{`"firstSeed": 6`, `"firstSeed": "6"`},
			{`"until": "280s"`, `"until": "280"`},
			{`"kind": "ConformanceReport"`, `"kind": "Report"`},
			{`"implementation": {`, `"implementations": {`},
			{`"runs": [`, `"trace": [`},
		} {
			if !strings.Contains(text, wrong[0]) {
				t.Fatalf("%s has no %s", name, wrong[0])
			}
			if validate(t, schema, strings.Replace(text, wrong[0], wrong[1], 1)) == nil {
				t.Errorf("%s: the schema takes %s", name, wrong[1])
			}
		}
	}
}

func validate(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v)
}
