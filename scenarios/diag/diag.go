// Package diag holds what a file can be told about itself: diagnostics with
// a code, a place and a suggestion, their renderings, and the explanation of
// each code. It is a leaf: everything that reads user input may use it.
package diag

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says whether a file with the diagnostic can be used.
type Severity string

// The severities. An error stops a run, a warning does not.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Pos is a place in a file. Line and Col count from 1, Col and EndCol in
// characters (not bytes); EndCol is exclusive, 0 when only the start is
// known. Line 0: the file as a whole.
type Pos struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Col    int    `json:"col,omitempty"`
	EndCol int    `json:"endCol,omitempty"`
}

// String is "file:line:col", without the parts that are not known.
func (p Pos) String() string {
	file := p.File
	if file == "" {
		file = "-"
	}
	switch {
	case p.Line == 0:
		return file
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", file, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", file, p.Line, p.Col)
}

// Diagnostic is one thing that is wrong with a file.
type Diagnostic struct {
	Code     Code     `json:"code"` // "S014": explained by Explain
	Severity Severity `json:"severity"`
	Pos      Pos      `json:"pos"`
	Message  string   `json:"message"`        // lower case, one sentence
	Help     string   `json:"help,omitempty"` // beside the caret: `did you mean "interval"?`
	Notes    []string `json:"notes,omitempty"`
}

// String is the first line of the text rendering.
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s: %s[%s]: %s", d.Pos, d.Severity, d.Code, d.Message)
}

// Error makes a Diagnostic usable as an error.
func (d Diagnostic) Error() string { return d.String() }

// List is a set of diagnostics. Producers append; Sort makes it presentable.
type List []Diagnostic

// Add appends a diagnostic; its severity is that of its code.
func (l *List) Add(code Code, pos Pos, help, format string, args ...any) {
	*l = append(*l, Diagnostic{
		Code: code, Severity: code.Severity(), Pos: pos,
		Message: fmt.Sprintf(format, args...), Help: help,
	})
}

// HasErrors tells whether any diagnostic is an error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sort orders by place, then severity (errors first), code and message, and
// drops repetitions: the same mistake seen in several runs of a scenario is
// told once.
func (l List) Sort() List {
	slices.SortStableFunc(l, compare)
	return slices.CompactFunc(l, func(a, b Diagnostic) bool { return compare(a, b) == 0 })
}

func compare(a, b Diagnostic) int {
	return cmp.Or(
		cmp.Compare(a.Pos.File, b.Pos.File),
		cmp.Compare(a.Pos.Line, b.Pos.Line),
		cmp.Compare(a.Pos.Col, b.Pos.Col),
		cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Message, b.Message),
	)
}

// Err is nil for a list without errors, otherwise an error that names the
// first and counts the rest.
func (l List) Err() error {
	n := 0
	var first Diagnostic
	for _, d := range l {
		if d.Severity != Error {
			continue
		}
		if n == 0 {
			first = d
		}
		n++
	}
	switch n {
	case 0:
		return nil
	case 1:
		return first
	}
	return fmt.Errorf("%w (and %d more)", first, n-1)
}
