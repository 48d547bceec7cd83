package main

import (
	"encoding/json"
	"maps"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/vmprobe/vmprobe/conformance/protocol"
)

// protocolSchema is the schema of the messages between suite and prober: a
// line is a Request, a Reply or a Report.
func protocolSchema(root string) (*jsonschema.Schema, error) {
	r := &jsonschema.Reflector{Anonymous: true, Mapper: words}
	if err := comments(r, root, "./conformance/protocol"); err != nil {
		return nil, err
	}
	defs := jsonschema.Definitions{}
	for _, v := range []any{protocol.Request{}, protocol.Reply{}, protocol.Report{}} {
		maps.Copy(defs, r.Reflect(v).Definitions)
	}
	// What the suite sends may grow; what a prober sends is refused when it is
	// not known.
	for _, name := range []string{"Request", "Event", "VM", "Probes", "HTTPAnswer", "Redirect", "AgentAnswer", "ExecAnswer", "DomainAnswer"} {
		defs[name].AdditionalProperties = nil
	}
	return &jsonschema.Schema{
		Version: jsonschema.Version, Title: "vmprobe prober protocol",
		Description: "One line of a conversation: a Request of the suite, the Reply of a prober, or its Report (sockets door).",
		AnyOf:       []*jsonschema.Schema{ref("Request"), ref("Reply"), ref("Report")}, Definitions: defs,
	}, nil
}

// words gives the schema of the types that are one of some words, and of a
// manifest.
func words(t reflect.Type) *jsonschema.Schema {
	if list := protocol.Words(reflect.New(t).Elem().Interface()); list != nil {
		return enum(list)
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		return &jsonschema.Schema{Type: "object"}
	}
	return nil
}
