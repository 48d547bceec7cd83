package oracle

import (
	"encoding/json"
	"fmt"
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
		g := guest{court: c, vm: v, saw: v.Of(trace.GuestSaw)}
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
	saw   []history.Mark
	seen  int  // events of saw before the last try that was looked at
	lost  bool // the last try lost a race

	studied bool       // the story of the VM is known:
	downs   []interval // in which it does not answer as scripted
	// migrates and annotated: it moves, its agent probes are paused at times.
	migrates, annotated bool

	occupied bool // it is known
	// agent holds when tries occupy the agent, by their starts; span is the
	// longest of them.
	agent []occupation
	span  time.Duration
}

// study reads the story of the VM, once.
func (g *guest) study() {
	if g.studied {
		return
	}
	g.studied = true
	g.downs, g.migrates, g.annotated = g.court.downtimes(g.vm), g.vm.Migrates(), len(g.court.annotated(g.vm)) > 0
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
			if t.Ended() && t.End < s.Container.Stop && g.try(s, a, t) {
				return
			}
		}
	}
}

// disturbed tells whether something beside the script may have decided a try:
// a fault, a pause, a migration, a reboot, an annotation, a panic.
func (g *guest) disturbed(s *history.Stint, t *history.Try) bool {
	g.study()
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
	if !g.lost && g.fits(&v, t, len(replies) > 0) || g.disturbed(s, t) {
		return false // what fits does so whatever was in its way
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

// fits tells whether a try came to what the guest did by itself. How long it
// took is known only if the guest saw it.
func (g *guest) fits(v *truth.Verdict, t *history.Try, seen bool) bool {
	took := t.End - t.Start
	return v.Classes.Has(t.Class) && (!seen || took <= v.Max+g.court.slack && took >= v.Min-early-g.court.late)
}

// speaksFirst tells a server that answers before it is asked. A client may
// lose that race now and then, but not twice in a row
// (HTTP-SERVER-SPEAKS-FIRST).
func speaksFirst(r *told) bool { return r.reply.HTTP != nil && r.reply.HTTP.NoDrain }

// did tells what the guest did, short enough for one line.
func did(list []*told) string {
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
