package oracle

import (
	"fmt"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// seenThresholds holds Ready and the liveness verdicts to what the guest saw:
// a change needs as many attempts as its threshold that may have come to it,
// and where the attempts can have come to nothing else the change is due. What
// is wrong may be the count or the reading of an answer; a failure is
// reported for each that may be.
func seenThresholds(c *court) {
	c.sights(func(w *sight) {
		switch w.s.Probe.Kind {
		case probes.Readiness:
			w.readiness()
		default:
			w.verdicts()
		}
	})
}

// readiness judges the changes of Ready in the life of the container.
func (w *sight) readiness() {
	v, k := w.s.VM, w.s.Container
	last := min(w.c.settled(v), k.Stop, w.c.run.End)
	ready := false
	for _, m := range v.Of(trace.Ready) {
		switch {
		case m.T < k.Start:
			continue
		case m.T >= last || m.OK == ready:
		case m.OK:
			if !w.enough(true, m) {
				return
			}
		case !w.imposed(m):
			if !w.enough(false, m) {
				return
			}
		}
		ready = m.OK
	}
	w.overdue(last, true)
	w.overdue(last, false)
}

// verdicts judges liveness and startup, which fail at most once.
func (w *sight) verdicts() {
	if len(w.s.Verdicts) > 0 {
		w.enough(false, w.s.Verdicts[0])
	}
	w.overdue(min(w.until(), w.c.settled(w.s.VM)), false)
}

// imposed tells whether Ready may be false for another reason than the probe.
func (w *sight) imposed(m history.Mark) bool {
	v, slack := w.s.VM, w.c.slack
	if terminating(v, w.s.Container.Instance) <= m.T+slack || w.s.Container.Stop <= m.T+slack {
		return true
	}
	return w.unsettled(m.T-slack, m.T+slack)
}

// unsettled tells whether the platform itself has a say about Ready at some
// time between two instants: the phase is not Running, the domain does not
// run, or the prober began anew.
func (w *sight) unsettled(lo, hi time.Duration) bool {
	if _, anew := w.c.lastRestart(lo-w.s.Probe.Period, hi); anew {
		return true
	}
	phase, domain := "Running", "running"
	if w.c.profile().VM && len(w.s.VM.Of(trace.VMIPhase)) > 0 {
		phase = ""
	}
	for _, m := range w.c.timeline(w.s.VM, trace.VMIPhase, trace.DomainState, trace.Pause, trace.Unpause) {
		if m.T > hi {
			break
		}
		if m.T >= lo && (phase != "Running" || domain != "running") {
			return true
		}
		switch m.Kind {
		case trace.VMIPhase:
			phase = m.Value
		case trace.DomainState:
			domain = m.Value
		default:
		}
	}
	return phase != "Running" || domain != "running"
}

func (w *sight) threshold(passed bool) int {
	if passed {
		return int(w.s.Probe.SuccessThreshold)
	}
	return int(w.s.Probe.FailureThreshold)
}

// enough judges a change at m: the attempts seen by then must allow it. A
// change takes a moment to be reported, so the last attempts before it may
// have come too late to count.
func (w *sight) enough(to bool, m history.Mark) bool {
	most := 0
	for cut := len(w.list); cut >= 0; cut-- {
		n, ok := w.allows(w.list[:cut], to, m)
		if ok {
			return true
		}
		most = max(most, n)
		if cut == 0 || w.list[cut-1].last+w.list[cut-1].least < m.T-w.c.slack {
			break
		}
	}
	w.premature(to, m, most)
	return false
}

// allows counts the attempts at the end of a list that may have led to a
// change, and tells whether they are enough.
func (w *sight) allows(list []sighting, to bool, m history.Mark) (n int, ok bool) {
	blocked, at := false, w.s.Container.Start
	for i := len(list) - 1; i >= 0 && !blocked; i-- {
		x := &list[i]
		switch {
		case x.last+x.least > m.T+w.c.haste(): // not over yet
		case x.may(to):
			n += x.attempts()
		case x.classes != 0 && !x.classes.Has(probes.Errored):
			blocked, at = true, x.first
		}
	}
	if _, anew := w.c.lastRestart(at, m.T); anew {
		return n, true
	}
	carried := !blocked && w.s.Probe.Kind == probes.Readiness && !w.c.profile().VM && previous(w.s) != nil
	unknown := agentHandler(w.s.Probe.Handler) && w.blindIn(at, m.T) || to && overlaps(w.passing, at, m.T)
	if carried || unknown {
		return n, true
	}
	if !to {
		n += w.unseen(at, m.T)
	}
	return n, n >= w.threshold(to) && (to || w.longEnough(at, blocked, m.T))
}

// attempts is how many attempts the tries may be.
func (x *sighting) attempts() int {
	if x.vague {
		return x.tries
	}
	return 1
}

// longEnough tells whether so many attempts fit in after the last one that
// passed, unseen ones included.
func (w *sight) longEnough(at time.Duration, blocked bool, t time.Duration) bool {
	if !blocked || w.s.Probe.Kind == probes.Readiness && !w.surelyReady(at+w.c.slack) {
		return true
	}
	periods := w.threshold(false)
	if w.busy() >= w.s.Probe.Period {
		periods--
	}
	return t >= at+time.Duration(periods)*w.s.Probe.Period-w.c.jitter(w.s.Probe.Period)
}

// premature reports a change that the attempts do not allow.
func (w *sight) premature(to bool, m history.Mark, n int) {
	var tail []*sighting
	patient := 0 // attempts that would do if their answers had been there sooner
	for i := range w.list {
		x := &w.list[i]
		if x.first <= m.T {
			tail = append(tail, x)
			if x.may(to) && x.last+x.least > m.T+w.c.haste() {
				patient++
			}
		}
	}
	need := w.threshold(to)
	rules := []string{thresholdRule(to)}
	if before := previous(w.s); before != nil {
		rules = append(rules, "TIM-RESTART-FRESH")
	}
	if patient > 0 {
		rules = append(rules, "TIM-TIMEOUT-ATTEMPT")
		if w.s.Probe.Handler == probes.Exec && w.c.profile().VM {
			rules = append(rules, "EX-MAP-KV") // which gives it a second more
		}
	}
	same := 0
	for _, x := range tail {
		if x.may(to) {
			same++
		}
	}
	if same >= need {
		rules = append(rules, "THR-CONSECUTIVE")
	}
	for _, x := range tail[max(0, len(tail)-need):] {
		rules = append(rules, x.rule)
		if x.classes.Has(probes.Errored) {
			rules = append(rules, "THR-ERR-DISCARD")
		}
	}
	w.accuse(rules, m.T, m.Index,
		fmt.Sprintf("the probe turned %s, and by what the guest saw at most %d attempts in a row speak for it", w.word(to), n),
		fmt.Sprintf("%s only after %d results in a row", w.word(to), need))
}

// overdue reports a change that must have come before the instant last.
func (w *sight) overdue(last time.Duration, to bool) {
	need, n := w.threshold(to), 0
	var tail []*sighting
	for i := range w.list {
		x := &w.list[i]
		if i > 0 {
			p := &w.list[i-1]
			_, anew := w.c.lastRestart(p.first, x.first)
			if anew || (to || port(w.s.Probe) == 0) && w.blindIn(p.first, x.first) {
				n, tail = 0, nil
			}
		}
		tail = append(tail, x)
		switch {
		case x.errs():
			continue
		case !x.must(to):
			n, tail = 0, nil
			continue
		}
		if n++; n < need {
			continue
		}
		deadline := x.end() + w.c.slack
		if deadline < last && w.missing(x.first, deadline, to) {
			w.accuseDue(to, deadline, x.event, tail)
			return
		}
	}
	if to {
		return
	}
	for _, span := range w.failing {
		from := max(span.lo, w.c.due(w.s, span.hi), w.s.Container.Start)
		deadline := from + w.busy() + time.Duration(need)*max(w.s.Probe.Period, tryBound(w.s.Probe, w.c.profile())) +
			tryBound(w.s.Probe, w.c.profile()) + w.c.slack
		_, anew := w.c.lastRestart(from, deadline)
		if deadline < min(span.hi, last) && !anew && !w.gated() && w.c.clockSteps(w.s.Container.Start, deadline) == 0 && w.missing(from, deadline, false) {
			w.accuseDue(false, deadline, history.NoEvent, nil)
			return
		}
	}
}

// gated tells whether a startup probe may keep the probe from its attempts.
func (w *sight) gated() bool {
	return w.s.Probe.Kind != probes.Startup && w.s.Container.Stint(probes.Startup) != nil
}

// missing tells whether a change that is due between two instants is not
// there, although nothing excuses it.
func (w *sight) missing(lo, hi time.Duration, to bool) bool {
	if w.s.Probe.Kind != probes.Readiness {
		return len(w.s.Verdicts) == 0 || w.s.Verdicts[0].T > hi
	}
	v := w.s.VM
	if !to {
		return readyAllAlong(v, lo, hi)
	}
	if w.unsettled(lo, hi) || terminating(v, w.s.Container.Instance) <= hi {
		return false
	}
	return !valueAt(v.Of(trace.Ready), lo) &&
		!slices.ContainsFunc(v.Of(trace.Ready), func(m history.Mark) bool { return m.OK && m.T >= lo && m.T <= hi })
}

func (w *sight) accuseDue(to bool, deadline time.Duration, event int, tail []*sighting) {
	rules := []string{thresholdRule(to)}
	for _, x := range tail {
		switch {
		case x.errs():
			rules = append(rules, "THR-ERR-DISCARD")
		case x.classes.Has(probes.Warning):
			rules = append(rules, "THR-WARN-IS-SUCCESS")
		}
		rules = append(rules, x.rule)
	}
	w.accuse(rules, deadline, event,
		fmt.Sprintf("the probe does not turn %s although the answers of the guest leave no choice", w.word(to)),
		fmt.Sprintf("%s after %d results in a row, by %s", w.word(to), w.threshold(to), Seconds(deadline)))
}

// accuse reports one failure for each rule that may be broken: from outside
// the count and the reading of an answer look the same.
func (w *sight) accuse(rules []string, at time.Duration, event int, message, want string) {
	slices.Sort(rules)
	for _, rule := range slices.Compact(rules) {
		w.fail(rule, at, event, message, want)
	}
}

func thresholdRule(to bool) string {
	if to {
		return "THR-SUCCESS"
	}
	return "THR-FAILURE"
}

// word names a state of the probe.
func (w *sight) word(ok bool) string {
	t := tally{s: w.s}
	return t.word(ok)
}
