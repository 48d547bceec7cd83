package model

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/sim"
)

// Actor is the actor of a worker in a fleet: MaxSlots for each VM, from 1.
func Actor(vm, slot int) sim.Actor { return sim.Actor(1 + vm*MaxSlots + slot) }

// Standard is the scenario by which drivers are compared: each VM with an HTTP
// readiness probe, a TCP liveness probe and a guest-agent ping (of readiness
// kind, which decides nothing else), all with period 10 s, timeout 1 s,
// failureThreshold 3 and successThreshold 1. A killed container is followed
// by a new one after 15 s. The answers are those of [Traffic].
func Standard(seed uint64, until time.Duration) Config {
	probe := func(kind probes.Kind) engine.Config {
		return engine.Config{
			Kind: kind, Period: 10 * time.Second,
			FailureThreshold: 3, SuccessThreshold: 1, Tries: 3,
		}
	}
	return Config{
		Seed:     seed,
		Probes:   []engine.Config{probe(probes.Readiness), probe(probes.Liveness), probe(probes.Readiness)},
		Answerer: &Traffic{Seed: seed, Timeout: time.Second, Span: until},
		Respawn:  15 * time.Second,
		Until:    until,
	}
}

// Traffic answers like a fleet of ordinary guests: 96 % of the tries are good
// after 2 to 50 ms, 2 % fail in the same time, 0.5 % are refused within 1 ms,
// and 1.5 % hang until the timeout. 30 % of the VMs have one outage of 45 s in
// which everything hangs.
type Traffic struct {
	Seed    uint64
	Timeout time.Duration // of every probe; >= 50 ms
	Span    time.Duration // outages begin in [0, Span)

	// The outage of the VM asked last.
	vm       int
	known    bool
	from, to time.Duration
}

// Own implements Owner.
func (t *Traffic) Own() Answerer {
	own := *t
	return &own
}

// Outage is the length of a VM's outage.
const Outage = 45 * time.Second

const (
	streamTry    = 0x7472_0000_0000_0000
	streamOutage = 0x6f75_0000_0000_0000
)

// Answer implements Answerer.
func (t *Traffic) Answer(q Query) (latency time.Duration, class probes.Class) {
	if q.VM != t.vm || !t.known {
		t.lookUp(q.VM)
	}
	if q.At >= t.from && q.At < t.to {
		return t.Timeout, probes.Failure
	}
	index := uint64(uint32(q.Instance))<<40 ^ uint64(uint32(q.Attempt))<<8 ^ uint64(uint8(q.Try))
	draw := sim.Draw(t.Seed, streamTry^uint64(q.VM)*MaxSlots^uint64(q.Slot), index)
	// The upper half of the draw chooses the class, the lower the latency.
	switch thousandth := sim.Below(draw, 1000); {
	case thousandth < 960:
		return ordinary(draw), probes.Success
	case thousandth < 980:
		return ordinary(draw), probes.Failure
	case thousandth < 985:
		return time.Duration(sim.Below(draw<<32, uint64(time.Millisecond))), probes.Failure
	}
	return t.Timeout, probes.Failure
}

// ordinary is the latency of an answer.
func ordinary(draw uint64) time.Duration {
	return 2*time.Millisecond + time.Duration(sim.Below(draw<<32, uint64(48*time.Millisecond)))
}

// lookUp finds the outage of a VM; without one it is empty.
func (t *Traffic) lookUp(vm int) {
	t.vm, t.known, t.from, t.to = vm, true, 0, 0
	draw := sim.Draw(t.Seed, streamOutage, uint64(vm))
	if sim.Chance(draw, 30) {
		t.from = time.Duration(sim.Below(draw<<32, uint64(t.Span)))
		t.to = t.from + Outage
	}
}
