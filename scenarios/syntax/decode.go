package syntax

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Limits of a document. A scenario of a few hundred lines has a few thousand
// values; the rest is an accident or an attack.
const (
	MaxDepth  = 40     // nesting of lists and mappings
	MaxValues = 200000 // values after aliases are followed
)

// decoder fills Go values from nodes by reflection and collects everything
// that is wrong.
type decoder struct {
	file   string
	vars   *Vars
	list   diag.List
	values int
	depth  int
	over   bool // a limit was hit; told once
}

// Decode reads the Scenario document with one binding of its vary names.
func Decode(file string, root *yaml.Node, vars *Vars) (*Document, diag.List) {
	d := &decoder{file: file, vars: vars}
	doc := &Document{}
	d.value(root, reflect.ValueOf(doc).Elem())
	return doc, d.list
}

// custom is implemented by types whose YAML is not their Go shape.
type custom interface {
	decodeYAML(d *decoder, n *yaml.Node)
}

// keyed takes the keys of a mapping that are no fields; false: unknown.
type keyed interface {
	decodeKey(d *decoder, key, value *yaml.Node) bool
}

func (d *decoder) pos(n *yaml.Node) diag.Pos { return Pos(d.file, n) }

// Pos is the place of a node.
func Pos(file string, n *yaml.Node) diag.Pos {
	p := diag.Pos{File: file, Line: n.Line, Col: n.Column}
	if n.Kind != yaml.ScalarNode || strings.Contains(n.Value, "\n") {
		return p
	}
	width := utf8.RuneCountInString(n.Value)
	switch {
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		width += 2
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return p
	}
	p.EndCol = p.Col + width
	return p
}

func (d *decoder) fail(code diag.Code, n *yaml.Node, help, format string, args ...any) {
	d.list.Add(code, d.pos(n), help, format, args...)
}

// enter counts a value against the limits and follows aliases and $names.
func (d *decoder) enter(n *yaml.Node) (*yaml.Node, bool) {
	d.values++
	if d.values > MaxValues || d.depth > MaxDepth {
		if !d.over {
			d.over = true
			d.fail(diag.TooBig, n, "", "more than %d values or deeper than %d levels once aliases are followed", MaxValues, MaxDepth)
		}
		return nil, false
	}
	if n.Kind == yaml.AliasNode {
		if n.Alias == nil {
			return nil, false
		}
		n = n.Alias
	}
	if v, bad := d.vars.whole(n); bad != "" {
		d.unknownVary(n, bad)
		return nil, false
	} else if v != nil {
		return d.deeper(v)
	}
	return n, true
}

func (d *decoder) deeper(n *yaml.Node) (*yaml.Node, bool) {
	d.depth++
	defer func() { d.depth-- }()
	return d.enter(n)
}

func (d *decoder) unknownVary(n *yaml.Node, name string) {
	d.fail(diag.UnknownVary, n, diag.DidYouMean(name, d.vars.Names()), "no vary name %q", "$"+name)
}

func (d *decoder) value(n *yaml.Node, v reflect.Value) {
	n, ok := d.enter(n)
	if !ok {
		return
	}
	d.depth++
	defer func() { d.depth-- }()
	if v.CanAddr() {
		switch c := v.Addr().Interface().(type) {
		case enumerated: // before custom: a Text inside is custom too
			d.enum(n, v, c.Values())
			return
		case custom:
			c.decodeYAML(d, n)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem())
	case reflect.Struct:
		d.mapping(n, v)
	case reflect.Slice:
		d.sequence(n, v)
	case reflect.Map:
		d.dictionary(n, v)
	default:
		d.scalar(n, v)
	}
}

func (d *decoder) enum(n *yaml.Node, v reflect.Value, values []string) {
	s, ok := d.text(n)
	if !ok {
		return
	}
	if !slices.Contains(values, s) {
		d.fail(diag.UnknownValue, n, diag.DidYouMean(s, values), "unknown value %q", s)
		return
	}
	v.FieldByName("S").SetString(s)
	v.FieldByName("Pos").Set(reflect.ValueOf(d.pos(n)))
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.value(item, v.Index(i))
	}
}

// dictionary keeps the place of each key in a field Keys of the struct that
// holds the map; see mapping.
func (d *decoder) dictionary(n *yaml.Node, v reflect.Value) {
	if !d.isMapping(n) {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, func(key, value *yaml.Node) {
		d.checkKey(key, v.Type().Elem())
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(value, item)
		v.SetMapIndex(reflect.ValueOf(key.Value), item)
	})
}

// checkKey: formulas use the keys of let and vary as names.
func (d *decoder) checkKey(key *yaml.Node, of reflect.Type) {
	named := of == reflect.TypeFor[Formula]() || of == reflect.TypeFor[Variants]()
	if named && !nameRE.MatchString(key.Value) {
		help := "write it in camelCase, letters and digits only"
		if strings.HasSuffix(key.Value, ")") {
			help = "a comma splits a flow mapping: quote the formula, or give it a line of its own"
		}
		d.fail(diag.BadName, key, help, "%q is not a name", abbreviate(key.Value))
	}
}

// pairs visits the entries of a mapping once per key.
func (d *decoder) pairs(n *yaml.Node, visit func(key, value *yaml.Node)) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !PlainKey(key) {
			d.fail(diag.NoMergeKeys, key, "", "merge keys and keys that are not plain text are not supported here")
			continue
		}
		if first, ok := seen[key.Value]; ok {
			d.list.Add(diag.DuplicateKey, d.pos(key), "", "%q is already given in line %d", key.Value, first)
			continue
		}
		seen[key.Value] = key.Line
		visit(key, value)
	}
}

// PlainKey tells whether a mapping key is ordinary text.
func PlainKey(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Tag != "!!merge" &&
		(key.Value != "<<" || key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0)
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value) {
	if !d.isMapping(n) {
		return
	}
	fields := fieldsOf(v)
	if p := v.FieldByName("Pos"); p.IsValid() {
		p.Set(reflect.ValueOf(d.pos(n)))
	}
	keys := map[string]diag.Pos{}
	given := map[string]bool{}
	d.pairs(n, func(key, value *yaml.Node) {
		given[key.Value] = true
		keys[key.Value] = d.pos(key)
		f, ok := fields[key.Value]
		if !ok {
			d.otherKey(key, value, v, fields)
			return
		}
		if f.value.Kind() == reflect.Map {
			d.mapKeys(keys, key.Value, value)
		}
		before := len(d.list)
		d.value(value, f.value)
		if len(d.list) == before {
			d.limits(value, f)
		}
	})
	if k := v.FieldByName("Keys"); k.IsValid() {
		k.Set(reflect.ValueOf(keys))
	}
	for _, name := range sortedKeys(fields) {
		if f := fields[name]; f.required && !given[name] {
			d.fail(diag.MissingField, n, "", "field %q is missing", name)
		}
	}
}

func (d *decoder) otherKey(key, value *yaml.Node, v reflect.Value, fields map[string]field) {
	if k, ok := reflect.TypeAssert[keyed](v.Addr()); ok && k.decodeKey(d, key, value) {
		return
	}
	names := sortedKeys(fields)
	help := diag.DidYouMean(key.Value, names)
	d.fail(diag.UnknownField, key, help, "unknown field %q", key.Value)
}

// mapKeys notes the places of the keys of a map as "field.key".
func (d *decoder) mapKeys(keys map[string]diag.Pos, name string, n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		keys[name+"."+n.Content[i].Value] = d.pos(n.Content[i])
	}
}

// limits checks minimum, maximum, minItems and maxItems of the field's
// jsonschema tag, the same words that the schema carries.
func (d *decoder) limits(n *yaml.Node, f field) {
	number := int64(0)
	switch v := f.value.Interface().(type) {
	case Int:
		number = v.N
	default:
		if f.value.Kind() == reflect.Slice {
			number = int64(f.value.Len())
		}
		if values := FakeVMEnums[f.name]; f.foreign && values != nil && !slices.Contains(values, f.value.String()) {
			d.fail(diag.UnknownValue, n, diag.DidYouMean(f.value.String(), values), "unknown value %q", f.value.String())
		}
	}
	for part := range strings.SplitSeq(f.tag, ",") {
		name, text, _ := strings.Cut(part, "=")
		bound, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue
		}
		switch {
		case name == "minimum" && number < bound:
			d.fail(diag.OutOfRange, n, "", "%d is too small: at least %d", number, bound)
		case name == "maximum" && number > bound:
			d.fail(diag.OutOfRange, n, "", "%d is too big: at most %d", number, bound)
		case name == "minItems" && number < bound, name == "maxItems" && number > bound:
			d.fail(diag.WrongType, n, "", "expected %d items, found %d", bound, number)
			return
		}
	}
}

type field struct {
	name     string
	foreign  bool // a field of package fakevm, which has no tags for limits
	value    reflect.Value
	required bool
	tag      string
}

// fieldsOf lists the YAML fields of a struct, those of embedded structs too.
func fieldsOf(v reflect.Value) map[string]field {
	out := map[string]field{}
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		tag := sf.Tag.Get("json")
		if !sf.IsExported() || tag == "-" {
			continue
		}
		if sf.Anonymous && tag == "" {
			for name, f := range fieldsOf(v.Field(i)) {
				if _, ok := out[name]; !ok {
					out[name] = f
				}
			}
			continue
		}
		name, opts, _ := strings.Cut(tag, ",")
		if name == "" {
			name = strings.ToLower(sf.Name[:1]) + sf.Name[1:]
		}
		out[name] = field{
			name: name, foreign: strings.HasSuffix(v.Type().PkgPath(), "/fakevm"),
			value: v.Field(i), required: tag != "" && !strings.Contains(opts, "omit"),
			tag: sf.Tag.Get("jsonschema"),
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
