package oracle

import (
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/truth"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// The checks of the files sight*.go judge probers that tell nothing of their
// attempts: what the guest saw stands for them. A sighting is less than an
// attempt: it begins after the attempt did, its class is what the truth table
// allows, and what never reached the guest was not seen. Every check gives the
// prober the benefit of each of these doubts.

// sighting is one attempt as the guest saw it.
type sighting struct {
	first, last time.Duration // arrivals of the first and the last try
	tries       int
	// vague: the tries may be as many attempts.
	vague bool
	// chain: it follows redirects, each of which is a request.
	chain    bool
	requests int
	classes  truth.Classes // what the attempt may have come to
	// least and most bound how long the last try took from its start.
	least, most time.Duration
	rule        string // that decides the class
	event       int    // of the first try
}

// may tells whether the attempt may have passed, or failed.
func (x *sighting) may(passed bool) bool {
	if passed {
		return x.classes&truth.Set(probes.Success, probes.Warning) != 0
	}
	return x.classes.Has(probes.Failure)
}

// must tells whether the attempt can have come to nothing else.
func (x *sighting) must(passed bool) bool {
	if passed {
		return x.classes != 0 && x.classes&^truth.Set(probes.Success, probes.Warning) == 0
	}
	return x.classes == truth.Set(probes.Failure)
}

// errs tells whether the attempt was thrown away for sure.
func (x *sighting) errs() bool { return x.classes == truth.Set(probes.Errored) }

// sight is the work of one probe on one container as the guest saw it.
type sight struct {
	c     *court
	s     *history.Stint
	guest *guest
	list  []sighting
	// blind are the spans in which the guest may not see a try; in the failing
	// ones every try fails.
	blind, failing []interval
	// passing are blind spans in which a try may pass all the same.
	passing []interval
	// never is the rule by which nothing arrives, see neverArrives.
	never string
}

// sights visits the work of every probe of which the guest's log can tell.
func (c *court) sights(visit func(*sight)) {
	for _, v := range c.run.VMs {
		if len(v.Of(trace.GuestBoot)) == 0 {
			c.silent("the guest of " + v.Name + " keeps no log")
			continue
		}
		if v.Migrates() {
			c.silent("the guest of a VM that moves cannot tell the pods apart")
			continue
		}
		g := newGuest(c, v)
		for _, k := range v.Containers {
			for _, s := range k.Stints {
				if why := g.anonymous(s); why != "" {
					c.silent(why)
					continue
				}
				c.judged = true
				visit(g.look(s))
			}
		}
	}
}

func newGuest(c *court, v *history.VM) *guest {
	g := &guest{court: c, vm: v, saw: v.Of(trace.GuestSaw)}
	g.study()
	return g
}

// anonymous says why requests cannot be attributed to the probe.
func (g *guest) anonymous(s *history.Stint) string {
	if !g.judgeable(s) {
		return "what the " + s.Probe.Handler.String() + " probe asks is not in the guest's log"
	}
	if port(s.Probe) != 0 && g.watched() {
		return "another VM's probe may ask the guest of " + g.vm.Name
	}
	for i := range g.vm.Spec.Resolved.Probes {
		p := &g.vm.Spec.Resolved.Probes[i]
		if p.Kind != s.Probe.Kind && p.Handler == s.Probe.Handler && sameTarget(p, s.Probe) {
			return "two probes ask the same endpoint"
		}
		if p.Kind != s.Probe.Kind && agentHandler(p.Handler) && agentHandler(s.Probe.Handler) {
			return "two probes ask the guest agent"
		}
		if p.Kind != s.Probe.Kind && port(p) != 0 && port(p) == port(s.Probe) {
			return "two probes ask the same port"
		}
	}
	return ""
}

// watched tells whether a probe of the case asks a host of its own choice.
func (g *guest) watched() bool {
	for i := range g.court.run.Case.VMs {
		for _, p := range g.court.run.Case.VMs[i].Resolved.Probes {
			if p.Handler == probes.HTTPGet && p.HTTP.Host != "" || p.Handler == probes.TCPSocket && p.TCP.Host != "" {
				return true
			}
		}
	}
	return false
}

func sameTarget(p, q *probes.Probe) bool { return port(p) == port(q) }

func agentHandler(h probes.Handler) bool { return h == probes.GuestAgentPing || h == probes.Exec }

// port is the port that a probe asks, 0 for none.
func port(p *probes.Probe) int {
	switch p.Handler {
	case probes.HTTPGet:
		return p.HTTP.Port.Number
	case probes.TCPSocket:
		return p.TCP.Port.Number
	case probes.GuestAgentPing, probes.Exec, probes.NoHandler:
	}
	return 0
}

// look reads the guest's log of one stint.
func (g *guest) look(s *history.Stint) *sight {
	w := &sight{c: g.court, s: s, guest: g}
	w.spans()
	from := s.Container.Start
	if g.court.run.Wall && previous(s) != nil {
		from += g.court.haste() // what the container before was asked may be noticed late
	}
	unaware := g.unaware(s)
	for _, m := range g.vm.Of(trace.GuestSaw) {
		if m.T < unaware && m.T < g.court.due(s, m.T) {
			continue
		}
		if m.T >= from && m.Instance == s.Container.Instance && anchors(s.Probe, m.Value) && Uses(s.Probe, m.Msg) {
			w.add(m)
		}
	}
	return w
}

// anchors tells whether a request to the endpoint is a try of the probe. A
// command in a VM takes several requests to the agent; the command is the one
// that counts.
func anchors(p *probes.Probe, endpoint string) bool {
	if p.Handler == probes.Exec {
		return endpoint == string(fakevm.Exec)
	}
	return Asks(p, endpoint)
}

// add takes one request: a further one of the last try, a further try of the
// last attempt, or a new attempt.
func (w *sight) add(m history.Mark) {
	x := w.read(m)
	if n := len(w.list); n > 0 {
		p := &w.list[n-1]
		within := m.T <= p.last+p.most+w.c.haste()
		switch {
		case p.chain && p.classes == 0 && m.T <= p.last+min(p.most, w.s.Probe.Period/2): // a redirect is followed
			// What the truth table says is about the probe's own path.
			if x.chain = redirects(w.c.lore.parse(m.Msg)); x.chain {
				x.classes = 0
			} else {
				x.classes = anyClass()
			}
			p.classes, p.least, p.rule = x.classes, 0, x.rule
			if p.requests++; p.requests >= redirectLimit && x.chain {
				p.classes, p.rule = truth.Set(probes.Failure), "HTTP-REDIR-LIMIT"
			}
			return
		case p.classes.Has(probes.Errored) && within && int32(p.tries) < maxTries(w.c.profile()):
			p.tries++
			p.vague = p.vague || !p.errs()
			if p.vague {
				x.classes |= p.classes
			}
			p.last, p.classes, p.least, p.most, p.rule = x.last, x.classes, x.least, x.most, x.rule
			return
		}
	}
	w.list = append(w.list, x)
}

// read is one request with what may become of its try.
func (w *sight) read(m history.Mark) sighting {
	x := sighting{
		first: m.T, last: m.T, tries: 1, requests: 1, event: m.Index, classes: anyClass(),
		most: tryBound(w.s.Probe, w.c.profile()), rule: unseenRule(w.s.Probe),
	}
	r := w.c.lore.parse(m.Msg)
	if r == nil {
		return x
	}
	kind, _, _ := strings.Cut(m.Value, "/")
	d := w.c.decide(w.s.Probe, truth.Answer{Kind: fakevm.EndpointKind(kind), Reply: r})
	if !d.ok {
		x.classes, x.chain, x.vague = 0, true, true // what follows the redirect decides
		return x
	}
	v := &d.verdict
	x.classes, x.least, x.most, x.rule = v.Classes, v.Min, v.Max, v.Rule
	t := history.Try{Start: m.T, End: m.T + v.Max}
	if w.guest.disturbed(w.s, &t) || w.blindIn(m.T, m.T+v.Max) && agentHandler(w.s.Probe.Handler) {
		x.classes |= truth.Set(probes.Failure, probes.Errored)
		x.least, x.most = 0, tryBound(w.s.Probe, w.c.profile())
	}
	if port(w.s.Probe) != 0 && w.lostSYN(m.T) {
		x.classes |= truth.Set(probes.Failure)
		x.least = 0
	}
	return x
}

// lostSYN tells whether the first SYN of a try that the guest sees at t may have
// been lost, while the guest was away: it has less time left than it seems.
func (w *sight) lostSYN(t time.Duration) bool {
	begins := max(t-w.s.Probe.Timeout, w.c.due(w.s, t))
	if n := len(w.list); n > 0 {
		begins = max(begins, w.list[n-1].last)
	}
	return slices.ContainsFunc(w.blind, func(i interval) bool { return i.lo < t && i.hi > begins && i.hi != history.Never })
}

// redirects tells whether a reply sends its reader elsewhere.
func redirects(r *fakevm.Reply) bool {
	if r == nil || r.HTTP == nil || r.HTTP.Status < 301 || r.HTTP.Status > 308 {
		return false
	}
	return slices.ContainsFunc(r.HTTP.Headers, func(h probes.Header) bool { return strings.EqualFold(h.Name, "Location") })
}

// redirectLimit is how many requests a chain of redirects may have.
const redirectLimit = 10

func anyClass() truth.Classes {
	return truth.Set(probes.Success, probes.Warning, probes.Failure, probes.Errored)
}

// end is when the attempt was over at the latest.
func (x *sighting) end() time.Duration { return x.last + x.most }

// blindIn tells whether a try between two instants may be unseen.
func (w *sight) blindIn(lo, hi time.Duration) bool { return overlaps(w.blind, lo, hi) }

func overlaps(list []interval, lo, hi time.Duration) bool {
	return slices.ContainsFunc(list, func(i interval) bool { return i.lo < hi && i.hi > lo })
}

// unseen is how many tries between two instants the guest may have missed.
func (w *sight) unseen(lo, hi time.Duration) int {
	n := 0
	for _, i := range w.blind {
		if span := min(i.hi, hi) - max(i.lo, lo); span > 0 {
			n += int(span/w.s.Probe.Period) + 2
		}
	}
	return n
}

// until is the instant up to which the prober owes attempts.
func (w *sight) until() time.Duration {
	end := w.c.obligation(w.s)
	if w.s.Probe.Kind == probes.Startup {
		end = min(end, w.mayPass())
	}
	return end
}
