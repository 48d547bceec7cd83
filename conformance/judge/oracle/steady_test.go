package oracle

import (
	"slices"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
)

// TestSteady: what comes after a late attempt is not too soon, and a prober whose
// period is too short is found out all the same.
func TestSteady(t *testing.T) {
	const period, tolerance = time.Second, time.Second / 4
	// soon is the first attempt that is too soon; -1: none is.
	soon := func(starts func(i int) time.Duration) int {
		base, places := history.Never, []time.Duration(nil)
		for i := range 40 {
			place := time.Duration(i)*period - starts(i)
			if base != history.Never && place-base > tolerance {
				return i
			}
			places, base = steady(places, place)
		}
		return -1
	}
	grid := func(i int) time.Duration { return time.Duration(i) * period }
	for _, late := range [][]int{{}, {0}, {0, 1}, {7}, {7, 9}, {20, 21, 22, 23}} {
		if i := soon(func(i int) time.Duration {
			if slices.Contains(late, i) {
				return grid(i) + 400*time.Millisecond
			}
			return grid(i)
		}); i >= 0 {
			t.Errorf("late %v: attempt %d is too soon", late, i)
		}
	}
	if i := soon(func(i int) time.Duration { return grid(i) * 9 / 10 }); i < 0 || i > 7 {
		t.Errorf("a period of nine tenths is found at attempt %d", i)
	}
	if i := soon(func(i int) time.Duration { return grid(i) / 2 }); i < 0 || i > 3 {
		t.Errorf("half a period is found at attempt %d", i)
	}
}
