package syntax

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Variant is one value of a vary name.
type Variant struct {
	Label string // names the run: the value itself, or the key of a mapping
	Node  *yaml.Node
}

// Vars binds vary names to the values of one run. The nil *Vars has none.
type Vars struct {
	values map[string]Variant
	used   map[string]bool // shared by all runs of a file
}

// NewVars makes a binding; used collects the names that are looked up.
func NewVars(values map[string]Variant, used map[string]bool) *Vars {
	return &Vars{values: values, used: used}
}

// Names are the bound names, sorted.
func (v *Vars) Names() []string {
	if v == nil {
		return nil
	}
	return sortedKeys(v.values)
}

var (
	wholeVar = regexp.MustCompile(`^\$([A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)*)$`)
	partVar  = regexp.MustCompile(`\$([a-z][A-Za-z0-9]*(?:\.[A-Za-z0-9_]+)*)`)
)

// whole gives the value of a scalar that is nothing but "$name" or
// "$name.key"; bad is the name when there is none such.
func (v *Vars) whole(n *yaml.Node) (value *yaml.Node, bad string) {
	if v == nil || n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		return nil, ""
	}
	m := wholeVar.FindStringSubmatch(n.Value)
	if m == nil {
		return nil, ""
	}
	if value = v.find(m[1]); value == nil {
		return nil, m[1]
	}
	return value, ""
}

// find walks $name.key.key.
func (v *Vars) find(path string) *yaml.Node {
	if v == nil {
		return nil
	}
	name, rest, more := strings.Cut(path, ".")
	val, ok := v.values[name]
	if !ok {
		return nil
	}
	v.used[name] = true
	n := val.Node
	for more {
		name, rest, more = strings.Cut(rest, ".")
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		at := -1
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				at = i + 1
			}
		}
		if at < 0 {
			return nil
		}
		n = n.Content[at]
	}
	return n
}

// Lookup gives the text of $path for a formula.
func (v *Vars) Lookup(path string) (string, bool) {
	n := v.find(path)
	if n == nil || n.Kind != yaml.ScalarNode {
		return "", false
	}
	return n.Value, true
}

// expand replaces the known $names inside a text; others stay as they are,
// because bodies and commands have dollars of their own.
func (v *Vars) expand(s string) string {
	if v == nil || !strings.Contains(s, "$") {
		return s
	}
	return partVar.ReplaceAllStringFunc(s, func(m string) string {
		if text, ok := v.Lookup(m[1:]); ok {
			return text
		}
		return m
	})
}

// VaryOf reads spec.vary of a document without judging it: the names in
// order and their variants. Decode tells what is wrong with it.
func VaryOf(root *yaml.Node) (names []string, variants map[string][]Variant) {
	variants = map[string][]Variant{}
	vary := entry(entry(root, "spec"), "vary")
	if vary == nil || vary.Kind != yaml.MappingNode {
		return nil, variants
	}
	for i := 0; i+1 < len(vary.Content); i += 2 {
		key, value := vary.Content[i], vary.Content[i+1]
		if vs := variantsOf(value); len(vs) > 0 && variants[key.Value] == nil {
			names = append(names, key.Value)
			variants[key.Value] = vs
		}
	}
	slices.Sort(names)
	return names, variants
}

func variantsOf(n *yaml.Node) []Variant {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	var out []Variant
	switch {
	case n == nil:
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if item.Kind == yaml.ScalarNode {
				out = append(out, Variant{Label: item.Value, Node: item})
			}
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			out = append(out, Variant{Label: n.Content[i].Value, Node: n.Content[i+1]})
		}
	}
	return out
}

func entry(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
