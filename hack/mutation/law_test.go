package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// deviating has one of every way in which a package asks its Rules.
const deviating = `package sample

type Rules struct {
	On  bool
	Add int
}

type Worker struct {
	rules *Rules
	n     int
}

func (r *Rules) on() bool            { return r != nil && r.On }
func (r *Rules) sum(law int) int {
	if r != nil {
		return law + r.Add
	}
	return law
}
func (r *Rules) limit() int {
	switch {
	case r == nil:
	case r.On:
		return 70
	}
	return 7
}
func (r *Rules) passes(n int) bool { return n > 5 && (r == nil || !r.On) }

func (w *Worker) Count(n int) int {
	if n < 2 || w.rules.on() {
		w.n++
	}
	if !w.rules.on() {
		w.n += 4
	}
	if w.rules != nil {
		w.deviate()
		w.n = 80
	}
	if w.rules.passes(n) {
		w.n -= w.rules.limit()
	}
	w.look(n)
	return w.rules.sum(w.n + n)
}

func (w *Worker) look(n int) {
	if w.rules == nil {
		return
	}
	w.n = 81 + n
}

func (w *Worker) deviate() { w.n = 82 }
`

func deviatingFinder(t *testing.T, text string) *finder {
	t.Helper()
	s := &source{dir: "sample", fset: token.NewFileSet()}
	f := &sourceFile{name: "sample/sample.go", text: []byte(text)}
	var err error
	if f.tree, err = parser.ParseFile(s.fset, f.name, f.text, parser.SkipObjectResolution); err != nil {
		t.Fatal(err)
	}
	s.files = []*sourceFile{f}
	if err := s.check([]*ast.File{f.tree}, nil); err != nil {
		t.Fatal(err)
	}
	return find(s, 1, 1)
}

// What Rules decide is left alone, what the law says is not, wherever it
// stands.
func TestOnlyTheLawIsMutated(t *testing.T) {
	d := deviatingFinder(t, deviating)
	var got []string
	for _, m := range d.mutants {
		got = append(got, m.function+": "+m.from+" => "+m.to)
	}
	for _, want := range []string{
		"Worker.Count: n < 2 => true", "Worker.Count: n < 2 => n <= 2", "Worker.Count: w.n++ => (dropped)",
		"Worker.Count: 4 => 5", "Worker.Count: w.n + n => w.n - n", "Worker.Count: w.rules.passes(n) => false",
		"Rules.passes: n > 5 => n >= 5", "Rules.passes: 5 => 6", "Rules.limit: 7 => 8",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no mutant %q", want)
		}
	}
	for _, m := range got {
		for _, part := range []string{"70", "80", "81", "82", "!= nil", "== nil", "on()", "r.On", "r.Add", "Worker.look", "w.look", "Rules.sum"} {
			if strings.Contains(m, part) {
				t.Errorf("mutant of a switch: %s", m)
			}
		}
	}
	for _, want := range []string{
		"sample/sample.go:31: w.rules.on()", "sample/sample.go:34: !w.rules.on()", "sample/sample.go:37: w.rules != nil",
		"sample/sample.go:44: w.look(n)", "sample/sample.go:55: deviate",
	} {
		if !slices.Contains(d.seams, want) {
			t.Errorf("seam %q is not listed", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(got, "\n"), "\n", strings.Join(d.seams, "\n"))
	}
}

// A type of another name means nothing to the tool: all of it is mutated.
func TestOtherSwitchesAreMutated(t *testing.T) {
	d := deviatingFinder(t, strings.ReplaceAll(deviating, "Rules", "Options"))
	if len(d.seams) > 0 {
		t.Errorf("seams %q", d.seams)
	}
	if n := len(deviatingFinder(t, deviating).mutants); len(d.mutants) < 2*n {
		t.Errorf("%d mutants, %d of them of the law", len(d.mutants), n)
	}
}
