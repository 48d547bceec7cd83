package protocol

import (
	_ "embed"
	"slices"
)

//go:embed protocol.schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of a line of a conversation. It is
// generated from the types of this package by hack/schema; what hangs on the
// message before is not in it.
func Schema() []byte { return slices.Clone(schema) }

// Words lists the values of a type that is one of some words; nil: it is not.
func Words(v any) []string {
	switch v.(type) {
	case Op:
		return []string{string(Hello), string(Open), string(Step), string(Close)}
	case Verb:
		return slices.Clone(verbs)
	case Happening:
		return slices.Clone(happenings)
	case Outcome:
		var list []string
		for _, o := range []Outcome{OK, Refused, Unreachable, Reset, Closed, Timeout, Malformed, TooLarge, Limit, Failed} {
			list = append(list, string(o))
		}
		return list
	}
	return nil
}
