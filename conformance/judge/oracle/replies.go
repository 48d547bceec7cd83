package oracle

import (
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/truth"
	"github.com/vmprobe/vmprobe/probes"
)

// replies reads what the guest did during a try at the endpoints that the
// probe asks. ok is false when the log cannot be read. The list is good until
// the next one is read.
func (g *guest) replies(p *probes.Probe, t *history.Try) (list []*told, ok bool) {
	lore, end := g.court.lore, t.End+g.court.noticed()
	list = lore.desk.heard[:0]
	for _, m := range g.sawFrom(t.Start) {
		if m.T > end {
			break
		}
		x := lore.told(p, m.Value, m.Msg)
		if !x.asked {
			continue
		}
		if x.reply == nil {
			return nil, false
		}
		list = append(list, x)
	}
	lore.desk.heard = list
	return list, true
}

// sawFrom is what the guest saw from an instant on. Most are asked for in
// their order.
func (g *guest) sawFrom(at time.Duration) []history.Mark {
	if g.seen > 0 && g.saw[g.seen-1].T >= at {
		g.seen = 0
	}
	for g.seen < len(g.saw) && g.saw[g.seen].T < at {
		g.seen++
	}
	return g.saw[g.seen:]
}

// agentReplies is how many replies of the agent's script were used up.
func agentReplies(list []*told) int {
	n := 0
	for _, x := range list {
		if x.kind == fakevm.Agent {
			n++
		}
	}
	return n
}

// Asks tells whether a probe asks an endpoint.
func Asks(p *probes.Probe, endpoint string) bool {
	kind, number, _ := strings.Cut(endpoint, "/")
	switch p.Handler {
	case probes.HTTPGet, probes.TCPSocket:
		return number == strconv.Itoa(port(p))
	case probes.GuestAgentPing:
		return kind == string(fakevm.Agent)
	case probes.Exec:
		return kind == string(fakevm.Agent) || kind == string(fakevm.Exec)
	case probes.NoHandler:
	}
	return false
}

// Uses tells whether what a guest says is that the probe, which asks there, has
// used a reply. A connection on which nothing was asked is no attempt of an
// httpGet probe: one that gave up may leave its dial behind.
func Uses(p *probes.Probe, msg string) bool {
	return strings.HasPrefix(msg, "{") && (p.Handler != probes.HTTPGet || !fakevm.Unasked(msg))
}

// verdict joins what is legal for each of the replies: with two probes on one
// endpoint nobody can tell whose was whose. A guest that saw nothing cannot
// have passed.
func (g *guest) verdict(p *probes.Probe, list []*told) (truth.Verdict, bool) {
	if len(list) == 0 {
		return truth.Verdict{Classes: truth.Set(probes.Failure, probes.Errored), Rule: unseenRule(p)}, true
	}
	decisions := g.decisions(p, list)
	if len(decisions) == 0 || !decisions[0].ok {
		return truth.Verdict{}, false
	}
	all := decisions[0].verdict
	for _, d := range decisions[1:] {
		if !d.ok {
			return d.verdict, false // a redirect leads elsewhere
		}
		all.Classes |= d.verdict.Classes
		all.Min, all.Max = 0, max(all.Max, d.verdict.Max)
	}
	return all, true
}

// decisions are what the truth table says of each of the replies.
func (g *guest) decisions(p *probes.Probe, list []*told) []*decision {
	all := g.court.lore.desk.decisions[:0]
	if p.Handler == probes.Exec {
		all = g.execDecisions(all, p, list)
	} else {
		for _, x := range list {
			if x.alone == nil {
				x.alone = g.court.decide(p, truth.Answer{Kind: x.kind, Reply: x.reply})
			}
			all = append(all, x.alone)
		}
	}
	g.court.lore.desk.decisions = all
	return all
}

// execDecisions pairs a command with the agent's reply to its guest-exec. In a
// container there is no agent.
func (g *guest) execDecisions(all []*decision, p *probes.Probe, list []*told) []*decision {
	var agent *fakevm.Reply
	for _, x := range list {
		if x.kind == fakevm.Agent && agent == nil {
			agent = x.reply
		}
	}
	for _, x := range list {
		if x.kind == fakevm.Exec {
			all = append(all, g.court.decide(p, truth.Answer{Kind: fakevm.Exec, Reply: x.reply, Agent: agent}))
		}
	}
	return all
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
