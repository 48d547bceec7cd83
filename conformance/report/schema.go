package report

import (
	_ "embed"
	"slices"
)

//go:embed report.schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of a report as yaml or json. It is
// generated from the types of this package by hack/schema; that sums follow from
// runs, and the digest from the rest, is not in it.
func Schema() []byte { return slices.Clone(schema) }
