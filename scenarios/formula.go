package scenarios

import "time"

// Formula is a parsed expression; see the package comment. The zero value is
// absent.
type Formula struct {
	Text string
	Pos  Pos
	root node
}

type node interface{}

// Names gives values to the names of a formula.
type Names interface {
	// Lookup returns a duration or a plain number. ok is false when the name
	// has no value (the third failure did not happen in this run).
	Lookup(name string) (v Value, ok bool)
}

// Value is a duration in nanoseconds or a plain integer.
type Value struct {
	N          int64
	IsDuration bool
}

// Duration of v.
func (v Value) Duration() time.Duration { return time.Duration(v.N) }
