package sim_test

import (
	"testing"

	"github.com/vmprobe/vmprobe/sim"
)

func TestShelf(t *testing.T) {
	var s sim.Shelf[int]
	first := map[*int]int{}
	for i := range 100 {
		p := s.Take()
		if first[p] = i; *p != 0 || len(first) != i+1 {
			t.Fatalf("thing %d is that of another, or not zero: %d", i, *p)
		}
		*p = i + 1
	}
	s.Rewind()
	kept := 0
	for i := range 100 {
		p := s.Take()
		if n, ok := first[p]; ok {
			if kept++; n != i || *p != i+1 {
				t.Errorf("thing %d is number %d of the run before, %d", i, n, *p)
			}
		}
	}
	if kept == 0 || kept == 100 {
		t.Errorf("%d of 100 things were kept", kept)
	}
}
