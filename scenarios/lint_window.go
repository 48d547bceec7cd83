package scenarios

import (
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// spaced is a run in which each container starts long after the one before,
// so that windows of later instances can be compared with their causes.
type spaced struct{ c *Case }

const spacing = 1000 * time.Hour

// Instant of boots and containers; nothing else happens.
func (s spaced) Instant(vm string, m Moment, n int) (time.Duration, bool) {
	start := time.Duration(n-1) * spacing
	switch v := s.c.VM(vm); {
	case v == nil || n > 1000:
		return 0, false
	case m == Container:
		return start, true
	case m == BootStart:
		return start + v.DomainDelay, true
	}
	return 0, false
}

// windows compares each window that has one cause with the legal envelope:
// the instants at which a correct prober of any phase may turn.
func (l *lookout) windows() {
	e := l.c.Expect[l.vm.Name]
	if e == nil || !l.calm() {
		return
	}
	switch {
	case l.p.Kind == probes.Readiness && e.Ready != nil:
		for _, ch := range e.Ready.Changes {
			l.window(ch.Window, ch.To, UseReadiness, 1)
		}
	case l.p.Kind == probes.Liveness && e.Live != nil:
		for _, f := range *e.Live {
			l.window(f.Window, false, UseLiveness, int(f.Instance))
		}
	}
}

func (l *lookout) window(w Window, up bool, use Use, instance int) {
	if !w.After.IsZero() {
		return
	}
	names := l.c.Names(l.vm.Name, use, spaced{l.c})
	lo, errLo := w.Lo.Instant(names)
	hi, errHi := w.Hi.Instant(names)
	if errLo != nil || errHi != nil {
		return
	}
	cause, ok := l.cause(w, names)
	if !ok || up && l.gated() {
		return
	}
	start := time.Duration(instance-1) * spacing
	if cause.name != "" && cause.at < start {
		return // a step of the run's own clock: where it finds that container is not known
	}
	var legal bounds.Window
	if up {
		legal, ok = l.legalUp(cause, start)
	} else {
		legal, ok = l.legalDown(cause, start)
	}
	if !ok {
		return
	}
	shown := func(d time.Duration) time.Duration { return d - start }
	switch {
	case lo > legal.Lo || hi+latency < legal.Hi:
		l.list.Add(diag.Narrow, w.Pos, "", "a legal prober may turn in [%s, %s], the window is [%s, %s] in profile %s",
			shown(legal.Lo), shown(legal.Hi), shown(lo), shown(hi), l.c.Profile.Name)
	case hi-lo > 2*(legal.Hi-legal.Lo):
		l.list.Add(diag.Weak, w.Pos, "", "the window [%s, %s] is more than twice as wide as the legal [%s, %s] in profile %s",
			shown(lo), shown(hi), shown(legal.Lo), shown(legal.Hi), l.c.Profile.Name)
	}
}

// gated tells whether the probe waits for a startup probe, so that more than one
// cause says when it may turn to up.
func (l *lookout) gated() bool {
	return l.p.Kind != probes.Startup && slices.ContainsFunc(l.vm.Resolved.Probes, func(p probes.Probe) bool { return p.Kind == probes.Startup })
}

// latency is what a round trip may take without anybody writing it down: the
// slack of every testbed covers it.
const latency = 100 * time.Millisecond

// cause is the one named point that a window speaks of.
type cause struct {
	name string // empty: the start of the container
	end  bool
	at   time.Duration
}

// cause finds it: exactly one named point in both edges, lets included.
func (l *lookout) cause(w Window, names Names) (cause, bool) {
	found := map[string]cause{}
	var walk func(f Formula, depth int) bool
	walk = func(f Formula, depth int) bool {
		for _, r := range f.Refs() {
			base, _, numbered := strings.Cut(r.Name, "#")
			base, dotEnd := strings.CutSuffix(base, ".end")
			dotEnd = dotEnd || strings.HasSuffix(r.Name, ".end")
			if i := l.letIndex(r.Name); i >= 0 && depth < maxFormulaDepth {
				if !walk(l.c.Let[i].Expr, depth+1) {
					return false
				}
				continue
			}
			if _, ok := l.f.named[base]; ok {
				v, ok := names.Lookup(r.Name)
				if !ok {
					return false
				}
				found[r.Name] = cause{base, dotEnd, v.Duration()}
				continue
			}
			if numbered {
				return false // an attempt or a transition: not analytic
			}
		}
		return true
	}
	if !walk(w.Lo, 0) || !walk(w.Hi, 0) || len(found) > 1 {
		return cause{}, false
	}
	for _, c := range found {
		return c, true
	}
	return cause{}, true
}

func (l *lookout) letIndex(name string) int {
	for i := range l.c.Let {
		if l.c.Let[i].Name == name {
			return i
		}
	}
	return -1
}

// legalDown is the envelope of a loss: the F-th failing attempt after a cause
// that lasts, for a prober of any phase.
func (l *lookout) legalDown(c cause, start time.Duration) (bounds.Window, bool) {
	if c.name == "" || c.end {
		return bounds.Window{}, false
	}
	base := max(c.at, start+l.p.InitialDelay)
	for i, s := range l.spans {
		if s.name == c.name {
			good := i > 0 && l.spans[i-1].class == probes.Success
			d := bounds.Detect(*l.p, s.attempt)
			lasts := s.end < 0 || s.end-s.at >= d.Hi
			return bounds.Window{Lo: base + d.Lo, Hi: base + d.Hi}, good && lasts && s.class == probes.Failure && !l.disturbed(base, base+d.Hi, "")
		}
	}
	for i := range l.c.Faults {
		f := &l.c.Faults[i]
		if f.As != c.name {
			continue
		}
		e, ok := l.faultEffect(f, l.vm, l.p)
		d := bounds.Detect(*l.p, e.attempt)
		lasts := f.For < 0 || f.For >= d.Hi-e.attempt.Hi
		return bounds.Window{Lo: base + d.Lo, Hi: base + d.Hi}, ok && e.class == probes.Failure && lasts &&
			l.stepAt(base).class == probes.Success && !l.disturbed(base, base+d.Hi, f.As)
	}
	return bounds.Window{}, false
}

// legalUp is the envelope of a gain: S successes after the cause, the first
// of which may come at once, because readiness may run off its schedule while
// the VM is not Ready (TIM-READY-MANUAL).
func (l *lookout) legalUp(c cause, start time.Duration) (bounds.Window, bool) {
	begin := start + l.p.InitialDelay
	at, wait := max(c.at, begin), l.p.Period
	good := l.stepAt(at - start)
	if good.class != probes.Success || start > 0 {
		return bounds.Window{}, false
	}
	bad := l.before(c)
	if c.at > begin {
		if bad.class != probes.Failure {
			return bounds.Window{}, false
		}
		wait = max(wait, bad.attempt.Hi)
	}
	first := at
	if !c.end { // after a fault, an answer may have been under way
		first += good.attempt.Lo
	}
	w := bounds.Window{Lo: first, Hi: at + wait + time.Duration(l.p.SuccessThreshold-1)*l.p.Period + good.attempt.Hi}
	if good.end >= 0 && good.end < w.Hi || l.disturbed(at, w.Hi, c.name) {
		return bounds.Window{}, false
	}
	return w, true
}

// before is what was in force until the cause.
func (l *lookout) before(c cause) effect {
	for i := range l.c.Faults {
		if f := &l.c.Faults[i]; f.As == c.name && c.end {
			e, _ := l.faultEffect(f, l.vm, l.p)
			return e
		}
	}
	return l.stepAt(c.at - 1).effect
}

// stepAt is the step in force at an instant of the first boot; before the
// first step everything is refused.
func (l *lookout) stepAt(t time.Duration) span {
	out := span{effect: fails(0, 0), end: -1}
	for _, s := range l.spans {
		if s.at <= t {
			out = s
		}
	}
	return out
}

// disturbed tells whether another fault touches the probe in a stretch.
func (l *lookout) disturbed(from, to time.Duration, except string) bool {
	for i := range l.c.Faults {
		f := &l.c.Faults[i]
		if except != "" && f.As == except {
			continue
		}
		if _, ok := l.faultEffect(f, l.vm, l.p); ok && f.At < to && (f.For < 0 || f.At+f.For > from) {
			return true
		}
	}
	return false
}
