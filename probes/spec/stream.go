package spec

import (
	"bytes"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v4"
	sigsyaml "sigs.k8s.io/yaml"
)

// document is one YAML document of a stream.
type document struct {
	source, index int
	firstLine     int // line of its first byte in the stream, from 0
	text          []byte
	root          *yaml.Node // nil when the text is empty or does not parse
	json          []byte     // as kubectl would send it
}

// split cuts a stream at its "---" lines, as kubectl does.
func split(text []byte) []document {
	var docs []document
	begin, firstLine, line := 0, 0, 0
	for at := 0; at < len(text); line++ {
		next := bytes.IndexByte(text[at:], '\n')
		end := len(text)
		if next >= 0 {
			end = at + next + 1
		}
		if separator(text[at:end]) {
			docs = append(docs, document{firstLine: firstLine, text: text[begin:at]})
			begin, firstLine = end, line+1
		}
		at = end
	}
	return append(docs, document{firstLine: firstLine, text: text[begin:]})
}

func separator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok {
		return false
	}
	rest = bytes.TrimSpace(rest)
	return len(rest) == 0 || rest[0] == '#'
}

// parse fills root and json. YAML 1.1 rules decide the values (yes is true),
// because kubectl uses them; the second parser only supplies positions.
func (d *document) parse() []*DecodeError {
	text, err := sigsyaml.YAMLToJSONStrict(d.text)
	if err != nil {
		return d.yamlErrors(err)
	}
	d.json = text
	var node yaml.Node
	if yaml.Unmarshal(d.text, &node) == nil && len(node.Content) == 1 {
		d.root = node.Content[0]
	}
	return nil
}

var (
	yamlLine      = regexp.MustCompile(`line (\d+): ?`)
	yamlErrorLine = regexp.MustCompile(`(?m)^\s*(?:error converting YAML to JSON: )?(?:yaml: )?line (\d+): (.*)$`)
)

func (d *document) yamlErrors(err error) []*DecodeError {
	var all []*DecodeError
	for _, m := range yamlErrorLine.FindAllStringSubmatch(err.Error(), -1) {
		n, _ := strconv.Atoi(m[1])
		// The parser may point behind the last line.
		n = min(n, bytes.Count(d.text, []byte("\n"))+1)
		all = append(all, d.at(n, 1, "", m[2]))
	}
	if all == nil {
		all = append(all, d.at(0, 0, "", yamlLine.ReplaceAllString(err.Error(), "")))
	}
	return all
}

// at makes an error at a line of the document; 0 means unknown.
func (d *document) at(line, column int, path, message string) *DecodeError {
	if line > 0 {
		line += d.firstLine
	}
	return &DecodeError{
		Source: d.source, Doc: d.index, Line: line, Column: column, Path: path, Message: message,
	}
}
