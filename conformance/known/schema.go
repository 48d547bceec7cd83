package known

import (
	_ "embed"
	"slices"
)

//go:embed known-failing.schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of a list of known failures. It is
// generated from the types of package syntax by hack/schema; what needs the
// cases, or the day, is not in it.
func Schema() []byte { return slices.Clone(schema) }
