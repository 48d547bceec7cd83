package protocol

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Violation is a breach of the protocol: never a verdict about probing.
type Violation struct {
	// Seq is the message at fault; 0: none in particular.
	Seq int64
	// Line is the line at fault, cut short, when no message names it; empty: it
	// is not known.
	Line string
	// Field is where in it, as in do[0].probe; empty: the message itself.
	Field string
	// What is wrong, and the Fix; the fix may be empty.
	What, Fix string
}

// Error names message, field, mistake and fix.
func (v *Violation) Error() string {
	var b strings.Builder
	if v.Seq > 0 {
		fmt.Fprintf(&b, "message %d", v.Seq)
	} else if v.Line != "" {
		b.WriteString("line " + v.Line)
	}
	if v.Field != "" {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "field %s", v.Field)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(v.What)
	if v.Fix != "" {
		b.WriteString("; " + v.Fix)
	}
	return b.String()
}

// ErrProtocol is the error of a prober that broke the protocol.
var ErrProtocol = errors.New("prober protocol")

// Broken is the error of a case whose prober broke the protocol.
type Broken struct {
	Violation *Violation
	Stderr    string // the end of what the prober wrote there; may be empty
}

// Error says what broke, and what the prober said on standard error.
func (b *Broken) Error() string {
	text := ErrProtocol.Error() + ": " + b.Violation.Error()
	if b.Stderr != "" {
		text += "\n  standard error of the prober ends with:\n    " + strings.ReplaceAll(b.Stderr, "\n", "\n    ")
	}
	return text
}

// Unwrap gives ErrProtocol and the violation.
func (b *Broken) Unwrap() []error { return []error{ErrProtocol, b.Violation} }

// checker collects the first violation of a message.
type checker struct {
	seq   int64
	line  string // when there is no seq
	list  string // the list whose element is being looked at; empty: the message itself
	index int
	first *Violation
}

func (c *checker) fail(field, fix, what string, args ...any) {
	if c.first != nil {
		return
	}
	if c.list != "" {
		field = fmt.Sprintf("%s[%d].%s", c.list, c.index, field)
	}
	c.first = &Violation{Seq: c.seq, Line: c.line, Field: field, What: fmt.Sprintf(what, args...), Fix: fix}
}

// oneOf wants a word of a list.
func (c *checker) oneOf(field, word string, words ...string) {
	if slices.Contains(words, word) {
		return
	}
	if word == "" {
		c.fail(field, "give one of "+strings.Join(words, ", "), "it is missing")
		return
	}
	c.fail(field, diag.DidYouMean(word, words), "unknown word %q", word)
}

// positive wants a number above 0.
func (c *checker) positive(field string, n int64) {
	if n <= 0 {
		c.fail(field, "give a positive number", "%d", n)
	}
}

// notNegative wants a number from 0 on.
func (c *checker) notNegative(field string, n int64) {
	if n < 0 {
		c.fail(field, "give a number from 0 on", "%d is negative", n)
	}
}

// given wants a text.
func (c *checker) given(field, text string) {
	if text == "" {
		c.fail(field, "add it", "it is missing")
	}
}
