package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// protocolWords makes the table of a type that is one of some words, from the
// comments of its constants.
func protocolWords(file, typeName, head string) func(*facts) (string, error) {
	return func(f *facts) (string, error) {
		list, err := constants(filepath.Join(f.root, "conformance/protocol", file), typeName)
		if err != nil {
			return "", err
		}
		var b strings.Builder
		fmt.Fprintf(&b, "| %s | meaning |\n|---|---|\n", head)
		for _, c := range list {
			b.WriteString(row(code(c.value), plain(c.text)))
		}
		return b.String(), nil
	}
}

// protocolFields is every field of every message: one table for each object of
// the schema.
func protocolFields(*facts) (string, error) {
	var root jsonschema.Schema
	if err := json.Unmarshal(protocol.Schema(), &root); err != nil {
		return "", err
	}
	var b strings.Builder
	done := map[string]bool{}
	for _, message := range []string{"Request", "Reply"} {
		for _, name := range reachable(&root, message) {
			def := root.Definitions[name]
			if done[name] || def == nil || def.Properties == nil {
				continue
			}
			done[name] = true
			fmt.Fprintf(&b, "### %s\n\n%s\n\n", name, plain(sentence(def.Description, def)))
			if def.Properties.Len() == 0 {
				continue
			}
			b.WriteString("| field | value | meaning |\n|---|---|---|\n")
			if err := protocolRows(&b, def); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
			b.WriteString("\n")
		}
	}
	return b.String(), nil
}

// protocolRows are the rows of one object. Fields that share a comment in the Go
// type say so once.
func protocolRows(b *strings.Builder, def *jsonschema.Schema) error {
	required := map[string]bool{}
	for _, r := range def.Required {
		required[r] = true
	}
	for p := def.Properties.Oldest(); p != nil; p = p.Next() {
		kind, err := protocolKind(p.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Key, err)
		}
		if required[p.Key] {
			kind += "; required"
		}
		b.WriteString(row(code(p.Key), kind, plain(sentence(p.Value.Description, def))))
	}
	return nil
}

func protocolKind(s *jsonschema.Schema) (string, error) {
	if s.Type == "array" && s.Items != nil && s.Items.Type == "array" {
		return "list of `[name, value]`", nil
	}
	if s.Type == "string" && s.ContentEncoding == "base64" {
		return "base64", nil
	}
	return describe(s)
}
