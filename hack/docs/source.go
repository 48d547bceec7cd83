package main

import (
	"errors"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// testbed shows the interface as its file has it.
func testbed(f *facts) (string, error) {
	name := filepath.Join(f.root, "conformance/testbed/testbed.go")
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	_, from, ok := strings.Cut(string(data), "\ntype Testbed interface {")
	body, _, closed := strings.Cut(from, "\n}\n")
	if !ok || !closed {
		return "", errors.New("no interface Testbed in " + name)
	}
	return "```go\ntype Testbed interface {" + body + "\n}\n```\n", nil
}

// packages lists the packages in a folder with the first sentence about each.
func packages(folder string) func(*facts) (string, error) {
	return func(f *facts) (string, error) {
		dirs, err := filepath.Glob(filepath.Join(f.root, folder, "*"))
		if err != nil {
			return "", err
		}
		var b strings.Builder
		b.WriteString("| package | what it is |\n|---|---|\n")
		for _, dir := range dirs {
			synopsis, err := synopsis(dir)
			if err != nil {
				return "", err
			}
			if synopsis != "" {
				name := filepath.Base(dir)
				b.WriteString(row("["+name+"]("+name+")", plain(synopsis)))
			}
		}
		return b.String(), nil
	}
}

// aboutItself is what every package comment begins with.
var aboutItself = regexp.MustCompile(`^(Command|Package) [a-z]+ (is )?`)

// synopsis is the first sentence of a package comment.
func synopsis(dir string) (string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", err
	}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return "", err
		}
		if text := packageComment(f); text != "" {
			return aboutItself.ReplaceAllString(new(doc.Package).Synopsis(text), ""), nil
		}
	}
	return "", nil
}

func packageComment(f *ast.File) string {
	if f.Doc == nil {
		return ""
	}
	return f.Doc.Text()
}

// speed quotes the beginning of the benchmarks' README, up to its first
// section: what was measured, the tables and their conditions.
func speed(f *facts) (string, error) {
	name := filepath.Join(f.root, "sim/bench/README.md")
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	intro, _, _ := strings.Cut(string(data), "\n## ")
	var quoted []string
	tables := 0
	for b := range strings.SplitSeq(intro, "\n\n") {
		if strings.HasPrefix(b, "|") {
			tables++
		} else if !isProse(b) {
			continue
		}
		quoted = append(quoted, strings.TrimSpace(b))
	}
	if tables == 0 {
		return "", errors.New("no table in " + name)
	}
	return strings.Join(quoted, "\n\n"), nil
}

// isProse tells a paragraph from a heading, a table and a fenced block.
func isProse(block string) bool { return !strings.ContainsAny(block[:min(1, len(block))], "#|`<") }
