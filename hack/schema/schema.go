package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

const module = "github.com/vmprobe/vmprobe"

// schema reflects the types and then says what reflection cannot know.
func schema(root string) (*jsonschema.Schema, error) {
	r := &jsonschema.Reflector{Anonymous: true, Mapper: mapped, KeyNamer: lowerFirst}
	if err := comments(r, root, "./scenarios/syntax", "./fakevm", "./probes"); err != nil {
		return nil, err
	}
	defs := jsonschema.Definitions{}
	for _, v := range []any{
		syntax.Document{},
		syntax.HTTPMapping{},
		syntax.TCPMapping{},
		syntax.AgentMapping{},
		syntax.ExecMapping{},
		syntax.HTTPStep{},
		syntax.TCPStep{},
		syntax.Change{},
		syntax.When{},
		syntax.PhaseChange{},
		syntax.ACPIDelay{},
	} {
		maps.Copy(defs, r.Reflect(v).Definitions)
	}
	finish(defs)
	isScenario := object("kind", &jsonschema.Schema{Const: syntax.Kind})
	isScenario.Required = []string{"kind"}
	return &jsonschema.Schema{
		Version: jsonschema.Version, Title: "vmprobe scenario",
		Description: "A document of a scenario file: the Scenario is checked, manifests are left to their own schemas.",
		If:          isScenario, Then: ref("Document"), Definitions: defs,
	}, nil
}

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }

func object(name string, value *jsonschema.Schema) *jsonschema.Schema {
	p := jsonschema.NewProperties()
	p.Set(name, value)
	return &jsonschema.Schema{Type: "object", Properties: p}
}

func pattern(p string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: p}
}

func integer(low, high string) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "integer", Minimum: json.Number(low)}
	if high != "" {
		s.Maximum = json.Number(high)
	}
	return s
}

func enum(values []string) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return s
}

func anyOf(of ...*jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{AnyOf: of} }

// Texts of the language. A "$" stands for the value of a vary name.
const (
	durations = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|\$`
	signed    = `^-?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|\$`
	times     = `( x[1-9][0-9]*| \.\.\.)?`
	variable  = `^\$[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_-]+)*$`
)

func reply(numbers string, low, high string, words []string, mapping string) *jsonschema.Schema {
	choice := strings.Join(words, "|")
	if numbers != "" {
		choice = numbers + "|" + choice
	}
	out := anyOf(pattern(`^(`+choice+`)`+times+`$|\$`), ref(mapping))
	if numbers != "" {
		out.AnyOf = append(out.AnyOf, integer(low, high))
	}
	return out
}

// mapped gives the schema of the types whose YAML is not their Go shape.
func mapped(t reflect.Type) *jsonschema.Schema {
	switch v := reflect.New(t).Elem().Interface().(type) {
	case interface{ Values() []string }:
		return enum(v.Values())
	case syntax.Text:
		return &jsonschema.Schema{Type: "string"}
	case syntax.Date:
		return pattern(syntax.DatePattern)
	case syntax.Name:
		return pattern(syntax.NamePattern)
	case syntax.Ident:
		return pattern(syntax.IdentPattern)
	case syntax.Formula:
		return anyOf(&jsonschema.Schema{Type: "string"}, &jsonschema.Schema{Type: "number"})
	case syntax.Dur, time.Duration:
		return pattern(durations)
	case syntax.SignedDur:
		return pattern(signed)
	case syntax.Int:
		return integer("0", "")
	case fakevm.End:
		return enum(syntax.EndValues)
	case syntax.ACPI:
		return anyOf(&jsonschema.Schema{Const: "ignore"}, ref("ACPIDelay"))
	case syntax.Connect:
		return pattern(`^(refused|blackhole|unaccepted)$|` + durations)
	case syntax.Times:
		return anyOf(&jsonschema.Schema{Const: "..."}, integer("1", "1000000"))
	case syntax.HTTPAnswer:
		return reply("[1-9][0-9]{2}", "100", "999", syntax.HTTPWords, "HTTPMapping")
	case syntax.TCPAnswer:
		return reply("", "", "", syntax.TCPWords, "TCPMapping")
	case syntax.AgentAnswer:
		return reply("", "", "", syntax.AgentWords, "AgentMapping")
	case syntax.ExecAnswer:
		return reply("0|[1-9][0-9]{0,9}", "0", "4294967295", syntax.ExecWords, "ExecMapping")
	}
	return mappedExpectation(t)
}

func mappedExpectation(t reflect.Type) *jsonschema.Schema {
	switch reflect.New(t).Elem().Interface().(type) {
	case syntax.HistoryItem:
		return anyOf(&jsonschema.Schema{Type: "boolean"}, ref("Change"))
	case syntax.PhaseItem:
		return anyOf(enum(syntax.PhaseName{}.Values()), ref("PhaseChange"))
	case syntax.Restarts:
		return anyOf(&jsonschema.Schema{Const: "none"}, &jsonschema.Schema{
			Type: "array", Items: anyOf(&jsonschema.Schema{Const: "more"}, ref("When")),
		})
	case syntax.ClassRun:
		return pattern(`^[SWFE]` + times + `$|\$`)
	case syntax.CountRun:
		return anyOf(integer("1", "1000"), pattern(`^[1-9][0-9]*`+times+`$|\$`))
	case syntax.Variants:
		one := uint64(1)
		return anyOf(&jsonschema.Schema{Type: "array", MinItems: &one, Items: anyOf(
			&jsonschema.Schema{Type: "string"}, &jsonschema.Schema{Type: "number"}, &jsonschema.Schema{Type: "boolean"},
		)}, &jsonschema.Schema{Type: "object", MinProperties: &one})
	}
	return nil
}

// finish adds ports, names, values and $names.
func finish(defs jsonschema.Definitions) {
	for _, name := range []string{"Guest", "Boot"} {
		defs[name].PatternProperties = map[string]*jsonschema.Schema{
			`^https?/[0-9]+$`: {Type: "array", Items: ref("HTTPStep")},
			`^tcp/[0-9]+$`:    {Type: "array", Items: ref("TCPStep")},
		}
	}
	spec := defs["Spec"].Properties
	for _, key := range []string{"vary", "let"} {
		p, _ := spec.Get(key)
		p.PropertyNames = pattern(syntax.NamePattern)
	}
	defs["Header"].Required = nil
	http := defs["HTTPMapping"].Properties
	for _, key := range slices.Sorted(maps.Keys(syntax.FakeVMEnums)) {
		p, _ := http.Get(key)
		p.Enum = enum(syntax.FakeVMEnums[key]).Enum
	}
	status, _ := http.Get("status")
	status.Maximum = "999"
	proxy, _ := defs["Prober"].Properties.Get("proxy")
	proxy.Pattern = syntax.AddressPattern
	defs["Vary"] = &jsonschema.Schema{Type: "string", Pattern: variable, Description: "The value of a vary name: $name or $name.key."}
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		if name != "Document" && name != "Metadata" && name != "Vary" {
			vary(defs[name])
		}
	}
}

// largest is the largest whole number of the language.
const largest = "9223372036854775807"

// vary allows $name wherever a value stands.
func vary(s *jsonschema.Schema) {
	if s.Properties != nil {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			vary(p.Value)
			p.Value = orVariable(p.Value)
		}
	}
	for _, sub := range []**jsonschema.Schema{&s.Items, &s.AdditionalProperties} {
		if *sub != nil && *sub != jsonschema.FalseSchema && (*sub).Not == nil {
			vary(*sub)
			*sub = orVariable(*sub)
		}
	}
	for key, p := range s.PatternProperties {
		vary(p)
		s.PatternProperties[key] = orVariable(p)
	}
	for _, p := range s.AnyOf {
		vary(p)
	}
	if s.Type == "integer" && s.Minimum == "" {
		s.Minimum = "0"
	}
	if s.Type == "integer" && s.Maximum == "" {
		s.Maximum = largest
	}
}

func orVariable(s *jsonschema.Schema) *jsonschema.Schema {
	if s.Type == "string" && s.Pattern == "" && s.Enum == nil {
		return s
	}
	description := s.Description
	s.Description = ""
	if s.Ref == "" && s.Type == "" && s.AnyOf != nil {
		s.AnyOf = append(s.AnyOf, ref("Vary"))
		s.Description = description
		return s
	}
	return &jsonschema.Schema{Description: description, AnyOf: []*jsonschema.Schema{s, ref("Vary")}}
}
