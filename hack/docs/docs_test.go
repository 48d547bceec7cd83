package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
)

// TestCommitted: the generated parts of the README files are up to date.
func TestCommitted(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Error(err)
	}
}

func TestReplace(t *testing.T) {
	const before = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n"
	const after = "a\n<!-- generated: x -->\n\nnew\n\n<!-- end -->\nb\n"
	got, err := replace(before, map[string]string{"x": "new\n"})
	if diff := cmp.Diff(after, got); diff != "" || err != nil {
		t.Errorf("error %v, difference:\n%s", err, diff)
	}
	again, err := replace(got, map[string]string{"x": "new\n"})
	if diff := cmp.Diff(after, again); diff != "" || err != nil {
		t.Errorf("the second time: error %v, difference:\n%s", err, diff)
	}
}

func TestReplaceRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "no place for x",
		"<!-- generated: y -->\n":    `no part is called "y"`,
		"<!-- generated: x -->\nold": `"x" has no end`,
		"<!-- end -->\n":             "an end without a beginning",
		"<!-- generated: x -->\n<!-- generated: x -->\n":                             `begins inside "x"`,
		"<!-- generated: x -->\n<!-- end -->\n<!-- generated: x -->\n<!-- end -->\n": "two places",
	} {
		_, err := replace(text, map[string]string{"x": "new"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("replace(%q): error %v, want %q", text, err, want)
		}
	}
}

func TestSentence(t *testing.T) {
	var def jsonschema.Schema
	if err := json.Unmarshal([]byte(`{"properties": {"apiVersion": {}, "at": {}, "end": {}, "chunkEvery": {}}}`), &def); err != nil {
		t.Fatal(err)
	}
	for comment, want := range map[string]string{
		"APIVersion is \"v1\".":                    "`apiVersion` is \"v1\".",
		"At is when.":                              "`at` is when.",
		"Bytes; ChunkEvery spaces them.":           "Bytes; `chunkEvery` spaces them.",
		"Pieces. ChunkEvery spaces them.":          "Pieces. `chunkEvery` spaces them.",
		"sends so many,\nthen nothing; End rules.": "sends so many, then nothing; `end` rules.",
		"It stops. End of story.":                  "It stops. End of story.",
		"SYN and RST":                              "SYN and RST",
	} {
		if got := sentence(comment, &def); got != want {
			t.Errorf("sentence(%q) = %q, want %q", comment, got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type": "integer", "minimum": 1, "maximum": 9}`:                                         "integer 1..9",
		`{"anyOf": [{"type": "string"}, {"type": "number"}, {"$ref": "#/$defs/Vary"}]}`:           "formula",
		`{"anyOf": [{"const": "none"}, {"$ref": "#/$defs/When"}]}`:                                "`none` or [When](#when)",
		`{"type": "string", "pattern": "^(ok|[1-9][0-9]{2}|hang)( x[1-9][0-9]*| \\.\\.\\.)?$"}`:   "`ok`, `hang`",
		`{"type": "object", "additionalProperties": {"type": "array", "items": {"enum": ["a"]}}}`: "mapping to list of `a`",
	} {
		var s jsonschema.Schema
		if err := json.Unmarshal([]byte(schema), &s); err != nil {
			t.Fatal(err)
		}
		if got, err := describe(&s); got != want || err != nil {
			t.Errorf("describe(%s) = %q, %v; want %q", schema, got, err, want)
		}
	}
	if _, err := words("^x+$"); err == nil {
		t.Error("a pattern without words was accepted")
	}
}

func TestRow(t *testing.T) {
	if got, want := row("a|b", "c\n d"), "| a\\|b | c d |\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
