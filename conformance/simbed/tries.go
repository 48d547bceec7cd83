package simbed

import (
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// slot makes the tries of one probe of one pod, with real bytes on a task.
type slot struct {
	vm      *vm
	network attempt.Target
	agent   guestagent.Target
}

// Try implements prober.Tryer for the whole world.
func (w *world) Try(req prober.Request, done func(probes.Result)) {
	w.kernel.Go(req.Actor, func(t *sim.Task) {
		v := w.vms[req.VM]
		done(v.try(&taskEnv{t, w.prober}, &req))
	})
}

func (v *vm) try(env *taskEnv, req *prober.Request) probes.Result {
	s := v.slotOf(req)
	switch req.Probe.Handler {
	case probes.HTTPGet, probes.TCPSocket:
		s.network.Address = v.pod(req.Instance).addr
		return attempt.Try(env, &s.network)
	case probes.GuestAgentPing, probes.Exec:
		return guestagent.Try(env, &domain{v, req.Instance}, v.channelOf(env, req.Instance), &s.agent)
	case probes.NoHandler:
	}
	return probes.Result{Class: probes.Errored, Message: "missing probe handler"}
}

// slotOf finds the targets of a worker: they are not shared by the pods of a
// migration, whose workers try at the same time.
func (v *vm) slotOf(req *prober.Request) *slot {
	p := v.pod(req.Pod)
	for len(p.slots) <= req.Slot {
		p.slots = append(p.slots, nil)
	}
	if p.slots[req.Slot] == nil {
		profile := &v.world.c.Profile
		s := &slot{vm: v}
		s.network = attempt.Target{Probe: req.Probe, Profile: profile}
		s.agent = guestagent.Target{Probe: req.Probe, Profile: profile, Container: &container{v}}
		p.slots[req.Slot] = s
	}
	return p.slots[req.Slot]
}
