package simbed

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// host is the ground of one guest in the simulated world. Its ports are open
// on the network host of the pod in which the domain runs; a migration moves
// them.
type host struct {
	world    *world
	vm       *vm
	actor    sim.Actor
	ports    []port // ascending
	attached *network.Host
	channel  *agentPort
	replies  map[*fakevm.Reply]string // their JSON, made once
	did      *fakevm.Reply            // the last one
	didAt    time.Duration
}

type port struct {
	number uint16
	gate   network.Gate
	close  func()
}

// Now is the instant of the run.
func (h *host) Now() time.Duration { return h.world.kernel.Now() }

// At arms a timer of the guest.
func (h *host) At(t time.Duration, fn func()) (cancel func()) {
	timer := h.world.kernel.NewTimer(h.actor, fn)
	h.world.kernel.Set(timer, t)
	return func() { h.world.kernel.Stop(timer) }
}

// Alarm implements fakevm.Alarmer.
func (h *host) Alarm(fn func()) fakevm.Alarm {
	a := &alarm{kernel: h.world.kernel}
	a.kernel.Init(&a.timer, h.actor, fn)
	return a
}

// alarm is a timer of the guest that is armed again and again.
type alarm struct {
	kernel *sim.Kernel
	timer  sim.Timer
}

func (a *alarm) Set(t time.Duration) { a.kernel.Set(&a.timer, t) }
func (a *alarm) Stop()               { a.kernel.Stop(&a.timer) }

// Listen opens a port on the pod's address, now and after each move.
func (h *host) Listen(number uint16, gate fakevm.Gate) (closer func(), err error) {
	p := port{number: number, gate: func(remote string) network.Decision {
		d := gate(remote)
		return network.Decision{Connect: network.Connect(d.Connect), Delay: d.Delay, Handler: d.Handler}
	}}
	if h.attached != nil {
		if p.close, err = h.attached.Listen(number, p.gate); err != nil {
			return nil, err
		}
	}
	at, _ := slices.BinarySearchFunc(h.ports, number, func(p port, n uint16) int { return int(p.number) - int(n) })
	h.ports = slices.Insert(h.ports, at, p)
	return func() { h.shut(number) }, nil
}

func (h *host) shut(number uint16) {
	at, found := slices.BinarySearchFunc(h.ports, number, func(p port, n uint16) int { return int(p.number) - int(n) })
	if !found {
		return
	}
	if h.ports[at].close != nil {
		h.ports[at].close()
	}
	h.ports = slices.Delete(h.ports, at, at+1)
}

// attach gives the guest's ports to the network host of a pod; nil takes them
// away.
func (h *host) attach(to *network.Host) error {
	for i := range h.ports {
		if h.ports[i].close != nil {
			h.ports[i].close()
			h.ports[i].close = nil
		}
	}
	h.attached = to
	if to == nil {
		return nil
	}
	for i := range h.ports {
		var err error
		if h.ports[i].close, err = to.Listen(h.ports[i].number, h.ports[i].gate); err != nil {
			return err
		}
	}
	return nil
}

// Log turns what the guest saw into an event of the trace.
func (h *host) Log(r fakevm.Record) {
	if r.Exhausted {
		h.world.fail("the script of %s %s has no reply left: end it with \"...\"", h.vm.spec.Name, r.Endpoint)
	}
	e := trace.Event{Kind: trace.GuestSaw, Value: r.Endpoint, Msg: r.Seen}
	switch {
	case r.Violation:
		e.Kind, e.Msg = trace.Violation, r.Note
	case r.Did != nil:
		if e.Msg = h.describe(r.Did); r.Unasked {
			e.Msg = fakevm.MarkUnasked(e.Msg)
		}
		h.did, h.didAt = r.Did, h.Now()
	}
	h.vm.record(e)
}

// describe gives the reply as the JSON that a judge reads back.
func (h *host) describe(r *fakevm.Reply) string {
	if text, ok := h.replies[r]; ok {
		return text
	}
	data, err := json.Marshal(r)
	if err != nil { // a Reply holds nothing that JSON cannot hold
		panic(err)
	}
	h.replies[r] = string(data)
	return h.replies[r]
}
