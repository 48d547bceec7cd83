package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// MaxFileSize is the greatest size of a scenario file in bytes.
const MaxFileSize = 1 << 20

// stream is a file cut into its documents.
type stream struct {
	file      string
	list      diag.List
	scenario  *yaml.Node
	manifests []byte // the file with the lines of the Scenario blanked
	machines  int    // documents that are not the Scenario
	broken    bool   // a document is not YAML: the rest cannot be judged as a whole
}

// chunk is the text between two "---" lines.
type chunk struct {
	firstLine  int // from 0
	begin, end int // in the file
	text       []byte
}

// readStream checks the text and finds the Scenario in it.
func readStream(file string, data []byte) *stream {
	s := &stream{file: file}
	if !s.checkText(data) {
		s.broken = true
		return s
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	blank := bytes.Clone(data)
	for _, c := range cut(data) {
		root := s.parse(c)
		if root == nil {
			continue
		}
		if !isScenario(root) {
			s.machines++
			if s.scenario != nil {
				s.list.Add(diag.Stream, syntax.Pos(file, root), "move it above the Scenario", "a manifest after the Scenario")
			}
			continue
		}
		for i := c.begin; i < c.end; i++ {
			if blank[i] != '\n' {
				blank[i] = ' '
			}
		}
		if s.scenario != nil {
			s.list.Add(diag.Stream, syntax.Pos(file, root), "one file holds one Scenario", "a second Scenario; the first is in line %d", s.scenario.Line)
			continue
		}
		s.scenario = root
	}
	s.manifests = blank
	if s.scenario == nil && !s.broken {
		s.list.Add(diag.Stream, Pos{File: file}, "add a document with apiVersion: "+syntax.APIVersion+" and kind: Scenario", "no Scenario in the file")
	}
	return s
}

// checkText refuses what is no UTF-8 text of a sane size.
func (s *stream) checkText(data []byte) bool {
	pos := Pos{File: s.file, Line: 1, Col: 1}
	switch {
	case len(data) > MaxFileSize:
		s.list.Add(diag.TooBig, pos, "", "the file has %d bytes, more than %d", len(data), MaxFileSize)
		return false
	case len(bytes.TrimSpace(data)) == 0:
		s.list.Add(diag.Stream, Pos{File: s.file}, "", "the file is empty")
		return false
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), bytes.IndexByte(data[:min(len(data), 64)], 0) >= 0:
		s.list.Add(diag.Encoding, pos, "save it as UTF-8", "the file is UTF-16 or binary")
		return false
	}
	line := 1
	for rest := data; len(rest) > 0; line++ {
		text, after, _ := bytes.Cut(rest, []byte("\n"))
		if at := badRune(text); at >= 0 {
			pos.Line, pos.Col = line, utf8.RuneCount(text[:at])+1
			what, help := "is no UTF-8 text", "save it as UTF-8"
			if text[at] < utf8.RuneSelf {
				what, help = "is a control character", "YAML allows none; write it as an escape in double quotes"
			}
			s.list.Add(diag.Encoding, pos, help, "byte 0x%02x %s", text[at], what)
			return false
		}
		rest = after
	}
	return true
}

// badRune finds the first byte that is neither UTF-8 nor printable nor a tab
// or carriage return.
func badRune(line []byte) int {
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\t' && r != '\r' || r == 0x7f {
			return i
		}
		i += size
	}
	return -1
}

// cut finds the documents as kubectl does: at lines that begin with "---".
func cut(data []byte) []chunk {
	var out []chunk
	begin, firstLine, line := 0, 0, 0
	for at := 0; at < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if isSeparator(data[at:end]) && at > 0 {
			out = append(out, chunk{firstLine, begin, at, data[begin:at]})
			begin, firstLine = at, line
		}
		at = end
	}
	return append(out, chunk{firstLine, begin, len(data), data[begin:]})
}

func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

// parse reads one document; nil for an empty or broken one.
func (s *stream) parse(c chunk) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(c.text))
	if err != nil {
		s.syntax(c, err)
		return nil
	}
	var doc, more yaml.Node
	if err := loader.Load(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			s.syntax(c, err)
		}
		return nil
	}
	if err := loader.Load(&more); err == nil {
		s.list.Add(diag.Stream, Pos{File: s.file, Line: c.firstLine + more.Line, Col: 1}, `put "---" between documents`, "a second document without a separator")
	} else if !errors.Is(err, io.EOF) {
		s.syntax(c, err)
		return nil
	}
	if len(doc.Content) != 1 || doc.Content[0].Tag == "!!null" {
		return nil
	}
	root := doc.Content[0]
	shift(root, c.firstLine)
	if n := oversized(root); n != nil {
		s.broken = true
		s.list.Add(diag.TooBig, syntax.Pos(s.file, n), "", "more than %d values or deeper than %d levels once aliases are followed", syntax.MaxValues, maxManifestDepth)
		return nil
	}
	return root
}

func (s *stream) syntax(c chunk, err error) {
	s.broken = true
	pos, message := Pos{File: s.file, Line: c.firstLine + 1, Col: 1}, err.Error()
	if one, ok := errors.AsType[*yaml.LoadError](err); ok {
		message = one.Message
		if one.Mark.Line > 0 {
			pos.Line, pos.Col = c.firstLine+one.Mark.Line, max(one.Mark.Column, 1)
		}
		if one.ContextMsg != "" {
			message = fmt.Sprintf("%s, %s in line %d", message, one.ContextMsg, c.firstLine+one.ContextMark.Line)
		}
	}
	help := ""
	switch {
	case strings.Contains(message, "tab character"), strings.Contains(message, "cannot start any token") && s.tabAt(c, pos):
		help = "indent with blanks"
	case strings.Contains(message, "did not find expected ',' or '"):
		help = "close the bracket, or quote the text"
	}
	s.list.Add(diag.YAML, pos, help, "%s", message)
}

func (s *stream) tabAt(c chunk, pos Pos) bool {
	lines := bytes.Split(c.text, []byte("\n"))
	i := pos.Line - c.firstLine - 1
	return i >= 0 && i < len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[i], " "), []byte("\t"))
}

func shift(n *yaml.Node, lines int) {
	n.Line += lines
	for _, c := range n.Content {
		shift(c, lines)
	}
}

// maxManifestDepth bounds the nesting of a manifest.
const maxManifestDepth = 100

// oversized finds the place where a document passes the limits once aliases
// are followed.
func oversized(root *yaml.Node) *yaml.Node {
	left := syntax.MaxValues
	var walk func(n *yaml.Node, depth int) *yaml.Node
	walk = func(n *yaml.Node, depth int) *yaml.Node {
		left--
		if left < 0 || depth > maxManifestDepth {
			return n
		}
		if n.Kind == yaml.AliasNode && n.Alias != nil {
			return walk(n.Alias, depth+1)
		}
		for _, c := range n.Content {
			if bad := walk(c, depth+1); bad != nil {
				return bad
			}
		}
		return nil
	}
	return walk(root, 0)
}

// isScenario recognises our own document, also when its header has a typo.
func isScenario(root *yaml.Node) bool {
	group, _, _ := strings.Cut(text(root, "apiVersion"), "/")
	kind := text(root, "kind")
	return group == "vmprobe.dev" || kind == syntax.Kind || len(diag.Suggest(kind, []string{syntax.Kind})) > 0 ||
		len(diag.Suggest(group, []string{"vmprobe.dev"})) > 0
}

// text is the scalar at a key of a mapping.
func text(n *yaml.Node, key string) string {
	if v := valueAt(n, key); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

func valueAt(n *yaml.Node, key string) *yaml.Node {
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
