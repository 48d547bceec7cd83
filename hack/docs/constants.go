package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// constant is one constant of a type: its text on the wire and what its comment
// says.
type constant struct{ value, text string }

// constants lists those of a type in a file, in order. A comment is about the
// constants below it as well, as far as they have none, and begins after the name
// of its constant.
func constants(path, typeName string) ([]constant, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(path), nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var list []constant
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		last := ""
		for _, s := range group.Specs {
			v := s.(*ast.ValueSpec) // what a const declaration holds
			lit, ok := v.Values[0].(*ast.BasicLit)
			if typ, named := v.Type.(*ast.Ident); !ok || !named || typ.Name != typeName {
				continue
			}
			value, err := strconv.Unquote(lit.Value)
			if err != nil {
				return nil, err
			}
			text := comments(v)
			if text == "" {
				text = last
			}
			last = text
			text = strings.TrimPrefix(text, v.Names[0].Name+" ")
			list = append(list, constant{value, text})
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no constants of type %s in %s", typeName, path)
	}
	return list, nil
}

// comments are those before and beside a constant.
func comments(v *ast.ValueSpec) string {
	text := v.Comment.Text()
	if doc := v.Doc.Text(); len(strings.Fields(doc)) > 1 { // one word is the heading of a group
		text = doc + text
	}
	return text
}

// commentsOf reads those of every constant of the group that begins with the
// named one.
func commentsOf(path, first string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(path), nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || group.Specs[0].(*ast.ValueSpec).Names[0].Name != first {
			continue
		}
		var texts []string
		for _, s := range group.Specs {
			texts = append(texts, comments(s.(*ast.ValueSpec))) // what a const declaration holds
		}
		return texts, nil
	}
	return nil, fmt.Errorf("no constants from %s on in %s", first, path)
}
