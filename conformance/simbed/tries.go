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
	network *attempt.Target
	agent   guestagent.Target
	domain  *domain // of the last instance asked for
	idle    *try    // to be used again; nil while it is under way
}

// try is one try under way. It is made once for a slot, with the function that
// its task runs: a fleet makes millions of tries. A second one is needed only
// when the prober restarts while the first is under way.
type try struct {
	slot *slot
	env  taskEnv
	req  prober.Request
	done func(probes.Result)
	run  func(*sim.Task)
}

// Try implements prober.Tryer for the whole world.
func (w *world) Try(req prober.Request, done func(probes.Result)) {
	s := w.vms[req.VM].slotOf(&req)
	t := s.idle
	if t == nil {
		t = &try{slot: s, env: taskEnv{from: w.prober, proxy: w.c.Proxy}}
		t.run = t.make
	}
	s.idle = nil
	t.req, t.done = req, done
	w.kernel.Go(req.Actor, t.run)
}

// make is the body of the task. The try is free again before the prober hears
// of it, which may begin the next one at once.
func (t *try) make(task *sim.Task) {
	t.env.task = task
	if m := t.slot.vm.world.recall; m != nil {
		m.group(t.req.VM).began(t)
	}
	v := t.slot.vm
	began := v.world.kernel.Now()
	result := v.world.deviation.finish(t.req.Probe, t.slot.try(&t.env, &t.req))
	if v.host.didAt >= began {
		result = v.world.race(&t.req, v.host.did, result)
	}
	done := t.done
	t.slot.idle = t
	done(result)
}

func (s *slot) try(env *taskEnv, req *prober.Request) probes.Result {
	v := s.vm
	switch req.Probe.Handler {
	case probes.HTTPGet, probes.TCPSocket:
		s.network.Address = v.pod(req.Instance).addr
		return attempt.Try(env, s.network)
	case probes.GuestAgentPing, probes.Exec:
		return guestagent.Try(env, s.domainOf(req.Instance), v.channelOf(req.Instance), &s.agent)
	case probes.NoHandler:
	}
	return probes.Result{Class: probes.Errored, Message: "missing probe handler"}
}

// domainOf is libvirt's view of an instance. A command that the kubelet has
// given up on keeps the one that it began with.
func (s *slot) domainOf(instance int32) *domain {
	if s.domain == nil || s.domain.instance != instance {
		s.domain = &domain{s.vm, instance}
	}
	return s.domain
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
		s.network = v.world.target(req)
		s.agent = guestagent.Target{
			Probe: req.Probe, Profile: profile, Container: &container{v}, Rules: v.world.deviation.Agent, Replies: v.world.said(),
		}
		p.slots[req.Slot] = s
	}
	return p.slots[req.Slot]
}
