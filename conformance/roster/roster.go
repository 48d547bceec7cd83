// Package roster keeps the pods of a case for a door whose prober speaks
// package protocol: it puts what the platform does into events, finds the pod
// that an action means, and lets the platform act on verdicts. When things
// happen, and who makes the tries, is the door's business.
package roster

import (
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Roster is the prober of one case, as the world sees it. It implements
// simbed.Prober but for Restart.
type Roster struct {
	// Ground is the world of the case; needed.
	Ground *simbed.Ground
	// Tell passes events on to the prober; needed. They happened now.
	Tell func(...protocol.Event)
	// AgentSocket is the path of the socket of a VM's guest agent; nil: there
	// are none.
	AgentSocket func(vm string) string
	// Later leaves it to the door to call Silent when the prober has answered to
	// the start of a container; default: Tell returns with the answer.
	Later bool

	vms []*Machine
}

// Machine is one VM. It implements simbed.VMProber.
type Machine struct {
	// Config is the VM as a prober is told of it, Platform takes verdicts.
	Config   prober.VMConfig
	Platform prober.Platform

	roster *Roster
	pods   []*Pod
}

// Pod is what a restarted prober is told again.
type Pod struct {
	Machine *Machine

	number, instance int32
	startedAt        time.Duration // of the container, on the wall clock's scale
	target           bool
	running          bool
	terminating      bool
	passed           bool // the startup probe of the container
	gone             bool
	told             [3]bool // by kind: the prober has published a state of the container
}

// Add implements simbed.Prober.
func (r *Roster) Add(c prober.VMConfig) (simbed.VMProber, error) {
	m := &Machine{roster: r, Config: c}
	r.vms = append(r.vms, m)
	return m, nil
}

// Restarted lists what a prober that has just begun anew must know.
func (r *Roster) Restarted() []protocol.Event {
	events := []protocol.Event{{Event: protocol.ProberRestarted}}
	for _, m := range r.vms {
		for _, p := range m.pods {
			if p.gone {
				continue
			}
			if p.running {
				events = append(events, m.started(p))
			}
			if p.terminating {
				events = append(events, protocol.Event{Event: protocol.Terminating, VM: m.Config.Name, Instance: p.instance, Pod: p.number})
			}
		}
	}
	return events
}

// StepClock implements simbed.Prober.
func (r *Roster) StepClock(by time.Duration) {
	r.Ground.Record(trace.Event{T: r.now(), Kind: trace.ClockStepped, Msg: by.String()})
	for _, m := range r.vms {
		for _, p := range m.pods {
			p.startedAt -= by
		}
	}
	r.Tell(protocol.Event{Event: protocol.ClockStepped, ByNs: int64(by)})
}

func (r *Roster) now() time.Duration { return r.Ground.Kernel().Now() }

// Bind implements simbed.VMProber.
func (m *Machine) Bind(p prober.Platform) { m.Platform = p }

// PanicNext implements simbed.VMProber.
func (m *Machine) PanicNext() {
	m.roster.Tell(protocol.Event{Event: protocol.Panic, VM: m.Config.Name})
}

// ContainerStarted implements platform.Prober.
func (m *Machine) ContainerStarted(c platform.Container) {
	p := m.pod(func(p *Pod) bool { return p.number == c.Pod })
	if p == nil {
		p = &Pod{Machine: m, number: c.Pod}
		m.pods = append(m.pods, p)
	}
	p.instance, p.running, p.passed, p.startedAt, p.target = c.Instance, true, false, c.At, c.Target
	p.told = [3]bool{}
	m.roster.Tell(m.started(p))
	if !m.roster.Later {
		m.silent(p)
	}
}

// Silent publishes what a container begins with, of the probes that the prober
// has said nothing of in its answer to the start of an instance.
func (r *Roster) Silent(vm string, instance int32) {
	for _, m := range r.vms {
		if m.Config.Name != vm {
			continue
		}
		if p := m.of(instance); p != nil && p.running {
			m.silent(p)
		}
	}
}

func (m *Machine) silent(p *Pod) {
	for _, probe := range m.Config.Probes {
		over := p.terminating && probe.Kind != probes.Readiness // TERM-LIVENESS-OFF
		if !p.told[probe.Kind] && !over {
			m.roster.begins(p, probe.Kind)
		}
	}
}

func (m *Machine) started(p *Pod) protocol.Event {
	e := protocol.Event{
		Event: protocol.ContainerStarted, VM: m.Config.Name, Instance: p.instance, Pod: p.number,
		Address:   m.roster.Ground.Address(m.Config.Name, p.instance),
		StartedNs: int64(p.startedAt), Target: p.target, Passed: p.passed,
	}
	if m.roster.AgentSocket != nil {
		e.AgentSocket = m.roster.AgentSocket(m.Config.Name)
	}
	return e
}

// ContainerStopped implements platform.Prober.
func (m *Machine) ContainerStopped(instance int32, willRestart bool) {
	if p := m.of(instance); p != nil {
		p.running, p.passed, p.gone = false, false, !willRestart
		m.roster.Tell(protocol.Event{
			Event: protocol.ContainerStopped, VM: m.Config.Name, Instance: instance, Pod: p.number, WillRestart: willRestart,
		})
	}
}

// Terminating implements platform.Prober.
func (m *Machine) Terminating(instance int32) {
	if p := m.of(instance); p != nil {
		p.terminating = true
		m.roster.Tell(protocol.Event{Event: protocol.Terminating, VM: m.Config.Name, Instance: instance, Pod: p.number})
	}
}

// Trigger implements platform.Prober.
func (m *Machine) Trigger(instance int32) {
	if p := m.of(instance); p != nil {
		m.roster.Tell(protocol.Event{Event: protocol.Sync, VM: m.Config.Name, Instance: instance, Pod: p.number})
	}
}

// of is the pod of an instance; nil when its pod is gone.
func (m *Machine) of(instance int32) *Pod {
	return m.pod(func(p *Pod) bool { return p.instance == instance && !p.gone })
}

func (m *Machine) pod(is func(*Pod) bool) *Pod {
	if i := slices.IndexFunc(m.pods, is); i >= 0 {
		return m.pods[i]
	}
	return nil
}

// Slot is the place of a probe among those of the VM; false when it has none
// of that kind.
func (m *Machine) Slot(kind probes.Kind) (int, bool) {
	i := slices.IndexFunc(m.Config.Probes, func(p probes.Probe) bool { return p.Kind == kind })
	return i, i >= 0
}
