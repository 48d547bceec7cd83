package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
)

// thresholds recomputes every state from the classes of the attempts. Each
// published change must be due and each due change must be published. The
// failure names the rule that explains it best: THR-FAILURE, THR-SUCCESS,
// THR-CONSECUTIVE, THR-ERR-DISCARD, THR-WARN-IS-SUCCESS, TIM-RESTART-FRESH or
// LIVE-HOLD.
func thresholds(c *court) {
	c.stints(func(s *history.Stint) {
		t := tally{court: c, s: s, state: s.Probe.Kind == probes.Liveness}
		if s.Probe.Kind == probes.Startup {
			t.unset = true
		}
		// RUN-CARRYOVER: in place, readiness may keep its run.
		if before := previous(s); before != nil && !c.profile().VM && s.Probe.Kind == probes.Readiness {
			t.carried = lastRun(before)
		}
		t.judge()
	})
}

// run is a run of results of one polarity.
type run struct {
	passed bool
	length int32
}

func (r run) add(passed bool) run {
	if r.passed != passed {
		r.length = 0
	}
	return run{passed: passed, length: r.length + 1}
}

func lastRun(s *history.Stint) run {
	var r run
	for _, a := range s.Attempts {
		if a.Ended() && a.Class != probes.Errored {
			r = r.add(a.Class.Passed())
		}
	}
	return r
}

// tally follows one stint through its attempts and states.
type tally struct {
	court   *court
	s       *history.Stint
	state   bool
	unset   bool // startup has no state before its first verdict
	run     run
	carried run // the run if it was kept over a restart in place

	waiting bool // a change to the opposite of state is due
	dueAt   time.Duration
	dueBy   *history.Attempt

	seen    []probes.Class // since the last change
	ended   time.Duration  // end of the last attempt
	begun   bool           // an attempt has ended
	may     bool           // the last result allows a change without demanding it
	mayTo   bool
	settled bool // a failure was reported: what follows would repeat it
}

// step is an end of an attempt or a published state, in the order of the
// trace.
type step struct {
	index   int
	attempt *history.Attempt
	state   *history.Mark
}

func (t *tally) judge() {
	for _, st := range t.steps() {
		if t.settled || len(t.s.Verdicts) > 0 && st.index > t.s.Verdicts[0].Index {
			break // what follows a verdict is for liveHold
		}
		if st.attempt != nil {
			t.overdue(st.attempt.End)
			t.finished(st.attempt)
		} else {
			t.published(st.state)
		}
	}
	if !t.settled {
		t.overdue(min(t.court.run.End, t.s.Container.Stop))
	}
}

// steps are those of the stint. Attempts end in their order, unless something
// is wrong.
func (t *tally) steps() []step {
	desk, states := &t.court.lore.desk, t.s.States
	steps := slices.Grow(desk.steps[:0], len(t.s.Attempts)+len(states))
	before := func(index int) {
		for len(states) > 0 && states[0].Index < index {
			steps = append(steps, step{index: states[0].Index, state: &states[0]})
			states = states[1:]
		}
	}
	for _, a := range t.s.Attempts {
		if a.Ended() {
			before(a.EndEvent)
			steps = append(steps, step{index: a.EndEvent, attempt: a})
		}
	}
	before(len(t.court.run.Events))
	inOrder := func(a, b step) int { return cmp.Compare(a.index, b.index) }
	if !slices.IsSortedFunc(steps, inOrder) {
		slices.SortFunc(steps, inOrder)
	}
	desk.steps = steps
	return steps
}

// overdue reports a due change that did not come by now.
func (t *tally) overdue(now time.Duration) {
	if !t.waiting || now <= t.dueAt+t.court.slack {
		return
	}
	to := t.run.passed
	requirement := "THR-FAILURE"
	if to {
		requirement = "THR-SUCCESS"
	}
	tail := t.tail(t.run.length)
	switch {
	case slices.Contains(tail, probes.Errored):
		requirement = "THR-ERR-DISCARD"
	case to && slices.Contains(tail, probes.Warning):
		requirement = "THR-WARN-IS-SUCCESS"
	}
	t.settled = true
	t.court.failStint(t.s, Failure{
		Requirement: requirement, At: t.dueAt + t.court.slack, Event: t.dueBy.EndEvent,
		Message: fmt.Sprintf("the probe stays %s after attempt %d: %s", t.word(!to), t.dueBy.Number, letters(tail)),
		Want:    fmt.Sprintf("%s at %s: %d results in a row", t.word(to), Seconds(t.dueAt), t.threshold(to)),
		Window:  t.court.window(t.dueAt, t.dueAt),
	})
}

func (t *tally) finished(a *history.Attempt) {
	if at, ok := t.court.lastRestart(t.s.Container.Start, a.Start); ok && at >= t.ended {
		t.run, t.carried = run{}, run{} // a new prober knows nothing of the runs
	}
	t.ended, t.begun = a.End, true
	t.seen = append(t.seen, a.Class)
	t.may = false
	if a.Class == probes.Errored || a.Class == probes.NoClass {
		return
	}
	passed := a.Class.Passed()
	t.run, t.carried = t.run.add(passed), t.carried.add(passed)
	if t.run.passed != t.state && t.waiting {
		return
	}
	t.waiting = false
	if passed == t.state && !t.unset {
		return
	}
	reached, kept := t.run.length >= t.threshold(passed), t.carried.length >= t.threshold(passed)
	if reached && !t.excused(a) {
		t.waiting, t.dueAt, t.dueBy = true, a.End, a
		return
	}
	t.may, t.mayTo = reached || kept, passed
}

// excused tells whether a result may be without consequence: its container
// has stopped, or terminates and the probe is not about readiness.
func (t *tally) excused(a *history.Attempt) bool {
	return a.End >= t.s.Container.Stop ||
		t.s.Probe.Kind != probes.Readiness && a.End >= terminating(t.s.VM, t.s.Container.Instance)
}

func (t *tally) published(m *history.Mark) {
	if m.OK == t.state && !t.unset {
		return // noLeak looks at repetitions
	}
	legal := t.waiting && m.OK == t.run.passed || t.may && m.OK == t.mayTo || t.imposed(m)
	if !legal && t.begun {
		t.premature(m)
	}
	if t.unset && !m.OK && !t.begun {
		return // "unknown" looks like this in a trace
	}
	t.state, t.unset, t.waiting, t.may = m.OK, false, false, false
	t.seen = t.seen[:0]
}

// imposed tells whether a state has another cause than an attempt: the
// container stopped (NONRUNNING-FAIL), the pod terminates (TERM-LIVENESS-OFF)
// or the prober began anew (PROBER-RESTART).
func (t *tally) imposed(m *history.Mark) bool {
	kind := t.s.Probe.Kind
	switch {
	case !m.OK && m.T >= t.s.Container.Stop:
		return true
	case m.OK && kind != probes.Readiness && m.T >= terminating(t.s.VM, t.s.Container.Instance):
		return true
	}
	at, ok := t.court.lastRestart(t.s.Container.Start, m.T)
	return ok && at >= t.ended
}

// premature reports a change that is not due.
func (t *tally) premature(m *history.Mark) {
	t.settled = true
	f := Failure{
		Requirement: t.rule(m.OK), At: m.T, Event: m.Index,
		Message: fmt.Sprintf("the probe turned %s after %s", t.word(m.OK), letters(t.seen)),
		Want:    fmt.Sprintf("%s only after %d results in a row", t.word(m.OK), t.threshold(m.OK)),
	}
	t.court.failStint(t.s, f)
}

// rule names what a premature change to that state breaks.
func (t *tally) rule(to bool) string {
	var same, errors int32
	for _, c := range t.seen {
		switch {
		case c == probes.Errored:
			errors++
		case c.Passed() == to:
			same++
		}
	}
	length := int32(0)
	if t.run.passed == to {
		length = t.run.length
	}
	need := t.threshold(to)
	last := probes.NoClass
	if len(t.seen) > 0 {
		last = t.seen[len(t.seen)-1]
	}
	before := previous(t.s)
	switch {
	case to && t.s.Probe.Kind == probes.Liveness:
		return "LIVE-HOLD"
	case last == probes.Errored || errors > 0 && length+errors >= need && same < need:
		return "THR-ERR-DISCARD"
	case same >= need:
		return "THR-CONSECUTIVE"
	case t.court.profile().VM && before != nil && lastRun(before).passed == to && lastRun(before).length+length >= need:
		return "TIM-RESTART-FRESH"
	case to:
		return "THR-SUCCESS"
	}
	return "THR-FAILURE"
}

func (t *tally) threshold(passed bool) int32 {
	if passed {
		return t.s.Probe.SuccessThreshold
	}
	return t.s.Probe.FailureThreshold
}

// tail is the end of what was seen that holds n results beside errors.
func (t *tally) tail(n int32) []probes.Class {
	for i, c := range slices.Backward(t.seen) {
		if c != probes.Errored {
			n--
		}
		if n == 0 {
			return t.seen[i:]
		}
	}
	return t.seen
}

// word names a state of the probe.
func (t *tally) word(ok bool) string {
	switch {
	case t.s.Probe.Kind == probes.Readiness && ok:
		return "ready"
	case t.s.Probe.Kind == probes.Readiness:
		return "not ready"
	case ok:
		return "healthy"
	}
	return "failed"
}

// letters writes classes as in the truth tables, the last 12 of them.
func letters(list []probes.Class) string {
	text := ""
	if len(list) == 0 {
		return "no attempt"
	}
	if len(list) > 12 {
		list, text = list[len(list)-12:], "..."
	}
	for i, c := range list {
		if i > 0 {
			text += ","
		}
		text += string(c.Letter())
	}
	return text
}
