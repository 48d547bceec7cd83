package scenarios

import (
	"bytes"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// ReadDocument reads a file that holds one YAML document of another kind than
// a scenario file, with the same limits and the same diagnostics. The root is
// nil when there is none.
func ReadDocument(file string, data []byte) (*yaml.Node, diag.List) {
	s := &stream{file: file}
	if !s.checkText(data) {
		return nil, s.list
	}
	var root *yaml.Node
	for _, c := range cut(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		next := s.parse(c)
		switch {
		case next == nil:
		case root != nil:
			s.list.Add(diag.Stream, syntax.Pos(file, next), "", "a second document in the file")
		default:
			root = next
		}
	}
	if root == nil && !s.broken {
		s.list.Add(diag.Stream, Pos{File: file}, "", "no document in the file")
	}
	return root, s.list
}
