package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

const refPrefix = "#/$defs/"

// largest is the bound of whole numbers that have none of their own.
const largest = "9223372036854775807"

// fields is the field reference: one table for each object of the schema, in
// the order in which they are met from the document down.
func fields(*facts) (string, error) {
	var root jsonschema.Schema
	if err := json.Unmarshal(scenarios.Schema(), &root); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range reachable(&root, "Document") {
		def := root.Definitions[name]
		fmt.Fprintf(&b, "### %s\n\n%s\n\n", name, plain(sentence(def.Description, def)))
		if err := table(&b, def); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	return b.String(), nil
}

// reachable walks the definitions breadth first.
func reachable(root *jsonschema.Schema, first string) []string {
	order, seen := []string{first}, map[string]bool{first: true, "Vary": true}
	for i := 0; i < len(order); i++ {
		text, err := json.Marshal(root.Definitions[order[i]])
		if err != nil {
			panic(err) // it came from JSON
		}
		for _, m := range regexp.MustCompile(`"#/\$defs/([A-Za-z]+)"`).FindAllSubmatch(text, -1) {
			if name := string(m[1]); !seen[name] {
				seen[name] = true
				order = append(order, name)
			}
		}
	}
	return order
}

// keyRow is a row of a table before it is written.
type keyRow struct{ keys, kinds, text string }

func table(b *strings.Builder, def *jsonschema.Schema) error {
	var rows []keyRow
	required := map[string]bool{}
	for _, r := range def.Required {
		required[r] = true
	}
	for p := def.Properties.Oldest(); p != nil; p = p.Next() {
		kind, err := describe(p.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Key, err)
		}
		if required[p.Key] {
			kind += "; required"
		}
		if p.Value.Description == "" {
			return fmt.Errorf("%s: its Go field has no comment", p.Key)
		}
		rows = append(rows, keyRow{code(p.Key), kind, plain(sentence(p.Value.Description, def))})
	}
	for _, pattern := range sortedKeys(def.PatternProperties) {
		kind, err := describe(def.PatternProperties[pattern])
		if err != nil {
			return err
		}
		name, meaning, err := port(pattern)
		if err != nil {
			return err
		}
		rows = append(rows, keyRow{name, kind, meaning})
	}
	b.WriteString("| key | value | meaning |\n|---|---|---|\n")
	for _, r := range rows {
		b.WriteString(row(r.keys, r.kinds, r.text))
	}
	b.WriteString("\n")
	return nil
}

// port names the keys that a pattern stands for.
func port(pattern string) (name, meaning string, err error) {
	switch pattern {
	case `^https?/[0-9]+$`:
		return "`http/PORT`, `https/PORT`", "An HTTP server on that port.", nil
	case `^tcp/[0-9]+$`:
		return "`tcp/PORT`", "A TCP service on that port.", nil
	}
	return "", "", fmt.Errorf("no words for keys like %q", pattern)
}

var capital = regexp.MustCompile(`(^|\. |[^.] |\()([A-Z][A-Za-z]*)\b`)

// sentence turns a Go comment into text about keys: the names of fields become
// keys. A plain word that begins a later sentence stays a word.
func sentence(comment string, def *jsonschema.Schema) string {
	keys := map[string]string{}
	for p := def.Properties.Oldest(); p != nil; p = p.Next() {
		keys[strings.ToLower(p.Key)] = p.Key
	}
	text := strings.Join(strings.Fields(comment), " ")
	return capital.ReplaceAllStringFunc(text, func(match string) string {
		m := capital.FindStringSubmatch(match)
		key, known := keys[strings.ToLower(m[2])]
		if !known || m[1] == ". " && strings.ToLower(m[2][1:]) == m[2][1:] {
			return match
		}
		return m[1] + code(key)
	})
}

// describe names the values of a schema.
func describe(s *jsonschema.Schema) (string, error) {
	switch {
	case s.Ref == refPrefix+"Vary":
		return "", nil
	case s.Ref != "":
		name := strings.TrimPrefix(s.Ref, refPrefix)
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name)), nil
	case len(s.AnyOf) > 0:
		return choice(s.AnyOf)
	case s.Const != nil:
		return code(fmt.Sprint(s.Const)), nil
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			words[i] = code(fmt.Sprint(v))
		}
		return strings.Join(words, ", "), nil
	case s.Pattern != "":
		return words(s.Pattern)
	}
	switch s.Type {
	case "array":
		item, err := describe(s.Items)
		if s.MaxItems != nil && *s.MaxItems == 2 {
			return "`[lo, hi]`, each a " + item, err
		}
		return "list of " + item, err
	case "object":
		if s.AdditionalProperties == nil {
			return "mapping", nil
		}
		value, err := describe(s.AdditionalProperties)
		return "mapping to " + value, err
	case "integer":
		return bounds(s), nil
	case "string":
		return "text", nil
	case "boolean", "number":
		return s.Type, nil
	}
	return "", fmt.Errorf("no words for type %q", s.Type)
}

// choice joins alternatives; that every value may be a $name goes without
// saying.
func choice(of []*jsonschema.Schema) (string, error) {
	if len(of) >= 2 && of[0].Type == "string" && of[0].Pattern == "" && of[1].Type == "number" && (len(of) == 2 || of[2].Ref != "") {
		return "formula", nil
	}
	var out []string
	for _, s := range of {
		text, err := describe(s)
		if err != nil {
			return "", err
		}
		if text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, " or "), nil
}

func bounds(s *jsonschema.Schema) string {
	switch {
	case s.Minimum != "" && s.Maximum != "" && s.Maximum != largest:
		return fmt.Sprintf("integer %s..%s", s.Minimum, s.Maximum)
	case s.Minimum != "":
		return fmt.Sprintf("integer >= %s", s.Minimum)
	}
	return "integer"
}

const duration = `([0-9]+(\.[0-9]+)?(ns|us|`

// words names the texts that a pattern of the schema admits.
func words(pattern string) (string, error) {
	switch {
	case pattern == syntax.IdentPattern:
		return "kebab-case name", nil
	case pattern == syntax.NamePattern:
		return "camelCase name", nil
	case pattern == syntax.AddressPattern:
		return "`host:port`", nil
	case strings.HasPrefix(pattern, "^"+duration):
		return "duration", nil
	case strings.HasPrefix(pattern, "^-?"+duration):
		return "duration, may be negative", nil
	case strings.HasPrefix(pattern, "^[SWFE]"):
		return "`S`, `W`, `F` or `E`, with a count", nil
	case strings.HasPrefix(pattern, "^[1-9][0-9]*("):
		return "the same with a count", nil
	case strings.HasPrefix(pattern, "^("):
		list, rest, _ := strings.Cut(pattern[2:], ")")
		var out []string
		for w := range strings.SplitSeq(list, "|") {
			if strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") == "" {
				out = append(out, code(w))
			}
		}
		if strings.Contains(rest, duration) {
			out = append(out, "duration")
		}
		if len(out) > 0 {
			return strings.Join(out, ", "), nil
		}
	}
	return "", fmt.Errorf("no words for pattern %q", pattern)
}
