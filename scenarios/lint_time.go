package scenarios

import (
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// lookout is what the time lints know about one probe of one case.
type lookout struct {
	*compilation
	vm     *VM
	p      *probes.Probe
	key    string // endpoint the probe meets: "web http/8080"; "" when it meets none
	steps  []syntax.Step
	offset time.Duration // of the steps: the boot, for steps of everyBoot
	spans  []span
}

// span is a stretch of the first boot in which one step is in force.
type span struct {
	effect
	name     string
	at, end  time.Duration // end < 0: until the end of the run
	pos      Pos
	isFault  bool
	everyRun bool // a step of everyBoot
}

func (c *compilation) look(vm *VM, p *probes.Probe) *lookout {
	l := &lookout{compilation: c, vm: vm, p: p}
	l.key, l.steps = c.stepsOf(vm, p)
	each := false
	if g := c.spec.Guests[vm.Name]; g.EveryBoot != nil {
		for _, e := range scripted(g.EveryBoot) {
			each = each || vm.Name+" "+endpointName(e.Kind, e.Port) == l.key
		}
	}
	if each {
		l.offset = vm.DomainDelay
	}
	for i := range l.steps {
		s := &l.steps[i]
		sp := span{
			effect: effectOf(l.key, s, p, c.c.Profile), name: s.As.S, at: s.At.D + l.offset, end: -1, pos: s.Pos, everyRun: each,
		}
		if i+1 < len(l.steps) {
			sp.end = l.steps[i+1].At.D + l.offset
		}
		l.spans = append(l.spans, sp)
	}
	return l
}

// asserted tells whether the verdicts of the probe matter to the
// expectations.
func (l *lookout) asserted() bool {
	e := l.c.Expect[l.vm.Name]
	switch {
	case e == nil:
		return false
	case l.p.Kind == probes.Readiness:
		return e.Ready != nil || e.Endpoints != nil
	case l.p.Kind == probes.Liveness:
		return e.Live != nil || e.Restarts != nil
	}
	return false
}

// calm: nothing but steps and faults moves the VM, so that the analysis of a
// single cause is right.
func (l *lookout) calm() bool {
	return len(l.c.Events) == 0 && l.c.ProberAge >= l.p.Period &&
		len(l.vm.Program.Power)+len(l.vm.EveryBoot.Power)+len(l.vm.Program.Freezes)+len(l.vm.EveryBoot.Freezes) == 0
}

// replies finds lists of replies that may run out.
func (l *lookout) replies() {
	for i := range l.steps {
		s := &l.steps[i]
		total := 0
		for _, r := range s.Replies {
			if r.Times == 0 {
				total = -1
				break
			}
			total += r.Times
		}
		if !s.Counted || total < 0 {
			continue
		}
		from, to := max(s.At.D+l.offset, l.p.InitialDelay), l.c.Until
		if i+1 < len(l.steps) {
			to = min(to, l.steps[i+1].At.D+l.offset)
		}
		if attempts := int64((to-from)/l.p.Period) + 1; to > from && attempts > int64(total) {
			l.list.Add(diag.RunOut, s.Pos, `end the list with "REPLY ..."`, "%d replies for up to %d %s attempts until %s", total, attempts, l.p.Kind, to)
		}
	}
}

// delays finds replies that come about when the timeout does.
func (l *lookout) delays() {
	check := func(d time.Duration, pos Pos, what string) {
		if diff := d - l.p.Timeout; d > 0 && max(diff, -diff) <= l.p.Timeout/5 {
			l.list.Add(diag.NearTimeout, pos, "", "%s of %s is within 20%% of the %s timeout of %s: a real machine cannot tell", what, d, l.p.Kind, l.p.Timeout)
		}
	}
	for _, s := range l.steps {
		for _, a := range s.Replies {
			r := a.Reply
			check(r.ConnectDelay, a.Pos, "a connection delay")
			switch {
			case r.HTTP != nil:
				check(r.HTTP.Delay, a.Pos, "a delay")
			case r.Agent != nil:
				check(r.Agent.Delay, a.Pos, "a delay")
				check(r.Agent.SyncDelay, a.Pos, "a delay")
			case r.Exec != nil:
				check(r.Exec.After, a.Pos, "a run time")
			}
		}
	}
	for i, f := range l.c.Faults {
		if _, ok := l.faultEffect(&f, l.vm, l.p); ok && f.Kind == Delay {
			check(2*f.By, l.faultPos[i], "a round trip")
		}
	}
}

// late finds changes so near to the end that the verdict would fall after it.
func (l *lookout) late() {
	if !l.asserted() {
		return
	}
	check := func(e effect, at time.Duration, pos Pos) {
		n := l.p.FailureThreshold
		if e.class == probes.Success {
			n = l.p.SuccessThreshold
		}
		margin := time.Duration(n)*l.p.Period + l.p.Timeout
		if at < l.c.Until && at > l.c.Until-margin && l.c.Until > margin {
			l.list.Add(diag.LateEvent, pos, "", "the change at %s may show only at %s, after the end of the run at %s, in profile %s",
				at, at+margin, l.c.Until, l.c.Profile.Name)
		}
	}
	for i, s := range l.spans {
		if i > 0 && s.class != probes.NoClass && s.class != l.spans[i-1].class && !s.everyRun {
			check(s.effect, s.at, s.pos)
		}
	}
	for i, f := range l.c.Faults {
		if e, ok := l.faultEffect(&f, l.vm, l.p); ok && e.class == probes.Failure && !l.short(f.At, f.At+f.For, f.For >= 0) {
			check(e, f.At, l.faultPos[i])
		}
	}
}

// short tells whether an outage cannot reach the threshold, whatever the
// phase of the prober.
func (l *lookout) short(at, end time.Duration, ends bool) bool {
	return ends && end-at <= time.Duration(l.p.FailureThreshold-1)*l.p.Period
}

// outage is a stretch of failures between two good ones.
type outage struct {
	span
	first string // how it is named in messages
}

// found lists the outages: bad steps after a good one until the next good
// one, and faults.
func (l *lookout) found() []outage {
	var out []outage
	for i := 0; i < len(l.spans); i++ {
		s := l.spans[i]
		if s.class != probes.Failure || i == 0 || l.spans[i-1].class != probes.Success {
			continue
		}
		for s.end >= 0 && i+1 < len(l.spans) && l.spans[i+1].class == probes.Failure {
			i++
			s.end = l.spans[i].end
		}
		if i+1 < len(l.spans) && l.spans[i+1].class == probes.Success {
			out = append(out, outage{s, s.name})
		}
	}
	for i, f := range l.c.Faults {
		if f.Kind == Partition && riddenOut(f.For, l.p.Timeout) {
			continue
		}
		if e, ok := l.faultEffect(&f, l.vm, l.p); ok && e.class == probes.Failure && f.For >= 0 {
			out = append(out, outage{span{effect: e, name: f.As, at: f.At, end: f.At + f.For, pos: l.faultPos[i], isFault: true}, f.As})
		}
	}
	return out
}

// riddenOut tells whether every attempt survives a partition of that length:
// TCP repeats a SYN 1, 3, 7, ... s after the first and data sooner, so that one
// of them comes after the partition and, in four fifths of the timeout, in time.
func riddenOut(length, timeout time.Duration) bool {
	repeated := time.Second
	for repeated < length {
		repeated = 2*repeated + time.Second
	}
	return length >= 0 && repeated <= timeout*4/5
}

// outages finds those whose length leaves the verdict to the prober's phase.
func (l *lookout) outages() {
	if !l.asserted() || l.byAttempts() {
		return
	}
	for _, o := range l.found() {
		from := max(o.at, l.p.InitialDelay)
		length := o.end - from
		gap := max(l.p.Period, o.attempt.Hi)
		low, high := time.Duration(l.p.FailureThreshold-1)*l.p.Period, time.Duration(l.p.FailureThreshold)*gap
		if length <= low || length >= high || o.end > l.c.Until {
			continue
		}
		name := ""
		if o.first != "" {
			name = " \"" + o.first + "\""
		}
		what := "lose readiness"
		if l.p.Kind == probes.Liveness {
			what = "fail liveness"
		}
		l.list.Add(diag.Ambiguous, o.pos, "", "outage%s lasts %s: with failureThreshold %d and period %s a legal prober may or may not %s in profile %s (must be <= %s or >= %s)",
			name, length, l.p.FailureThreshold, l.p.Period, what, l.c.Profile.Name, low, high)
	}
}

// byAttempts: the expectations count attempts and name no time.
func (l *lookout) byAttempts() bool {
	e := l.c.Expect[l.vm.Name]
	if l.p.Kind != probes.Readiness || e == nil || e.Ready == nil || len(e.Ready.Changes) == 0 {
		return false
	}
	for _, ch := range e.Ready.Changes {
		if ch.After.IsZero() {
			return false
		}
	}
	return true
}

// timeBases finds expectations in seconds about replies that are counted, and
// expectations by attempt about steps in seconds.
func (l *lookout) timeBases() {
	e := l.c.Expect[l.vm.Name]
	if e == nil || e.Ready == nil || l.p.Kind != probes.Readiness || l.key == "" {
		return
	}
	counts, times := false, false
	for i, s := range l.steps {
		counts = counts || len(s.Replies) > 1
		times = times || i > 0
	}
	if l.p.Handler == probes.Exec {
		times = times || len(l.compilation.steps[l.vm.Name+" agent"]) > 1
	}
	for _, ch := range e.Ready.Changes {
		byTime := ch.After.IsZero() && !mentions(ch.Lo, "readiness#") && !mentions(ch.Hi, "readiness#")
		switch {
		case byTime && counts && !times:
			l.list.Add(diag.TwoTimeBases, ch.Pos, "use after: readiness#N", "a window in seconds for replies that are counted by attempt")
		case !byTime && times && !counts:
			l.list.Add(diag.TwoTimeBases, ch.Pos, "use replies", "an attempt number for steps that happen by time")
		}
	}
}

func mentions(f Formula, prefix string) bool {
	for _, r := range f.Refs() {
		if strings.HasPrefix(r.Name, prefix) {
			return true
		}
	}
	return false
}
