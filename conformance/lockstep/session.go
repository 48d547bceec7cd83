package lockstep

import (
	"fmt"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// maxRounds is how many rounds of its own making a prober may need at one
// instant.
const maxRounds = 1000

// Peer is a prober that answers.
type Peer interface {
	// Call sends a request, whose Seq it sets, and gives the checked reply.
	Call(r *protocol.Request) (*protocol.Reply, error)
}

// session is the prober of one case: a simbed.Prober behind a Peer.
type session struct {
	g    *simbed.Ground
	peer Peer
	vms  []*machine
	wake *sim.Timer

	tries  map[int64]*try
	over   bool // the run has ended in an error
	at     time.Duration
	rounds int // of the prober's making, at that instant
}

// machine is one VM of the session. It implements simbed.VMProber.
type machine struct {
	s        *session
	cfg      prober.VMConfig
	platform prober.Platform
	pods     []*pod
}

// pod is what a restarted prober is told again, and where attempts are counted.
type pod struct {
	number, instance int32
	startedAt        time.Duration // of the container, on the wall clock's scale
	target           bool
	running          bool
	terminating      bool
	passed           bool // the startup probe of the container
	gone             bool
	counts           [3]count // by kind of probe
	told             [3]bool  // by kind: the prober has published a state of the container
}

// count numbers attempts and tries.
type count struct {
	attempt, try int32
	again        bool // the next try belongs to the same attempt
}

// door returns the way of the peer into a world. open is called first, with
// the ground of the case.
func door(peer Peer, open *protocol.Request) simbed.Door {
	return func(g *simbed.Ground) (simbed.Prober, error) {
		s := &session{g: g, peer: peer, tries: map[int64]*try{}}
		s.wake = g.Kernel().NewTimer(g.Kernel().Name("prober"), s.wakened)
		reply, err := peer.Call(open)
		if err != nil {
			return nil, err
		}
		if len(reply.Do) > 0 {
			return nil, &protocol.Violation{Seq: open.Seq, Field: "do", What: "there is nothing to do at open", Fix: "wait for a step"}
		}
		s.arm(reply)
		return s, nil
	}
}

// Add implements simbed.Prober.
func (s *session) Add(c prober.VMConfig) (simbed.VMProber, error) {
	m := &machine{s: s, cfg: c}
	s.vms = append(s.vms, m)
	return m, nil
}

// Restart implements simbed.Prober: the tries in flight are lost, and the
// prober is told of what runs.
func (s *session) Restart() {
	s.g.Record(trace.Event{T: s.now(), Kind: trace.ProberRestarted})
	clear(s.tries)
	events := []protocol.Event{{Event: protocol.ProberRestarted}}
	for _, m := range s.vms {
		for _, p := range m.pods {
			if p.gone {
				continue
			}
			p.counts = [3]count{}
			if p.running {
				events = append(events, m.started(p))
			}
			if p.terminating {
				events = append(events, protocol.Event{Event: protocol.Terminating, VM: m.cfg.Name, Instance: p.instance, Pod: p.number})
			}
		}
	}
	s.tell(events...)
}

// StepClock implements simbed.Prober.
func (s *session) StepClock(by time.Duration) {
	s.g.Record(trace.Event{T: s.now(), Kind: trace.ClockStepped, Msg: by.String()})
	for _, m := range s.vms {
		for _, p := range m.pods {
			p.startedAt -= by
		}
	}
	s.tell(protocol.Event{Event: protocol.ClockStepped, ByNs: int64(by)})
}

// Bind implements simbed.VMProber.
func (m *machine) Bind(p prober.Platform) { m.platform = p }

// PanicNext implements simbed.VMProber.
func (m *machine) PanicNext() { m.s.tell(protocol.Event{Event: protocol.Panic, VM: m.cfg.Name}) }

// ContainerStarted implements platform.Prober.
func (m *machine) ContainerStarted(c platform.Container) {
	p := m.pod(func(p *pod) bool { return p.number == c.Pod })
	if p == nil {
		p = &pod{number: c.Pod}
		m.pods = append(m.pods, p)
	}
	p.instance, p.running, p.passed, p.startedAt, p.target = c.Instance, true, false, c.At, c.Target
	p.told = [3]bool{}
	m.s.tell(m.started(p))
	for _, probe := range m.cfg.Probes {
		if !m.s.over && !p.told[probe.Kind] {
			m.s.begins(m, p, probe.Kind)
		}
	}
}

func (m *machine) started(p *pod) protocol.Event {
	return protocol.Event{
		Event: protocol.ContainerStarted, VM: m.cfg.Name, Instance: p.instance, Pod: p.number,
		Address:   m.s.g.Address(m.cfg.Name, p.instance),
		StartedNs: int64(p.startedAt), Target: p.target, Passed: p.passed,
	}
}

// ContainerStopped implements platform.Prober.
func (m *machine) ContainerStopped(instance int32, willRestart bool) {
	if p := m.of(instance); p != nil {
		p.running, p.passed, p.gone = false, false, !willRestart
		m.s.tell(protocol.Event{
			Event: protocol.ContainerStopped, VM: m.cfg.Name, Instance: instance, Pod: p.number, WillRestart: willRestart,
		})
	}
}

// Terminating implements platform.Prober.
func (m *machine) Terminating(instance int32) {
	if p := m.of(instance); p != nil {
		p.terminating = true
		m.s.tell(protocol.Event{Event: protocol.Terminating, VM: m.cfg.Name, Instance: instance, Pod: p.number})
	}
}

// Trigger implements platform.Prober.
func (m *machine) Trigger(instance int32) {
	if p := m.of(instance); p != nil {
		m.s.tell(protocol.Event{Event: protocol.Sync, VM: m.cfg.Name, Instance: instance, Pod: p.number})
	}
}

// of is the pod of an instance; nil when its pod is gone.
func (m *machine) of(instance int32) *pod {
	return m.pod(func(p *pod) bool { return p.instance == instance && !p.gone })
}

func (m *machine) pod(is func(*pod) bool) *pod {
	if i := slices.IndexFunc(m.pods, is); i >= 0 {
		return m.pods[i]
	}
	return nil
}

// slot is the place of a probe among those of the VM; false when it has none
// of that kind.
func (m *machine) slot(kind probes.Kind) (int, bool) {
	i := slices.IndexFunc(m.cfg.Probes, func(p probes.Probe) bool { return p.Kind == kind })
	return i, i >= 0
}

func (s *session) now() time.Duration { return s.g.Kernel().Now() }

func (s *session) wakened() {
	if s.spins() {
		return
	}
	s.tell()
}

// spins counts a round of the prober's own making and ends a livelock.
func (s *session) spins() bool {
	if now := s.now(); now != s.at {
		s.at, s.rounds = now, 0
	}
	if s.rounds++; s.rounds <= maxRounds {
		return false
	}
	s.fail(&protocol.Violation{
		What: fmt.Sprintf("livelock: %d rounds at instant %s and time does not move", maxRounds, s.at),
		Fix:  "ask with wakeAtNs for a later instant, or for none",
	})
	return true
}

func (s *session) fail(err error) {
	s.over = true
	s.g.Kernel().Stop(s.wake)
	s.g.Fail(err)
}

// tell tells the prober what happened and does what it says.
func (s *session) tell(events ...protocol.Event) {
	if s.over {
		return
	}
	r := &protocol.Request{Op: protocol.Step, NowNs: int64(s.now()), Events: events}
	reply, err := s.peer.Call(r)
	if err != nil {
		s.fail(err)
		return
	}
	s.arm(reply)
	for i := range reply.Do {
		if s.over {
			return
		}
		if v := s.do(&reply.Do[i]); v != nil {
			v.Seq, v.Field = r.Seq, fmt.Sprintf("do[%d].%s", i, v.Field)
			s.fail(v)
		}
	}
}

// arm sets the alarm that a reply asks for.
func (s *session) arm(r *protocol.Reply) {
	if r.WakeAtNs == nil {
		s.g.Kernel().Stop(s.wake)
		return
	}
	s.g.Kernel().Set(s.wake, max(time.Duration(*r.WakeAtNs), s.now()))
}
