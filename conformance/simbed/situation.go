package simbed

import (
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// situation is the state of the world as far as the outcome of a try hangs on
// it, while nothing moves but the try.
type situation struct {
	probe    *probes.Probe
	address  string
	instance int32
	history  uint64 // of what has happened to guests, domains and network
	guests   uint64 // their footprints
	status   guestagent.Status
	channel  guestagent.ChannelState
	unread   int // bytes in the channel, unless nobody will ever read them
}

// follows tells whether the agent channel may have come from one situation to
// another, when commands are all that has happened: nothing is half there.
func (s *situation) follows(from *situation) bool {
	if s.channel == from.channel {
		return s.unread == from.unread
	}
	asked := s.channel.Connected && !s.channel.Fresh
	return asked && from.channel.Connected && s.channel.Half+from.channel.Half == 0 && s.unread+from.unread == 0
}

// situation is the state of the world now.
func (g *group) situation(req *prober.Request) situation {
	w := g.r.w
	v := w.vms[req.VM]
	s := situation{probe: req.Probe, address: v.pod(req.Instance).addr, instance: req.Instance, history: g.history}
	all := mixed(0)
	for _, vm := range g.vms {
		all.number(w.vms[vm].fake.Footprint())
	}
	s.guests = uint64(all)
	if req.Probe.Handler == probes.GuestAgentPing || req.Probe.Handler == probes.Exec {
		s.status = (&domain{v, req.Instance}).Status()
		if ch := v.pod(req.Instance).channel; ch != nil {
			s.channel = ch.State()
		}
		if port := v.host.channel; port != nil && !s.channel.Broken {
			s.unread = port.serial.Unread()
		}
	}
	return s
}
