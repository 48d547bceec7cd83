package scenarios

import (
	"errors"
	"fmt"
	"time"
)

// Formula is a parsed expression; see the package comment. The zero value is
// absent.
type Formula struct {
	Text string
	Pos  Pos
	root *node
}

// IsZero tells whether the formula is absent.
func (f Formula) IsZero() bool { return f.root == nil && f.Text == "" }

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

// String shows a duration as Go does, a number as digits.
func (v Value) String() string {
	if v.IsDuration {
		return v.Duration().String()
	}
	return fmt.Sprint(v.N)
}

// NoValueError says that a name of a formula has no value in a run: what it
// names did not happen.
type NoValueError struct{ Name string }

// Error names the name.
func (e *NoValueError) Error() string { return fmt.Sprintf("%s has no value", e.Name) }

// The other errors of Eval. The decoder refuses formulas in which they are
// sure to happen.
var (
	ErrOverflow  = errors.New("the result is out of range")
	ErrDivision  = errors.New("division by zero")
	ErrDimension = errors.New("durations and numbers do not mix")
	ErrAbsent    = errors.New("there is no formula")
)

// op says what a node does.
type op uint8

const (
	opValue op = iota // a literal
	opName
	opAdd
	opSub
	opMul
	opDiv
	opNeg
	opMax
	opMin
)

// node is one operation of a parsed formula.
type node struct {
	op          op
	value       Value
	name        string
	left, right *node
	pos         Pos // of the operator, name or literal
}

// Eval computes the formula. The error is a *NoValueError when a name has no
// value.
func (f Formula) Eval(names Names) (Value, error) {
	if f.root == nil {
		return Value{}, ErrAbsent
	}
	return f.root.eval(names)
}

// Instant is Eval for a formula that must be a duration.
func (f Formula) Instant(names Names) (time.Duration, error) {
	v, err := f.Eval(names)
	if err != nil {
		return 0, err
	}
	if !v.IsDuration {
		return 0, ErrDimension
	}
	return v.Duration(), nil
}

// Ref is a name in a formula and its place.
type Ref struct {
	Name string
	Pos  Pos
}

// Refs lists the names of the formula from left to right.
func (f Formula) Refs() []Ref {
	var out []Ref
	var walk func(n *node)
	walk = func(n *node) {
		if n == nil {
			return
		}
		walk(n.left)
		if n.op == opName {
			out = append(out, Ref{n.name, n.pos})
		}
		walk(n.right)
	}
	walk(f.root)
	return out
}

func (n *node) eval(names Names) (Value, error) {
	switch n.op {
	case opValue:
		return n.value, nil
	case opName:
		if names != nil {
			if v, ok := names.Lookup(n.name); ok {
				return v, nil
			}
		}
		return Value{}, &NoValueError{n.name}
	case opNeg:
		v, err := n.left.eval(names)
		if err != nil {
			return v, err
		}
		return subtract(Value{IsDuration: v.IsDuration}, v)
	default: // two operands
	}
	a, err := n.left.eval(names)
	if err != nil {
		return a, err
	}
	b, err := n.right.eval(names)
	if err != nil {
		return b, err
	}
	return apply(n.op, a, b)
}

func apply(o op, a, b Value) (Value, error) {
	switch o {
	case opMul:
		return multiply(a, b)
	case opDiv:
		return divide(a, b)
	default: // operands of one dimension
	}
	if a.IsDuration != b.IsDuration {
		return Value{}, ErrDimension
	}
	switch o {
	case opAdd:
		return add(a, b)
	case opSub:
		return subtract(a, b)
	case opMax:
		a.N = max(a.N, b.N)
	case opMin:
		a.N = min(a.N, b.N)
	default:
		panic(fmt.Sprintf("scenarios: operation %d has not two operands", o))
	}
	return a, nil
}

func add(a, b Value) (Value, error) {
	sum := a.N + b.N
	if (sum > a.N) != (b.N > 0) && b.N != 0 {
		return Value{}, ErrOverflow
	}
	return Value{sum, a.IsDuration}, nil
}

func subtract(a, b Value) (Value, error) {
	diff := a.N - b.N
	if (diff < a.N) != (b.N > 0) && b.N != 0 {
		return Value{}, ErrOverflow
	}
	return Value{diff, a.IsDuration}, nil
}

func multiply(a, b Value) (Value, error) {
	if a.IsDuration && b.IsDuration {
		return Value{}, ErrDimension
	}
	p := a.N * b.N
	if a.N != 0 && (p/a.N != b.N || a.N == -1 && b.N == -1<<63) {
		return Value{}, ErrOverflow
	}
	return Value{p, a.IsDuration || b.IsDuration}, nil
}

func divide(a, b Value) (Value, error) {
	switch {
	case b.IsDuration && !a.IsDuration:
		return Value{}, ErrDimension
	case b.N == 0:
		return Value{}, ErrDivision
	case b.N == -1 && a.N == -1<<63:
		return Value{}, ErrOverflow
	}
	return Value{a.N / b.N, a.IsDuration && !b.IsDuration}, nil
}
