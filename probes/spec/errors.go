package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// DecodeError is one thing that is wrong with a document.
type DecodeError struct {
	Source  int // index of the argument of Decode
	Doc     int // index of the document over all arguments, from 0
	Line    int // 1-based, in the argument; 0 when unknown
	Column  int // 1-based; 0 when unknown
	Path    string
	Message string
	Help    string // "did you mean ...?"; may be empty
}

// Error gives "document 1, 12:7: spec.x: message (help)".
func (e *DecodeError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "document %d", e.Doc)
	if e.Line > 0 {
		fmt.Fprintf(&b, ", %d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	if e.Help != "" {
		b.WriteString(" (" + e.Help + ")")
	}
	return b.String()
}

// DecodeErrors is everything that is wrong with a stream, in the order of the
// text.
type DecodeErrors []*DecodeError

// Error gives one line per error.
func (e DecodeErrors) Error() string {
	lines := make([]string, len(e))
	for i, d := range e {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the single errors.
func (e DecodeErrors) Unwrap() []error {
	all := make([]error, len(e))
	for i, d := range e {
		all[i] = d
	}
	return all
}

func (e DecodeErrors) sorted() DecodeErrors {
	slices.SortStableFunc(e, func(a, b *DecodeError) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Doc, b.Doc),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return e
}
