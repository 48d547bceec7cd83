package main

import (
	"github.com/invopop/jsonschema"

	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// knownSchema is the schema of a list of known failures.
func knownSchema(root string) (*jsonschema.Schema, error) {
	r := &jsonschema.Reflector{Anonymous: true, Mapper: mapped, KeyNamer: lowerFirst}
	if err := comments(r, root, "./scenarios/syntax"); err != nil {
		return nil, err
	}
	defs := r.Reflect(syntax.KnownFailing{}).Definitions
	header(defs["KnownFailing"], syntax.APIVersion, syntax.KnownKind)
	p, _ := defs["KnownEntry"].Properties.Get("issue")
	p.Pattern = "^https?://[^/]"
	return &jsonschema.Schema{
		Version: jsonschema.Version, Title: "vmprobe known failures",
		Description: "Failures of a prober that are accepted for a while.",
		Ref:         "#/$defs/KnownFailing", Definitions: defs,
	}, nil
}

// header fixes the version and the kind of a document.
func header(s *jsonschema.Schema, version, kind string) {
	for key, value := range map[string]string{"apiVersion": version, "kind": kind} {
		p, _ := s.Properties.Get(key)
		p.Const = value
	}
}
