package reference

import (
	"slices"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/realtime"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// machine is one VM.
type machine struct {
	run          *run
	name, domain string
	resolved     spec.Resolved
	gated        bool // it has a startup probe
	wire         wire // to its guest agent
	actor        sim.Actor

	mu        sync.Mutex // guards what follows, and all of its pods
	pods      []*pod
	workers   map[*realtime.Handle]*worker
	panicNext bool
}

// pod has the workers of one pod.
type pod struct {
	machine  *machine
	number   int32
	instance int32
	address  string
	ready    bool
	workers  []*worker
}

// worker is one probe of a pod.
type worker struct {
	pod    *pod
	probe  *probes.Probe
	handle *realtime.Handle

	of   int32 // the container of the attempt in flight
	lost bool  // it was lost to a panic
}

// take takes what happened to a container, which started at an instant of the
// driver.
func (m *machine) take(e *protocol.Event, started time.Duration) error {
	switch e.Event {
	case protocol.ContainerStarted:
		return m.started(e, started)
	case protocol.Panic:
		m.mu.Lock()
		m.panicNext = true
		m.mu.Unlock()
		return nil
	default:
	}
	p := m.podOf(func(p *pod) bool { return p.instance == e.Instance })
	if p == nil {
		return nil
	}
	switch e.Event {
	case protocol.ContainerStopped:
		if !e.WillRestart {
			m.mu.Lock()
			m.pods = slices.DeleteFunc(m.pods, func(o *pod) bool { return o == p })
			m.mu.Unlock()
		}
		p.tell(func(h *realtime.Handle) { h.ContainerStopped(e.WillRestart) })
	case protocol.Terminating:
		p.tell((*realtime.Handle).Terminating)
	case protocol.Sync:
		if !p.isReady() {
			p.tell((*realtime.Handle).Trigger)
		}
	default:
	}
	return nil
}

func (m *machine) podOf(is func(*pod) bool) *pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.IndexFunc(m.pods, is); i >= 0 {
		return m.pods[i]
	}
	return nil
}

// started begins a pod, or goes on with its next container.
func (m *machine) started(e *protocol.Event, at time.Duration) error {
	p := m.podOf(func(p *pod) bool { return p.number == e.Pod })
	if p == nil {
		p = &pod{machine: m, number: e.Pod, instance: e.Instance, address: e.Address}
		for i := range m.resolved.Probes {
			if err := m.hire(p, i); err != nil {
				return err
			}
		}
		m.mu.Lock()
		m.pods = append(m.pods, p)
		m.mu.Unlock()
	}
	m.mu.Lock()
	p.instance, p.address = e.Instance, e.Address
	m.wire.move(e.AgentSocket)
	m.mu.Unlock()
	p.tell(func(h *realtime.Handle) {
		h.ContainerStarted(at)
		if e.Passed {
			h.StartupPassed()
		}
	})
	return nil
}

// hire begins a worker.
func (m *machine) hire(p *pod, slot int) error {
	u, probe := m.run, &m.resolved.Probes[slot]
	cfg := engine.Config{
		Kind: probe.Kind, InitialDelay: probe.InitialDelay, Period: probe.Period,
		FailureThreshold: probe.FailureThreshold, SuccessThreshold: probe.SuccessThreshold,
		Tries: u.profile.Tries, StartupGate: m.gated && probe.Kind != probes.Startup,
		Resume: u.resumed, Rules: u.dev.Engine,
	}
	// The worker began with its pod, up to a period before the container: by as
	// much as in process, so that both run in the same phase. One
	// that is younger than its prober by less than a period jitters instead
	// (TIM-START-JITTER).
	now := u.driver.Now()
	began := max(now-prober.Offset(u.seed, m.actor+sim.Actor(slot), p.number, probe.Period), -u.age)
	if u.resumed || began+u.age < probe.Period {
		began, cfg.StartJitter = now, time.Duration(u.random.Int64N(int64(probe.Period)))
	}
	w := &worker{pod: p, probe: probe, of: p.instance}
	h, err := u.driver.AddSince(cfg, w.try, began)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.workers == nil {
		m.workers = map[*realtime.Handle]*worker{}
	}
	w.handle = h
	m.workers[h] = w
	p.workers = append(p.workers, w)
	return nil
}

// tell tells all workers of the pod.
func (p *pod) tell(what func(*realtime.Handle)) {
	for _, w := range p.workers { // complete before the pod is known
		what(w.handle)
	}
}

func (p *pod) isReady() bool {
	p.machine.mu.Lock()
	defer p.machine.mu.Unlock()
	return p.ready
}

// learn remembers what was published.
func (p *pod) learn(kind probes.Kind, ok bool) {
	p.machine.mu.Lock()
	defer p.machine.mu.Unlock()
	if kind == probes.Readiness {
		p.ready = ok
	}
}

// present is the number of the container that runs.
func (p *pod) present() int32 {
	p.machine.mu.Lock()
	defer p.machine.mu.Unlock()
	return p.instance
}

// worker is that of a handle.
func (u *run) worker(h *realtime.Handle) *worker {
	for _, m := range u.vms {
		m.mu.Lock()
		w := m.workers[h]
		m.mu.Unlock()
		if w != nil {
			return w
		}
	}
	return nil
}

// begin notes whose the try is: a retry stays with the container that its
// attempt began with.
func (w *worker) begin(a engine.Action) {
	m := w.pod.machine
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.Try == 1 {
		w.of, w.lost = w.pod.instance, false
	}
	if m.panicNext {
		m.panicNext, w.lost = false, true
	}
}

// attempt is the container, its address, and whether the try is to be lost.
func (w *worker) attempt() (instance int32, address string, lost bool) {
	w.pod.machine.mu.Lock()
	defer w.pod.machine.mu.Unlock()
	return w.of, w.pod.address, w.lost
}

func (w *worker) instance() int32 {
	instance, _, _ := w.attempt()
	return instance
}

func (w *worker) panicked() bool {
	_, _, lost := w.attempt()
	return lost
}
