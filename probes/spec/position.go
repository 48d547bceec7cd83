package spec

import (
	"errors"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Position is a place in a stream; lines and columns count from 1, and the
// zero value means unknown.
type Position struct{ Line, Column int }

// source is the YAML that an object was decoded from.
type source struct {
	index     int // of the argument of Decode
	node      *yaml.Node
	firstLine int
}

// Source is the index of the argument of Decode that holds the machine.
func (m *Machine) Source() int { return m.source.index }

// Position finds a field path (spec.template.spec.readinessProbe.httpGet.port,
// spec.volumes[1].name) in the text; a field that is not written gives the
// place of its nearest parent that is.
func (m *Machine) Position(path string) Position {
	return m.source.position(path)
}

// Written tells whether the manifest itself has the field.
func (m *Machine) Written(path string) bool {
	_, exact := lookup(m.source.node, path)
	return exact
}

func (s source) position(path string) Position {
	n, _ := lookup(s.node, path)
	if n == nil {
		return Position{}
	}
	return Position{Line: n.Line + s.firstLine, Column: n.Column}
}

// lookup walks as far as the path goes. For a mapping entry it returns the key.
func lookup(n *yaml.Node, path string) (place *yaml.Node, exact bool) {
	if n == nil {
		return nil, false
	}
	place = n
	for _, step := range steps(path) {
		key, value := child(n, step)
		if value == nil {
			return place, false
		}
		place, n = key, value
	}
	return place, true
}

// steps cuts a.b[2].c into a, b, [2], c.
func steps(path string) []string {
	var all []string
	for part := range strings.SplitSeq(path, ".") {
		name, rest, indexed := strings.Cut(part, "[")
		if name != "" {
			all = append(all, name)
		}
		for indexed {
			var index string
			index, rest, _ = strings.Cut(rest, "]")
			all = append(all, "["+index)
			_, rest, indexed = strings.Cut(rest, "[")
		}
	}
	return all
}

func child(n *yaml.Node, step string) (key, value *yaml.Node) {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	if index, ok := strings.CutPrefix(step, "["); ok {
		i, err := strconv.Atoi(index)
		if err != nil || n.Kind != yaml.SequenceNode || i < 0 || i >= len(n.Content) {
			return nil, nil
		}
		return n.Content[i], n.Content[i]
	}
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == step {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// Document is the manifest as it was written, with all of its fields, also those
// that nobody knows.
func (m *Machine) Document() (map[string]any, error) {
	out := map[string]any{}
	if m.source.node == nil {
		return nil, errors.New("the manifest was not read from a text")
	}
	return out, m.source.node.Decode(&out)
}
