package scenarios

import (
	_ "embed"
	"slices"
)

//go:embed scenario.schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of a scenario file: of its Scenario
// document, manifests pass. It is generated from the types of package syntax
// by hack/schema; what needs the whole file is not in it.
func Schema() []byte { return slices.Clone(schema) }
