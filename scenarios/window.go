package scenarios

import "time"

// Fixed gives the edges where they are the same in every run; ok is false
// where they hang on what happens.
func (w *Window) Fixed() (lo, hi time.Duration, ok bool) { return w.lo, w.hi, w.fixed }

// fix computes the edges of a window once and for all, if no run can change
// them.
func (w *Window) fix(c *Case, vm string, use Use) {
	run := new(consulted)
	names := c.Names(vm, use, run)
	lo, hi := w.Lo, w.Hi
	if !w.After.IsZero() {
		lo, hi = w.After, w.After
	}
	from, errLo := lo.Instant(names)
	to, errHi := hi.Instant(names)
	if errLo == nil && errHi == nil && !run.asked {
		w.fixed, w.lo, w.hi = true, from, to
	}
}

// consulted is a run in which nothing happens, and that notes whether anybody
// wanted to know.
type consulted struct{ asked bool }

func (r *consulted) Instant(string, Moment, int) (time.Duration, bool) {
	r.asked = true
	return 0, false
}
