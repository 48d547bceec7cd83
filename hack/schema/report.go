package main

import (
	"encoding"
	"os"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/report"
)

// reportSchema is the schema of a ConformanceReport.
func reportSchema(root string) (*jsonschema.Schema, error) {
	r := &jsonschema.Reflector{Anonymous: true, Mapper: reported, Namer: withoutDoc}
	if err := comments(r, root, "./conformance/report", "./conformance/artifact"); err != nil {
		return nil, err
	}
	defs := r.Reflect(report.Document()).Definitions
	header(defs["Document"], report.APIVersion, report.Kind)
	return &jsonschema.Schema{
		Version: jsonschema.Version, Title: "vmprobe conformance report",
		Description: "What became of a run of the suite. The digest is the sha256 of the compact JSON of everything above it.",
		Ref:         "#/$defs/Document", Definitions: defs,
	}, nil
}

// withoutDoc names the types of the document as a reader would.
func withoutDoc(t reflect.Type) string {
	switch t.Name() {
	case "document":
		return "Document"
	case "docRun": // Run is how the suite was run
		return "CaseRun"
	}
	return strings.TrimPrefix(t.Name(), "doc")
}

// reported gives the schema of the types of a report that are written as text.
func reported(t reflect.Type) *jsonschema.Schema {
	switch {
	case t == reflect.TypeFor[report.Result]():
		return enum(report.ResultWords())
	case t.Kind() == reflect.String && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		var words []string
		for _, res := range judge.Results() {
			words = append(words, string(res))
		}
		return enum(words)
	case t.Kind() == reflect.Int64 && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return pattern(`^-?[0-9]+(\.[0-9]{1,9})?s$`)
	}
	return nil
}

// comments reads the comments of packages, which become descriptions.
func comments(r *jsonschema.Reflector, root string, dirs ...string) error {
	back, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil { // comments are found by relative paths
		return err
	}
	defer os.Chdir(back) //nolint:errcheck // it was there a moment ago
	for _, dir := range dirs {
		if err := r.AddGoComments(module, dir); err != nil {
			return err
		}
	}
	return nil
}
