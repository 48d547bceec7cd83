package oracle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/truth"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// The checks of this file hold the class and the duration of each try to what
// the guest did meanwhile (semantics 1.4 to 1.7, by package truth). The
// failure names the rule that decides: HTTP-BODY-ERROR, TCP-FAIL, ...

func httpTruth(c *court)  { c.guestTruth(probes.HTTPGet) }
func tcpTruth(c *court)   { c.guestTruth(probes.TCPSocket) }
func agentTruth(c *court) { c.guestTruth(probes.GuestAgentPing) }
func execTruth(c *court)  { c.guestTruth(probes.Exec) }

// guestTruth judges every try of a handler that nothing disturbed.
func (c *court) guestTruth(h probes.Handler) {
	for _, v := range c.run.VMs {
		if len(v.Of(trace.GuestBoot)) == 0 {
			continue // the guest does not speak
		}
		if !handles(v, h) {
			continue
		}
		g := newGuest(c, v)
		if agentHandler(h) {
			g.occupy()
		}
		for _, k := range v.Containers {
			for _, s := range k.Stints {
				if s.Probe.Handler == h && g.judgeable(s) {
					g.stint(s)
				}
			}
		}
	}
}

func handles(v *history.VM, h probes.Handler) bool {
	for i := range v.Spec.Resolved.Probes {
		if v.Spec.Resolved.Probes[i].Handler == h {
			return true
		}
	}
	return false
}

// guest is one VM as its own log shows it.
type guest struct {
	court *court
	vm    *history.VM
	downs []interval // in which it does not answer as scripted
	// agent holds when tries occupy the agent, by their starts; span is the
	// longest of them.
	agent []occupation
	span  time.Duration
	lost  bool // the last try lost a race
	// migrates and annotated tell of the story of the VM: it moves, its agent
	// probes are paused at times.
	migrates, annotated bool
	seen                int // events of the guest before the last try that was looked at
	// Memory for what is known of one try at a time.
	heard   []reply
	answers []truth.Answer
}

// Lore is what guests said, read once, and what the truth tables answered: a
// guest does the same for hours. One serves any number of judgements of one
// case on one testbed, one after the other.
type Lore struct {
	read    map[string]*fakevm.Reply
	decided map[question]decision
	last    question // was asked just now, and answered so
	said    decision
	desk    desk
}

// desk is memory that checks use one after the other.
type desk struct {
	steps  []step
	marks  []history.Mark
	course course
}

// NewLore knows nothing yet.
func NewLore() *Lore {
	return &Lore{read: map[string]*fakevm.Reply{}, decided: map[question]decision{}}
}

// question is what a verdict hangs on beside the profile; decision is what
// truth.Of answers.
type question struct {
	probe  *probes.Probe
	answer truth.Answer
}

type decision struct {
	verdict truth.Verdict
	ok      bool
}

// judgeable tells whether the guest's own log can decide about a probe: not
// when it asks another machine, or when the filesystems may be frozen.
func (g *guest) judgeable(s *history.Stint) bool {
	switch s.Probe.Handler {
	case probes.HTTPGet:
		return s.Probe.HTTP.Host == ""
	case probes.TCPSocket:
		return s.Probe.TCP.Host == "" && !g.webServer(s.Probe.TCP.Port.Number)
	case probes.Exec:
		return len(g.vm.Spec.Program.Freezes)+len(g.vm.Spec.EveryBoot.Freezes) == 0
	case probes.GuestAgentPing, probes.NoHandler:
	}
	return true
}

// webServer tells whether an HTTP server has the port: it logs requests, and a
// connection without one leaves no trace.
func (g *guest) webServer(port int) bool {
	for _, program := range []*fakevm.Program{&g.vm.Spec.Program, &g.vm.Spec.EveryBoot} {
		for _, e := range program.Endpoints {
			if int(e.Port) == port && e.Kind != fakevm.TCP {
				return true
			}
		}
	}
	return false
}

func (g *guest) stint(s *history.Stint) {
	g.lost = false
	for _, a := range s.Attempts {
		for i := range a.Tries {
			t := &a.Tries[i]
			if !t.Ended() || t.End >= s.Container.Stop || g.disturbed(s, t) {
				continue
			}
			if g.try(s, a, t) {
				return
			}
		}
	}
}

// disturbed tells whether something beside the script may have decided a try:
// a fault, a pause, a migration, a reboot, an annotation, a panic.
func (g *guest) disturbed(s *history.Stint, t *history.Try) bool {
	c := g.court
	over := func(lo, hi time.Duration) bool { return t.Start <= hi && t.End >= lo }
	for _, f := range c.run.Case.Faults {
		end := f.At + f.For
		if f.For < 0 {
			end = history.Never
		}
		if slices.Contains(f.Sides, g.vm.Name) && over(f.At, end) {
			return true
		}
	}
	for _, d := range g.downs {
		if over(d.lo, d.hi) {
			return true
		}
	}
	if g.migrates || g.between(s, t) {
		return true
	}
	for _, e := range c.run.Case.Events {
		if e.Kind == scenarios.PanicAttempt && e.VM == g.vm.Name && over(e.At, e.At+s.Probe.Period+c.slack) {
			return true
		}
	}
	if s.Probe.Handler == probes.GuestAgentPing && c.profile().PauseAnnotation {
		return c.happens(g.vm.Name, t.End, scenarios.Annotate) || g.annotated
	}
	return false
}

// greeting is how long the handshakes of a try may take. A guest may change in
// the midst of them, and answer the one as before and the other as after.
const greeting = 10 * time.Millisecond

// between tells whether a TLS server changed while a try was greeting it.
func (g *guest) between(s *history.Stint, t *history.Try) bool {
	if s.Probe.Handler != probes.HTTPGet || !strings.EqualFold(s.Probe.HTTP.Scheme, "https") {
		return false
	}
	return slices.ContainsFunc(g.vm.Of(trace.GuestStep), func(m history.Mark) bool {
		return m.T >= t.Start && m.T <= t.Start+greeting+g.court.noticed()
	})
}

// downtimes are the windows in which a guest does not run as scripted: before
// its boot, after a power event, while its domain is not running.
func (c *court) downtimes(v *history.VM) []interval {
	var list []interval
	booted, stopped, since := false, false, -history.Never
	for _, m := range c.timeline(v, trace.GuestBoot, trace.GuestPower, trace.DomainState, trace.ContainerStopped, trace.Kill) {
		up := booted && !stopped
		switch m.Kind {
		case trace.GuestBoot:
			booted = true
		case trace.GuestPower:
			booted = m.Value == "resumed"
		case trace.DomainState:
			stopped = m.Value != "running"
		default: // a kill: the guest is on its way down
			booted = false
		}
		switch now := booted && !stopped; {
		case up && !now:
			since = m.T
		case up && now:
			list = append(list, interval{m.T, m.T}) // a reboot without a gap
		case !up && now:
			list = append(list, interval{since, m.T})
		}
	}
	if !booted || stopped {
		list = append(list, interval{since, c.run.End})
	}
	return list
}

// try judges one try and reports at most one failure.
func (g *guest) try(s *history.Stint, a *history.Attempt, t *history.Try) bool {
	replies, ok := g.replies(s.Probe, t)
	if !ok {
		return false
	}
	v, ok := g.verdict(s.Probe, replies)
	if !ok {
		return false
	}
	if s.Probe.Handler == probes.Exec && agentReplies(replies) > 1 {
		// guest-sync or guest-exec-status met another reply than guest-exec
		// did, one that makes it fail.
		v.Classes |= truth.Set(probes.Failure)
		v.Min, v.Max = 0, tryBound(s.Probe, g.court.profile())
	}
	took, rivals := t.End-t.Start, g.rivals(s, t)
	if rivals { // whoever waits for the job lock may time out (GA-SINGLE-FLIGHT)
		v.Classes |= truth.Set(probes.Failure)
	}
	lost := g.lost
	g.lost = t.Class == probes.Failure && !v.Classes.Has(probes.Failure) && slices.ContainsFunc(replies, speaksFirst)
	f := Failure{Requirement: v.Rule, At: t.End, Event: t.EndEvent}
	switch {
	case g.lost && !lost:
		return false
	case t.Class == probes.Failure && agentHandler(s.Probe.Handler) && g.behind(t):
		return false
	case !v.Classes.Has(t.Class):
		f.Message = fmt.Sprintf("attempt %d try %d is %s, %s", a.Number, t.Number, t.Class, did(replies))
		f.Want = classWords(v.Classes)
	case rivals || len(replies) == 0:
		return false
	case took > v.Max+g.court.slack:
		f.Message = fmt.Sprintf("attempt %d try %d took %s, %s", a.Number, t.Number, Seconds(took), did(replies))
		f.Want = "a result after " + Seconds(v.Max)
	case took < v.Min-early-g.court.late:
		f.Message = fmt.Sprintf("attempt %d try %d gave up after %s, %s", a.Number, t.Number, Seconds(took), did(replies))
		f.Want = "patience until " + Seconds(v.Min)
	default:
		return false
	}
	g.court.failStint(s, f)
	return true
}

// speaksFirst tells a server that answers before it is asked. A client may
// lose that race now and then, but not twice in a row
// (HTTP-SERVER-SPEAKS-FIRST).
func speaksFirst(r reply) bool { return r.reply.HTTP != nil && r.reply.HTTP.NoDrain }

// network is the network of the run.
func (c *court) network() truth.NetModel {
	net := truth.Simulated()
	net.Wall = c.run.Wall
	return net
}

// noticed is how much later than its client a guest may notice a connection:
// on real sockets the kernel completes it by itself.
func (c *court) noticed() time.Duration {
	if c.run.Wall {
		return c.slack / 2
	}
	return 0
}

// early is how much sooner than computed a try may end.
const early = 10 * time.Millisecond

// haste is how much sooner than computed a guest may seem to be asked after
// something else that it saw: in wall time it may have noticed that one late,
// by as much as a run that is judged may be late.
func (c *court) haste() time.Duration {
	if c.run.Wall {
		return early + (c.slack-c.late)/4 + c.late
	}
	return early
}

// jitter is by how much an interval between two attempts may seem shorter than
// it was.
func (c *court) jitter(period time.Duration) time.Duration {
	return min(c.slack-c.late, period/4) + c.late
}

// occupation is the time in which a try may hold the agent's job lock.
type occupation struct {
	interval
	agentTry
}

// occupy lists the occupations of the agent. Whoever is killed by the kubelet
// does not take libvirt's command back, which holds the lock for up to two
// waits.
func (g *guest) occupy() {
	profile := g.court.profile()
	for _, x := range agentTries(g.vm) {
		end := x.t.End
		if !x.t.Ended() {
			end = x.t.Start + tryBound(x.s.Probe, profile)
		}
		if !x.t.Class.Passed() {
			end = max(end, x.t.Start+2*profile.AgentInner, g.leftBehind(x.t))
		}
		g.agent = append(g.agent, occupation{interval{x.t.Start, end}, x})
		g.span = max(g.span, end-x.t.Start)
	}
	slices.SortStableFunc(g.agent, func(a, b occupation) int { return cmp.Compare(a.lo, b.lo) })
}

// leftBehind is when the agent may be done with the command of a try that failed
// without it: bytes wait in the port of an agent that is away.
func (g *guest) leftBehind(t *history.Try) time.Duration {
	for _, m := range g.sawFrom(t.Start) {
		if m.Value == agentEndpoint {
			return m.T + g.court.lore.replyDelay(m.Msg)
		}
	}
	return t.End
}

// rivals tells whether another try asked the same agent meanwhile, or one
// before it left a command behind.
func (g *guest) rivals(s *history.Stint, t *history.Try) bool {
	if s.Probe.Handler != probes.GuestAgentPing && s.Probe.Handler != probes.Exec {
		return false
	}
	first := sort.Search(len(g.agent), func(i int) bool { return g.agent[i].lo >= t.Start-g.span })
	for _, x := range g.agent[first:] {
		if x.lo > t.End {
			break
		}
		if x.t != t && x.hi >= t.Start && (x.s != s || x.lo < t.Start) {
			return true
		}
	}
	return false
}

// behind tells whether the agent may still have had to read commands of tries
// that gave up: more were sent since the last success than it has seen.
func (g *guest) behind(t *history.Try) bool {
	since, sent := time.Duration(0), 0
	for _, x := range g.agent {
		switch {
		case x.lo >= t.Start:
		case x.t.Class.Passed():
			since, sent = x.t.End, 0
		default:
			sent++
		}
	}
	if sent == 0 {
		return false
	}
	saw := g.vm.Of(trace.GuestSaw)
	for _, m := range saw[sort.Search(len(saw), func(i int) bool { return saw[i].T > since }):] {
		if m.T >= t.Start {
			break
		}
		if m.Value == agentEndpoint && strings.HasPrefix(m.Msg, "{") {
			sent--
		}
	}
	return sent > 0
}

// reply is what the guest did for one request.
type reply struct {
	kind  fakevm.EndpointKind
	reply *fakevm.Reply
}

// replies reads what the guest did during a try at the endpoints that the
// probe asks. ok is false when the log cannot be read.
func (g *guest) replies(p *probes.Probe, t *history.Try) (list []reply, ok bool) {
	g.heard = g.heard[:0]
	for _, m := range g.sawFrom(t.Start) {
		if m.T > t.End+g.court.noticed() {
			break
		}
		if !asks(p, m.Value) || !strings.HasPrefix(m.Msg, "{") {
			continue
		}
		kind, _, _ := strings.Cut(m.Value, "/")
		r := g.court.lore.parse(m.Msg)
		if r == nil {
			return nil, false
		}
		g.heard = append(g.heard, reply{fakevm.EndpointKind(kind), r})
	}
	return g.heard, true
}

// sawFrom is what the guest saw from an instant on. Most are asked for in
// their order.
func (g *guest) sawFrom(at time.Duration) []history.Mark {
	saw := g.vm.Of(trace.GuestSaw)
	if g.seen > 0 && saw[g.seen-1].T >= at {
		g.seen = 0
	}
	for g.seen < len(saw) && saw[g.seen].T < at {
		g.seen++
	}
	return saw[g.seen:]
}

// parse reads a reply from the log, nil when it is none.
func (l *Lore) parse(text string) *fakevm.Reply {
	r, ok := l.read[text]
	if !ok {
		r = new(fakevm.Reply)
		if json.Unmarshal([]byte(text), r) != nil {
			r = nil
		}
		l.read[text] = r
	}
	return r
}

// decide asks the truth table.
func (g *guest) decide(p *probes.Probe, a truth.Answer) (truth.Verdict, bool) {
	l, q := g.court.lore, question{p, a}
	if q == l.last {
		return l.said.verdict, l.said.ok
	}
	d, known := l.decided[q]
	if !known {
		d.verdict, d.ok = truth.Of(p, g.court.profile(), a, g.court.network())
		l.decided[q] = d
	}
	l.last, l.said = q, d
	return d.verdict, d.ok
}

// agentReplies is how many replies of the agent's script were used up.
func agentReplies(list []reply) int {
	n := 0
	for i := range list {
		if list[i].kind == fakevm.Agent {
			n++
		}
	}
	return n
}

// asks tells whether a probe asks an endpoint.
func asks(p *probes.Probe, endpoint string) bool {
	kind, number, _ := strings.Cut(endpoint, "/")
	switch p.Handler {
	case probes.HTTPGet, probes.TCPSocket:
		var digits [20]byte
		return number == string(strconv.AppendInt(digits[:0], int64(port(p)), 10))
	case probes.GuestAgentPing:
		return kind == string(fakevm.Agent)
	case probes.Exec:
		return kind == string(fakevm.Agent) || kind == string(fakevm.Exec)
	case probes.NoHandler:
	}
	return false
}

// verdict joins what is legal for each of the replies: with two probes on one
// endpoint nobody can tell whose was whose. A guest that saw nothing cannot
// have passed.
func (g *guest) verdict(p *probes.Probe, list []reply) (truth.Verdict, bool) {
	if len(list) == 0 {
		return truth.Verdict{Classes: truth.Set(probes.Failure, probes.Errored), Rule: unseenRule(p)}, true
	}
	g.answers = g.answers[:0]
	if p.Handler == probes.Exec {
		g.execAnswers(list)
	} else {
		for i := range list {
			g.answers = append(g.answers, truth.Answer{Kind: list[i].kind, Reply: list[i].reply})
		}
	}
	answers := g.answers
	if len(answers) == 0 {
		return truth.Verdict{}, false
	}
	var all truth.Verdict
	for i, a := range answers {
		v, ok := g.decide(p, a)
		if !ok {
			return v, false // a redirect leads elsewhere
		}
		if i == 0 {
			all = v
			continue
		}
		all.Classes |= v.Classes
		all.Min, all.Max = min(all.Min, v.Min), max(all.Max, v.Max)
	}
	if len(answers) > 1 {
		all.Min = 0
	}
	return all, true
}

// execAnswers pairs a command with the agent's reply to its guest-exec. In a
// container there is no agent.
func (g *guest) execAnswers(list []reply) {
	var agent *fakevm.Reply
	for i := range list {
		if list[i].kind == fakevm.Agent && agent == nil {
			agent = list[i].reply
		}
	}
	for i := range list {
		if list[i].kind == fakevm.Exec {
			g.answers = append(g.answers, truth.Answer{Kind: fakevm.Exec, Reply: list[i].reply, Agent: agent})
		}
	}
}

func unseenRule(p *probes.Probe) string {
	switch p.Handler {
	case probes.HTTPGet:
		return "HTTP-CONN-FAIL"
	case probes.TCPSocket:
		return "TCP-FAIL"
	case probes.Exec:
		return "EX-EXIT0"
	case probes.GuestAgentPing, probes.NoHandler:
	}
	return "GA-FAIL-MAP"
}

// did tells what the guest did, short enough for one line.
func did(list []reply) string {
	if len(list) == 0 {
		return "the guest saw no request"
	}
	var words []string
	for _, r := range list {
		text, err := json.Marshal(r.reply)
		if err != nil {
			return "the guest answered"
		}
		if len(text) > 100 {
			text = append(text[:100:100], "..."...)
		}
		words = append(words, string(text))
	}
	return "the guest did " + strings.Join(slices.Compact(words), " and ")
}

func classWords(s truth.Classes) string {
	var words []string
	for c := probes.Success; c <= probes.Errored; c++ {
		if s.Has(c) {
			words = append(words, c.String())
		}
	}
	return strings.Join(words, " or ")
}
