package oracle

import (
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/truth"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// spans finds when the guest may not see a try of the probe, and when every
// try must fail.
func (w *sight) spans() {
	w.blind = append(w.blind, w.guest.downs...)
	w.ofFaults()
	w.ofStory()
	always := interval{-history.Never, history.Never}
	if w.never = w.neverArrives(); w.never != "" || slices.ContainsFunc(w.s.Probe.Command, func(word string) bool { return strings.Contains(word, `\`) }) {
		w.blind = append(w.blind, always) // a backslash may break the JSON
	}
	known := false
	for _, script := range []struct {
		program *fakevm.Program
		perBoot bool
	}{{&w.guest.vm.Spec.Program, false}, {&w.guest.vm.Spec.EveryBoot, true}} {
		for i := range script.program.Endpoints {
			e := &script.program.Endpoints[i]
			if int(e.Port) == port(w.s.Probe) && e.Port != 0 || e.Port == 0 && agentHandler(w.s.Probe.Handler) {
				w.ofEndpoint(e, script.perBoot)
				known = true
			}
		}
	}
	switch {
	case known:
	case port(w.s.Probe) != 0: // nobody listens
		w.blind, w.failing = append(w.blind, always), append(w.failing, always)
	default:
		w.blind = append(w.blind, always)
	}
}

// neverArrives gives the rule by which nothing that the probe asks reaches the
// guest: a request that cannot be sent, a command that breaks the JSON around
// it, a port that is not forwarded. It is empty for most probes.
func (w *sight) neverArrives() string {
	p := w.s.Probe
	if p.Handler == probes.Exec {
		if w.c.profile().VM && slices.ContainsFunc(p.Command, func(word string) bool {
			return strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r == '"' })
		}) {
			return "EX-JSON-INJECT"
		}
		return ""
	}
	list := w.s.VM.Spec.Resolved.ForwardedPorts
	if n := port(p); n != 0 && list != nil && !slices.ContainsFunc(list, func(f uint16) bool { return int(f) == n }) {
		return "NET-MASQ-PORTS"
	}
	d := w.c.decide(p, truth.Answer{Kind: plainKind(p), Reply: w.c.lore.parse("{}")})
	if d.ok && d.verdict.Max == 0 {
		return d.verdict.Rule
	}
	return ""
}

// plainKind is the kind of endpoint that a probe expects.
func plainKind(p *probes.Probe) fakevm.EndpointKind {
	switch {
	case p.Handler == probes.HTTPGet && strings.EqualFold(p.HTTP.Scheme, "https"):
		return fakevm.HTTPS
	case p.Handler == probes.HTTPGet:
		return fakevm.HTTP
	case p.Handler == probes.TCPSocket:
		return fakevm.TCP
	}
	return fakevm.Agent
}

func (w *sight) ofFaults() {
	for _, f := range w.c.run.Case.Faults {
		if !slices.Contains(f.Sides, w.s.VM.Name) {
			continue
		}
		span := interval{f.At, history.Never}
		if f.For >= 0 {
			span.hi = f.At + f.For
		}
		if port(w.s.Probe) != 0 && (f.Kind == scenarios.RefuseAll || f.Kind == scenarios.Partition && slices.Contains(f.Sides, "prober")) {
			w.failing = append(w.failing, span)
		}
		if span.hi != history.Never { // what began in the fault may end after it
			span.hi += time.Duration(maxTries(w.c.profile())) * tryBound(w.s.Probe, w.c.profile())
		}
		w.blind = append(w.blind, span)
	}
}

// ofStory finds what else keeps tries from the guest: a panic of the prober,
// or agent probes that are paused.
func (w *sight) ofStory() {
	for _, e := range w.c.run.Case.Events {
		if e.Kind == scenarios.PanicAttempt && e.VM == w.s.VM.Name {
			w.blind = append(w.blind, interval{e.At, e.At + 2*w.s.Probe.Period})
		}
		if e.Kind == scenarios.Annotate && e.VM == w.s.VM.Name && agentHandler(w.s.Probe.Handler) {
			w.blind = append(w.blind, interval{-history.Never, history.Never})
		}
	}
	if agentHandler(w.s.Probe.Handler) && len(w.c.annotated(w.s.VM)) > 0 {
		w.blind = append(w.blind, interval{-history.Never, history.Never})
	}
}

// ofEndpoint finds the steps of a script in which tries do not arrive.
func (w *sight) ofEndpoint(e *fakevm.Endpoint, perBoot bool) {
	origins := []time.Duration{0}
	if perBoot {
		origins = origins[:0]
		for _, m := range w.s.VM.Of(trace.GuestBoot) {
			origins = append(origins, m.T)
		}
	}
	for i, origin := range origins {
		over := history.Never
		if i+1 < len(origins) {
			over = origins[i+1]
		}
		edge := func(i int) time.Duration {
			if i >= len(e.Steps) {
				return over
			}
			return min(origin+e.Steps[i].At, over)
		}
		w.ofStep(e, nil, interval{min(origin, edge(0)), edge(0)})
		for j := range e.Steps {
			w.ofStep(e, e.Steps[j].Replies, interval{edge(j), edge(j + 1)})
		}
	}
	if !perBoot || len(e.Steps) < 2 && e.Steps[0].At == 0 {
		return
	}
	// The clock of a boot stands while the guest does.
	for _, m := range w.c.timeline(w.s.VM, trace.DomainState, trace.GuestPower) {
		if m.Value != "running" && m.Value != "shutoff" {
			w.blind = append(w.blind, interval{m.T, history.Never})
			w.failing = slices.DeleteFunc(w.failing, func(i interval) bool { return i.hi > m.T })
			return
		}
	}
}

// channelLimit is how much output of a command certainly fits into a reply of
// the agent, in bytes.
const channelLimit = 1 << 20

// ofStep looks at what one step does; nil replies are those before the first.
func (w *sight) ofStep(e *fakevm.Endpoint, replies []fakevm.Counted, span interval) {
	if span.lo >= span.hi && replies == nil {
		return
	}
	unseen, fails := replies == nil, replies == nil
	for i := range replies {
		r := &replies[i].Reply
		switch {
		case r.Exec != nil && (r.Exec.OutputRaw != "" || r.Exec.OutputBytes > channelLimit): // it may break the channel
			unseen, span.hi = true, history.Never
		case e.Kind == fakevm.Agent && !healthy(r.Agent):
			// What it does to the channel may last.
			unseen, span.hi = true, history.Never
		case r.Connect == fakevm.Refuse || r.Connect == fakevm.Blackhole:
			unseen = true
			fails = fails || i == 0 && replies[i].Times == 0
		case r.TCP != nil && r.TCP.Backlog > 0: // the queue takes some
			unseen = true
			w.passing = append(w.passing, span)
		}
	}
	if unseen {
		w.blind = append(w.blind, span)
	}
	if fails && e.Port != 0 {
		w.failing = append(w.failing, span)
	}
}

// healthy tells whether an agent that answers so sees every later command.
func healthy(r *fakevm.AgentReply) bool {
	return r == nil || *r == fakevm.AgentReply{ErrorClass: r.ErrorClass, ErrorDesc: r.ErrorDesc, Value: r.Value}
}
