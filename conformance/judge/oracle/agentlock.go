package oracle

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
)

// occupation is the time in which a try may hold the agent's job lock.
type occupation struct {
	interval
	agentTry
}

// occupy lists the occupations of the agent, once. Whoever is killed by the kubelet
// does not take libvirt's command back, which holds the lock for up to two
// waits.
func (g *guest) occupy() {
	if g.occupied {
		return
	}
	g.occupied, g.agent = true, g.court.lore.desk.agent[:0]
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
	g.court.lore.desk.agent = g.agent
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
	g.occupy()
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
	g.occupy()
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
	saw := g.saw
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
