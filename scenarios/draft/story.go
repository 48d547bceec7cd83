package draft

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

// story is what happens to one machine and what must be seen of it.
type story struct {
	vm, prefix   string
	endpoints    []*endpoint
	lets         []string
	ready, live  []string
	restarts     string
	requirements []string
	findings     []string
	titles       []string
	end          time.Duration // of the last window
	tail         time.Duration // that must follow it
}

// endpoint is something in the guest that probes ask.
type endpoint struct {
	key, up, down string
	steps         []string
}

func (e *endpoint) step(at time.Duration, reply, as string) {
	name := ""
	if as != "" {
		name = ", as: " + as
	}
	e.steps = append(e.steps, fmt.Sprintf("{at: %s, reply: %s%s}", seconds(at), reply, name))
}

// probe is one probe with what it asks.
type probe struct {
	probes.Probe
	*endpoint
}

func (p *probe) fails() time.Duration { return time.Duration(p.FailureThreshold) * p.Period }

// margin is what an attempt may take although its target answers: a command in
// the guest is polled for.
func (p *probe) margin() string {
	if p.Handler == probes.Exec || p.Handler == probes.GuestAgentPing {
		return " + timeout"
	}
	return ""
}

// teller makes a story.
type teller struct {
	*story
	machine                      *spec.Machine
	resolved                     *spec.Resolved
	readiness, liveness, startup *probe
	// by is when all that has been told is over; from, when startup has surely
	// passed.
	by, from time.Duration
}

// tell makes the story of a machine.
func tell(m *spec.Machine, r *spec.Resolved, several bool) (*story, []error) {
	t := &teller{story: &story{vm: m.Name}, machine: m, resolved: r}
	if several {
		t.prefix = camel(m.Name)
	}
	var errs []error
	for i := range r.Probes {
		if unfit := t.unfit(&r.Probes[i]); unfit != nil {
			errs = append(errs, unfit)
		}
	}
	if len(errs) > 0 {
		return t.story, errs
	}
	for i := range r.Probes {
		p := &probe{r.Probes[i], t.endpoint(&r.Probes[i])}
		switch p.Kind {
		case probes.Readiness:
			t.readiness = p
		case probes.Liveness:
			t.liveness = p
		case probes.Startup:
			t.startup = p
		}
		t.tail = max(t.tail, time.Duration(max(p.FailureThreshold, p.SuccessThreshold))*p.Period+p.Timeout)
	}
	for _, f := range r.Findings {
		if f.Severity == spec.Rejects { // and goes on, or it would have been refused
			t.findings = append(t.findings, fmt.Sprintf("{requirement: %s, contains: %q}", f.Requirement, f.Message))
		}
	}
	t.starts()
	t.breaks()
	t.dies()
	t.end = t.by
	for i := range r.Probes { // each has its first attempt
		t.end = max(t.end, r.Probes[i].InitialDelay+r.Probes[i].Period)
	}
	return t.story, nil
}

// name is a name for formulas: with several machines that of the machine comes
// first.
func (t *teller) name(word string) string {
	if t.prefix == "" {
		return word
	}
	return t.prefix + strings.ToUpper(word[:1]) + word[1:]
}

// about adds requirements.
func (t *teller) about(ids ...string) {
	for _, id := range ids {
		if !slices.Contains(t.requirements, id) {
			t.requirements = append(t.requirements, id)
		}
	}
}

// starts tells of the boot: what the startup probe asks is down for a while,
// when its threshold allows that, and everything else is up.
func (t *teller) starts() {
	listening := time.Duration(0)
	if s := t.startup; s != nil {
		t.about("STARTUP-GATE")
		earliest := "startup.initialDelay"
		if s.FailureThreshold >= 3 {
			listening = (s.InitialDelay + s.Period + time.Second - 1) / time.Second * time.Second
			s.endpoint.step(0, s.down, "")
			name := ""
			if t.readiness != nil {
				name = t.name("listening")
			}
			s.endpoint.step(listening, s.up, name)
			earliest = fmt.Sprintf("max(%s, startup.initialDelay)", t.name("listening"))
		}
		t.from = max(listening, s.InitialDelay) + s.Period
		if t.readiness != nil {
			t.lets = append(t.lets, t.name("canStart")+": "+earliest)
		}
	}
	for _, e := range t.endpoints {
		if len(e.steps) == 0 {
			e.step(0, e.up, "")
		}
	}
	t.by = t.from
	r := t.readiness
	if r == nil {
		return
	}
	t.about("STATE-INIT", "TIM-DELAY-NEVER-EARLY")
	low, high := "initialDelay", "initialDelay + successThreshold*period"
	if t.startup != nil {
		low, high = t.name("canPass"), t.name("mustPass")+" + successThreshold*period"
		t.lets = append(t.lets,
			fmt.Sprintf("%s: max(%s, readiness.initialDelay)", low, t.name("canStart")),
			fmt.Sprintf("%s: max(%s + startup.period, readiness.initialDelay)", t.name("mustPass"), t.name("canStart")))
	}
	t.ready = append(t.ready, "false", fmt.Sprintf("{to: true, in: [%s, %s%s]}", low, high, r.margin()))
	t.by = max(t.from, r.InitialDelay) + time.Duration(r.SuccessThreshold)*r.Period + r.Timeout
}

// breaks tells of an outage that readiness must see. One that liveness sees as
// well must be too short for it.
func (t *teller) breaks() {
	r := t.readiness
	if r == nil {
		return
	}
	at, outage := up10(t.by+r.Period), up10(r.fails()+r.Period+r.Timeout)
	if l := t.liveness; l != nil && t.hurts(r, l) {
		at = max(at, up10(max(t.from, l.InitialDelay)+l.Period))
		outage = (r.fails() + r.Timeout + time.Second).Round(time.Second)
		if outage+l.Timeout >= l.fails()-l.Period {
			return
		}
	}
	broken, mended := t.name("broken"), t.name("mended")
	r.endpoint.step(at, r.down, broken)
	r.endpoint.step(at+outage, r.up, mended)
	t.ready = append(t.ready,
		fmt.Sprintf("{to: false, in: [%s + (failureThreshold-1)*period, %s + failureThreshold*period%s]}", broken, broken, r.margin()),
		fmt.Sprintf("{to: true, in: [%s, %s + successThreshold*period%s]}", mended, mended, r.margin()))
	t.about("THR-FAILURE", "THR-SUCCESS")
	t.titles = append(t.titles, "is out of service while its readiness probe fails")
	t.by = at + outage + time.Duration(r.SuccessThreshold)*r.Period + r.Timeout
}

// dies tells of the failure that liveness must answer with a kill, where the
// next container is safe from it; of one that it must forgive, elsewhere.
func (t *teller) dies() {
	l := t.liveness
	if l == nil {
		if t.readiness != nil {
			t.restarts = "none"
			t.about("READY-NEVER-KILLS")
		}
		return
	}
	at := up10(max(t.by, t.from, l.InitialDelay) + l.Period)
	r, shared := t.readiness, t.shared()
	spills := r != nil && t.hurts(l, r)
	forgiven := (l.fails() - l.Period) / 2
	if spills {
		forgiven = min(forgiven, (r.fails()-r.Period)/2)
	}
	switch {
	case t.killable(l) && (!spills || shared && len(t.ready) == 2 && (t.outlasts(r, l) || t.escapes(r, l))):
		t.killed(l, at)
		return
	case forgiven >= time.Second && (!shared || len(t.ready) == 2):
		outage := forgiven.Round(time.Second)
		l.endpoint.step(at, l.down, "")
		l.endpoint.step(at+outage, l.up, "")
		t.by = at + outage
		t.titles = append(t.titles, "survives a short failure")
		t.about("THR-CONSECUTIVE")
	case shared && len(t.ready) > 2:
		t.titles = append(t.titles, "is not killed before the threshold of liveness")
	}
	t.restarts, t.live = "none", []string{}
	t.about("LIVE-INDEP-READY")
}

// outlasts tells whether what kills the VM takes it out of service as well,
// escapes whether it is surely over before.
func (t *teller) outlasts(r, l *probe) bool { return l.fails()+aftermath(l) > r.fails()+r.Timeout }

func (t *teller) escapes(r, l *probe) bool {
	return l.fails()+aftermath(l)+r.Timeout < r.fails()-r.Period
}

// hurts tells whether b fails when what a asks is down: it asks the same, or
// runs a command by the guest agent that a pings.
func (t *teller) hurts(a, b *probe) bool {
	return a.endpoint == b.endpoint ||
		t.machine.Kind != "Pod" && a.Handler == probes.GuestAgentPing && b.Handler == probes.Exec
}

// shared tells whether readiness and liveness ask the same.
func (t *teller) shared() bool {
	return t.readiness != nil && t.liveness != nil && t.readiness.endpoint == t.liveness.endpoint
}
