package sim

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// ErrClosed is returned by Run of a closed kernel.
var ErrClosed = errors.New("sim: kernel is closed")

// Panic says that the code of an actor panicked.
type Panic struct {
	At    time.Duration
	Actor Actor
	Name  string // as given to [Kernel.Name], may be empty
	Value any
	Stack []byte // of the panicking code; not reproducible, never in a trace
}

// Error names the actor and the value, not the stack.
func (p *Panic) Error() string {
	name := p.Name
	if name == "" {
		name = fmt.Sprintf("actor %d", p.Actor)
	}
	return fmt.Sprintf("panic of %s at %v: %v", name, p.At, p.Value)
}

// Unwrap is the value when it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Livelock says that an instant does not end.
type Livelock struct {
	At     time.Duration
	Events int      // at that instant
	Actors []Actor  // of the last events, ascending, each once
	Names  []string // of the actors
}

// Error names the actors.
func (l *Livelock) Error() string {
	return fmt.Sprintf("livelock: more than %d events at %v, the last ones of %s",
		l.Events, l.At, strings.Join(l.Names, ", "))
}

// Stuck says that tasks wait without a deadline while nothing is left that
// could wake them.
type Stuck struct {
	At     time.Duration
	Actors []Actor // ascending, each once
	Names  []string
}

// Error names the actors.
func (s *Stuck) Error() string {
	return fmt.Sprintf("deadlock: no event left at %v, and still waiting: %s", s.At, strings.Join(s.Names, ", "))
}

// distinct sorts and removes repetitions, in a slice of its own.
func distinct(actors []Actor) []Actor {
	actors = slices.Clone(actors)
	slices.Sort(actors)
	return slices.Compact(actors)
}

func stack() []byte { return debug.Stack() }
