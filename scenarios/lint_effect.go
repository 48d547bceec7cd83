package scenarios

import (
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
	"github.com/vmprobe/vmprobe/scenarios/syntax"
)

// effect is what an attempt gets while a reply is in force. The zero value:
// the lints do not know and stay silent.
type effect struct {
	class   probes.Class
	attempt bounds.Window // how long the attempt lasts
}

func fails(lo, hi time.Duration) effect {
	return effect{probes.Failure, bounds.Window{Lo: lo, Hi: hi}}
}

func passes(d time.Duration) effect {
	return effect{probes.Success, bounds.Window{Lo: d, Hi: d}}
}

// answered is a reply that takes its time: in time it has the class it says,
// too late it is a failure at the timeout.
func answered(class probes.Class, d, timeout time.Duration) effect {
	switch {
	case d >= timeout:
		return fails(timeout, timeout)
	case class == probes.Success:
		return passes(d)
	}
	return fails(d, d)
}

// effectOf judges the replies of a step for a probe.
func effectOf(key string, s *syntax.Step, p *probes.Probe, profile probes.Profile) effect {
	if len(s.Replies) != 1 || s.Replies[0].Times != 0 {
		return effect{}
	}
	r := &s.Replies[0].Reply
	hang := HangOf(*p, profile)
	switch p.Handler {
	case probes.HTTPGet:
		secure := strings.Contains(key, " https/")
		if secure != (p.HTTP.Scheme == "HTTPS") || strings.Contains(key, " tcp/") {
			return effect{}
		}
		return httpEffect(r, p)
	case probes.TCPSocket:
		return tcpEffect(r, p)
	case probes.GuestAgentPing:
		return agentEffect(r.Agent, hang)
	case probes.Exec:
		return execEffect(r.Exec, p, hang)
	default:
		return effect{}
	}
}

func httpEffect(r *fakevm.Reply, p *probes.Probe) effect {
	switch r.Connect {
	case fakevm.Refuse:
		return fails(0, 0)
	case fakevm.Blackhole:
		return fails(p.Timeout, p.Timeout)
	case fakevm.Unaccepted:
		limit := p.Timeout
		if p.HTTP.Scheme == "HTTPS" { // the handshake has a limit of its own (HTTP-TLS-NOVERIFY)
			limit = min(limit, 10*time.Second)
		}
		return fails(limit, limit)
	default: // the handshake is made
	}
	h := r.HTTP
	odd := h == nil || h.Raw != "" || h.Endless != "" || h.StallAfter != nil || h.StallInHeaders || h.DripBytes > 0 ||
		h.NoDrain || h.Require != nil || h.DeclaredLength != nil || h.Framing != "" || len(h.Interim) > 0 || h.Proto != ""
	switch {
	case odd || slices.ContainsFunc(h.Headers, func(h probes.Header) bool { return strings.EqualFold(h.Name, "Location") }):
		return effect{}
	case h.Silent:
		return fails(p.Timeout, p.Timeout)
	case h.Status == 0:
		return answered(probes.Failure, r.ConnectDelay+h.Delay, p.Timeout)
	case h.End == fakevm.EndOpen || h.End == fakevm.EndReset:
		return effect{}
	case h.Status >= 200 && h.Status <= 399:
		return answered(probes.Success, r.ConnectDelay+h.Delay, p.Timeout)
	}
	return answered(probes.Failure, r.ConnectDelay+h.Delay, p.Timeout)
}

func tcpEffect(r *fakevm.Reply, p *probes.Probe) effect {
	switch {
	case r.Connect == fakevm.Refuse:
		return fails(0, 0)
	case r.Connect == fakevm.Blackhole:
		return fails(p.Timeout, p.Timeout)
	case r.TCP != nil && r.TCP.Backlog > 0:
		return effect{}
	}
	return answered(probes.Success, r.ConnectDelay, p.Timeout)
}

func agentEffect(a *fakevm.AgentReply, hang bounds.Window) effect {
	switch {
	case a == nil:
		return effect{}
	case a.Down:
		return fails(0, 0)
	case a.Silent:
		return fails(hang.Lo, hang.Hi)
	case *a == fakevm.AgentReply{ErrorClass: a.ErrorClass, ErrorDesc: a.ErrorDesc}:
		if a.ErrorClass != "" {
			return fails(0, 0)
		}
		return passes(0)
	}
	return effect{}
}

func execEffect(e *fakevm.ExecReply, p *probes.Probe, hang bounds.Window) effect {
	switch {
	case e == nil || e.Missing || e.Signal != 0 || e.OutputRaw != "" || len(e.Require) > 0 || e.Exit%256 == 0 && e.Exit != 0:
		return effect{}
	case e.Hang:
		return fails(hang.Lo, hang.Hi)
	case e.After*10 > p.Timeout*7:
		return effect{}
	case e.Exit != 0:
		return fails(0, e.After+p.Timeout/10)
	}
	return effect{probes.Success, bounds.Window{Hi: e.After + p.Timeout/10}}
}

// faultEffect judges a fault for a probe; ok is false when it does not
// concern it.
func (c *compilation) faultEffect(f *Fault, vm *VM, p *probes.Probe) (e effect, ok bool) {
	t, known := c.c.targetOf(vm, p)
	if !known || !slices.Contains(f.Sides, t.vm) {
		return effect{}, false
	}
	agent := p.Handler == probes.GuestAgentPing || p.Handler == probes.Exec && c.c.Profile.VM
	network := p.Handler == probes.HTTPGet || p.Handler == probes.TCPSocket
	switch f.Kind {
	case Partition:
		return fails(p.Timeout, p.Timeout), network && slices.Contains(f.Sides, "prober")
	case RefuseAll:
		return fails(0, 0), network
	case HideDomain, AgentCode:
		return effect{}, agent
	case AgentLock:
		return effect{}, agent
	case ResetAll:
		return effect{}, false
	default:
		return effect{}, network
	}
}
