package simbed

import (
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/sim/network"
)

// used are things that one run made and the next one, of the same case, makes
// anew: to clear them costs less than to make them.
type used struct {
	serials  shelf[network.Channel]
	channels shelf[guestagent.Channel]
}

// used are those of the memory; without one, none.
func (w *world) used() *used {
	if w.recall == nil {
		return new(used)
	}
	return &w.recall.memory.used
}

// shelf holds things in the order in which a run asks for them.
type shelf[T any] struct {
	list []*T
	next int // what the present run asks for
}

// take gives the next thing, as the run before has left it or as its zero value.
func (s *shelf[T]) take() *T {
	if s.next == len(s.list) {
		s.list = append(s.list, new(T))
	}
	s.next++
	return s.list[s.next-1]
}
