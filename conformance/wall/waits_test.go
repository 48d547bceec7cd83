package wall

import (
	"testing"
	"time"
)

// TestWaitsAddUp: a thread that waits again and again within a second is late
// by all of it; what is longer ago, and what another thread waited, is not
// added. A thread that is new tells nothing yet.
func TestWaitsAddUp(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	var w Waits
	for i, tt := range []struct {
		a, b int // the life of two threads so far, in ms; b is born at the third look
		want int
	}{
		{1000, 0, 0},
		{1100, 0, 100},
		{1250, 70, 250},
		{1250, 90, 250},
		{1260, 900, 830},
		{1260, 900, 830},
		{1260, 900, 830},
		{1260, 900, 830},
		{1260, 900, 810},
		{1260, 900, 0},
	} {
		now := map[string]time.Duration{"a": ms(tt.a)}
		if i >= 2 {
			now["b"] = ms(tt.b)
		}
		if got := w.Longest(now); got != ms(tt.want) {
			t.Errorf("look %d: %v, want %d ms", i, got, tt.want)
		}
	}
}
