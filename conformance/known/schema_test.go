package known_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/conformance/known"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// TestSchema: the published schema takes what Load takes, and refuses what is
// wrong by its shape.
func TestSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(known.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("known.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("known.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) bool {
		t.Helper()
		return schema.Validate(asJSON(t, text)) == nil
	}
	for _, code := range diag.KnownCodes() {
		e, _ := diag.Explain(string(code))
		if !valid(header + e.Fixed) {
			t.Errorf("%s: the schema refuses the fixed example", code)
		}
		shape := code == diag.BadIssue
		if valid(header+e.Failing) == shape {
			t.Errorf("%s: the schema refuses the failing example: %v", code, !shape)
		}
	}
	for _, text := range []string{
		header, header + "entries: {}\n", header + "entires: []\n", "apiVersion: v1\nkind: KnownFailing\nentries: []\n",
		header + "entries:\n- {case: a}\n", header + "entries:\n- {case: a, requirement: b, message: c, reason: d, issue: 'https://e', expires: TODO}\n",
	} {
		_, list := known.Load("k", []byte(text))
		if valid(text) || !list.HasErrors() {
			t.Errorf("the schema takes it: %v; Load: %v\n%s", valid(text), list, text)
		}
	}
}

// asJSON is a document as an editor hands it to the schema: a day is text.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Tag == "!!timestamp" {
			n.Tag = "!!str"
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(&node)
	var v any
	if err := node.Decode(&v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	return v
}
