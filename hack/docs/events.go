package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// fieldNames are the Go fields of an event; their names on the wire are in
// lower case.
var fieldNames = regexp.MustCompile(`\b(Probe|Attempt|Try|Class|OK|Value|Msg)\b`)

// events lists the kinds of trace events with the comments beside them.
func events(f *facts) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(f.root, "sim/trace/event.go"), nil, parser.ParseComments)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| kind | fields beside `t`, `vm`, `instance` |\n|---|---|\n")
	rows := 0
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, s := range group.Specs {
			v := s.(*ast.ValueSpec) // what a const declaration holds
			lit, ok := v.Values[0].(*ast.BasicLit)
			if typ, named := v.Type.(*ast.Ident); !ok || !named || typ.Name != "Kind" {
				continue
			}
			name, err := strconv.Unquote(lit.Value)
			if err != nil {
				return "", err
			}
			text := v.Comment.Text()
			if doc := v.Doc.Text(); len(strings.Fields(doc)) > 1 { // one word is the heading of a group
				text = doc + text
			}
			text = fieldNames.ReplaceAllStringFunc(text, func(f string) string { return code(strings.ToLower(f)) })
			b.WriteString(row(code(name), plain(text)))
			rows++
		}
	}
	if rows == 0 {
		return "", fmt.Errorf("no kinds found in sim/trace/event.go")
	}
	return b.String(), nil
}
