package sim

// Shelf keeps a few things of one run for the next one, which asks for them in
// the same order: to clear them costs less than to make them. The zero value is
// empty.
type Shelf[T any] struct {
	list []*T
	next int // what is asked for next
}

// most is how much a shelf keeps: what a small world needs. A run that goes on
// asking gets what nobody keeps.
const most = 16

// Take gives the next thing, as the run before has left it, or a new zero value.
func (s *Shelf[T]) Take() *T {
	if s.next < len(s.list) {
		s.next++
		return s.list[s.next-1]
	}
	t := new(T)
	if len(s.list) < most {
		s.list = append(s.list, t)
		s.next++
	}
	return t
}

// Rewind begins another run: nobody uses what was taken any more.
func (s *Shelf[T]) Rewind() { s.next = 0 }
