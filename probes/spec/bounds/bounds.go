// Package bounds computes when a correct prober may act: the windows of
// semantics section 1.3 as functions of a resolved probe and its profile. The
// explanation of a manifest prints them, the lints of scenarios and the judge
// compare against them.
//
// All windows assume one prober that keeps its schedule, and a target that
// answers instantly while it is healthy; a target that takes the time a to
// answer widens the upper edge of Ready and Recover by a and the lower edge of
// Detect by -a (an attempt under way when the fault begins may already fail).
package bounds

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// Window is a span of time; Lo <= Hi. Which origin it counts from is said
// where it is used.
type Window struct{ Lo, Hi time.Duration }

// Bounds is everything that follows from a probe's numbers.
type Bounds struct {
	// First is when the first attempt starts, from container start:
	// [D, D+P), the upper edge excluded (TIM-DELAY-NEVER-EARLY,
	// TIM-DELAY-TICK).
	First Window
	// Up is when a target that is healthy throughout gets its verdict, from
	// container start, on the probe's own schedule: [D+(s-1)P, D+sP). For
	// liveness, which starts as a success, nothing changes then.
	Up Window
	// UpEarliest is the lower edge of Up when off-schedule runs happen
	// (TIM-READY-MANUAL): D for readiness, Up.Lo for the other kinds.
	UpEarliest time.Duration
	// Faults says what happens to each way of failing that the handler has.
	Faults []Fault
}

// Fault is one way in which a target stops being healthy.
type Fault struct {
	Mode Mode
	// Class is what an attempt on the broken target results in. Warning and
	// Success mean that the probe does not see the fault at all.
	Class probes.Class
	// Attempt is how long one attempt on the broken target lasts, all tries
	// included.
	Attempt Window
	// Detected is false when the fault never changes the probe's state.
	Detected bool
	// Detect is when the failureThreshold-th failure is known, from the
	// fault: NotReady, or the liveness verdict.
	Detect Window
	// Recover is when a readiness probe is Ready again, from the end of the
	// fault, on its own schedule.
	Recover Window
	// RecoverEarliest is the lower edge of Recover when off-schedule runs
	// happen: the NotReady verdict itself triggers one.
	RecoverEarliest time.Duration
	// Requirement is the rule that decides the class; Note says why in words.
	Requirement, Note string
}

// Of computes the bounds of a probe. The probe must be resolved in the same
// profile, so that its delay already holds the profile's extra.
func Of(p probes.Probe, profile probes.Profile) Bounds {
	b := Bounds{
		First: First(p),
		Up:    Up(p),
	}
	b.UpEarliest = b.Up.Lo
	if p.Kind == probes.Readiness {
		b.UpEarliest = p.InitialDelay
	}
	for _, mode := range Modes(p.Handler) {
		b.Faults = append(b.Faults, FaultOf(p, profile, mode))
	}
	return b
}

// First is the window of the first attempt, from container start; the upper
// edge is excluded.
func First(p probes.Probe) Window {
	return Window{Lo: p.InitialDelay, Hi: p.InitialDelay + p.Period}
}

// Up is the window of the first successThreshold-th success on schedule, from
// container start, for a target healthy throughout.
func Up(p probes.Probe) Window {
	return Window{
		Lo: p.InitialDelay + times(p.SuccessThreshold-1, p.Period),
		Hi: p.InitialDelay + times(p.SuccessThreshold, p.Period),
	}
}

// Detect is the window of the failureThreshold-th failure, from the fault,
// when each failing attempt lasts between attempt.Lo and attempt.Hi. An
// attempt that outlasts the period is followed at once by the next
// (TIM-TICK-DROP), so the distance of starts is the longer of the two.
func Detect(p probes.Probe, attempt Window) Window {
	return Window{
		Lo: times(p.FailureThreshold-1, max(p.Period, attempt.Lo)) + attempt.Lo,
		Hi: p.Period + times(p.FailureThreshold-1, max(p.Period, attempt.Hi)) + attempt.Hi,
	}
}

// Recover is the window of the successThreshold-th success on schedule, from
// the end of a fault whose attempts last up to attempt.Hi: one of them may
// still be under way. When they outlast the period, the first good attempt
// follows off the grid, and the second may come less than a period later
// (TIM-TICK-DROP).
func Recover(p probes.Probe, attempt Window) Window {
	rest := times(p.SuccessThreshold-1, p.Period)
	w := Window{Lo: rest, Hi: max(p.Period, attempt.Hi) + rest}
	if attempt.Hi > p.Period {
		w.Lo = times(p.SuccessThreshold-2, p.Period)
	}
	return w
}

// FirstVerdict is the window in which a target that is broken from the start
// reaches the failureThreshold, from container start: how early a slow boot
// can be killed.
func FirstVerdict(p probes.Probe, attempt Window) Window {
	d := Detect(p, attempt)
	return Window{Lo: p.InitialDelay + d.Lo, Hi: p.InitialDelay + d.Hi}
}

// times multiplies without leaving the range of a duration: numbers come from
// manifests.
func times(n int32, d time.Duration) time.Duration {
	if n <= 0 || d <= 0 {
		return 0
	}
	if d > forever/time.Duration(n) {
		return forever
	}
	return time.Duration(n) * d
}

// forever is longer than any run: about 73 years, so that a few of them can be
// added.
const forever = time.Duration(1<<63-1) / 4
