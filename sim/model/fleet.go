package model

import (
	"errors"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// MaxSlots is the greatest number of probes of one VM of a fleet.
const MaxSlots = 8

// Config is the scenario of a fleet: VMs of the same probes, each with answers
// of its own. A failed liveness ends the container at once; a new pod's
// container starts Respawn later.
type Config struct {
	Seed     uint64
	Probes   []engine.Config // 1..MaxSlots; no startup probes
	Answerer Answerer
	// Respawn is the time from a liveness failure to the next container; > 0,
	// and longer than any attempt.
	Respawn time.Duration
	// Until is the end of the run; events at it still happen.
	Until time.Duration
}

// Validate reports everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Probes) == 0 || len(c.Probes) > MaxSlots {
		errs = append(errs, fmt.Errorf("model: a VM has 1 to %d probes, not %d", MaxSlots, len(c.Probes)))
	}
	for i, p := range c.Probes {
		if err := p.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("model: probe %d: %w", i, err))
		}
		if p.Kind == probes.Startup || p.StartupGate || p.Resume || p.StartJitter != 0 {
			errs = append(errs, fmt.Errorf("model: probe %d: startup probes and young probers need a kernel", i))
		}
	}
	if c.Answerer == nil {
		errs = append(errs, errors.New("model: an answerer is needed"))
	}
	if c.Respawn <= 0 {
		errs = append(errs, fmt.Errorf("model: respawn %v must be positive", c.Respawn))
	}
	return errors.Join(errs...)
}

// Stats counts what happened in a fleet.
type Stats struct {
	VMs      int
	Attempts uint64
	Failures uint64 // attempts that failed
	Flips    uint64 // published states that changed
	Restarts uint64 // liveness verdicts
	Sum      Sum
}

// Fleet runs VMs first to first+n-1 one after the other and folds their
// hashes, beginning with from, the Sum of the VMs before. It allocates
// nothing. The zero Sum begins a fleet.
func Fleet(c *Config, from Sum, first, n int) (Stats, error) {
	if err := c.Validate(); err != nil {
		return Stats{}, err
	}
	s := Stats{VMs: n, Sum: from}
	m := machine{cfg: c}
	for vm := first; vm < first+n; vm++ {
		s.Sum = s.Sum.with(m.run(vm))
	}
	s.Attempts, s.Failures, s.Flips, s.Restarts = m.attempts, m.failures, m.flips, m.restarts
	return s, m.err
}

// Hashes runs the VMs like Fleet and stores the hash of each, so that parts of
// a fleet may run in any order and be folded by [Fold].
func Hashes(c *Config, first int, into []uint64) (Stats, error) {
	if err := c.Validate(); err != nil {
		return Stats{}, err
	}
	m := machine{cfg: c}
	for i := range into {
		into[i] = m.run(first + i)
	}
	return Stats{
		VMs: len(into), Attempts: m.attempts, Failures: m.failures,
		Flips: m.flips, Restarts: m.restarts, Sum: Fold(into),
	}, m.err
}

// Fold combines the hashes of VMs in their order.
func Fold(vms []uint64) Sum {
	var s Sum
	for _, h := range vms {
		s = s.with(h)
	}
	return s
}

// never is an instant that does not come.
const never = sim.Forever

// lane is one worker and its next event.
type lane struct {
	at     time.Duration // of the event: a tick, or the end of the try
	trying bool
	class  probes.Class // of the try under way
	worker engine.Worker
}

// machine runs one VM at a time.
type machine struct {
	cfg   *Config
	vm    int
	hash  trace.VMHash
	event trace.Event
	lanes [MaxSlots]lane
	born  time.Duration // start of the next container, or never
	err   error

	instance                            int32
	attempts, failures, flips, restarts uint64
}

// run plays one VM to the end and returns its hash.
func (m *machine) run(vm int) uint64 {
	var name [24]byte
	m.vm, m.instance = vm, 0
	for i := range m.lanes {
		m.lanes[i].trying = false
	}
	m.hash = trace.StartVMHash(string(appendName(name[:0], vm)))
	m.start(0)
	n := len(m.cfg.Probes)
	for {
		at, next := m.born, -1
		for i := range m.lanes[:n] {
			if m.lanes[i].at < at {
				at, next = m.lanes[i].at, i
			}
		}
		switch {
		case at > m.cfg.Until:
			return m.hash.Sum()
		case next < 0 && at == never:
			return m.hash.Sum()
		case next < 0:
			m.start(at)
		default:
			m.step(next, at)
		}
	}
}

// start begins a new pod with new workers.
func (m *machine) start(at time.Duration) {
	m.instance++
	m.born = never
	m.event = trace.Event{T: at, Instance: m.instance, Kind: trace.ContainerStarted}
	m.hash.Add(&m.event)
	for i := range m.cfg.Probes {
		c := &m.cfg.Probes[i]
		l := &m.lanes[i]
		if l.trying { // the lane would have to live twice
			m.err = fmt.Errorf("model: VM %d: an attempt outlives the respawn of %v", m.vm, m.cfg.Respawn)
			l.trying = false
		}
		l.worker = engine.NewWorker(*c, at-prober.Offset(m.cfg.Seed, Actor(m.vm, i), m.instance, c.Period))
		acts := l.worker.Step(at, engine.Event{Kind: engine.ContainerStarted, At: at})
		m.apply(i, at, &acts)
	}
}

// step fires the next event of a lane.
func (m *machine) step(i int, at time.Duration) {
	l := &m.lanes[i]
	ev := engine.Event{Kind: engine.Wake}
	if l.trying {
		l.trying = false
		ev = engine.Event{Kind: engine.TryFinished, Class: l.class}
	}
	acts := l.worker.Step(at, ev)
	m.apply(i, at, &acts)
}

// apply does what a worker says.
func (m *machine) apply(i int, at time.Duration, acts *engine.Actions) {
	l := &m.lanes[i]
	failed := false
	for _, a := range acts.All() {
		switch a.Kind {
		case engine.StartTry:
			latency, class := m.cfg.Answerer.Answer(Query{
				At: at, VM: m.vm, Slot: i, Instance: m.instance, Attempt: a.Attempt, Try: a.Try,
			})
			l.trying, l.class, l.at = true, class, at+max(latency, 0)
		case engine.AttemptFinished:
			m.attempts++
			if a.Class == probes.Failure {
				m.failures++
			}
			m.note(i, at, trace.AttemptFinished, &a)
		case engine.Publish:
			m.flips++
			m.note(i, at, trace.ProbeState, &a)
		case engine.LivenessFailed:
			failed = true
			m.note(i, at, trace.LivenessFailed, &a)
		}
	}
	if failed {
		m.stop(at)
		return
	}
	if !l.trying {
		l.rearm()
	}
}

func (l *lane) rearm() {
	l.at = never
	if at, ok := l.worker.WakeAt(); ok {
		l.at = at
	}
}

// note hashes a record.
func (m *machine) note(i int, at time.Duration, kind trace.Kind, a *engine.Action) {
	e := &m.event
	e.T, e.Instance, e.Kind = at, m.instance, kind
	e.Probe, e.HasProbe = m.cfg.Probes[i].Kind, true
	e.Attempt, e.Class, e.OK = 0, probes.NoClass, false
	switch kind {
	case trace.AttemptFinished:
		e.Attempt, e.Class = a.Attempt, a.Class
	case trace.ProbeState:
		e.OK = a.Healthy
	}
	m.hash.Add(e)
}

// stop ends the container after a liveness verdict. Attempts in flight are not
// cancelled: they end in a pod that is gone.
func (m *machine) stop(at time.Duration) {
	m.restarts++
	m.event = trace.Event{T: at, Instance: m.instance, Kind: trace.ContainerStopped}
	m.hash.Add(&m.event)
	for i := range m.cfg.Probes {
		l := &m.lanes[i]
		acts := l.worker.Step(at, engine.Event{Kind: engine.ContainerStopped})
		for _, a := range acts.All() {
			if a.Kind == engine.Publish {
				m.flips++
				m.note(i, at, trace.ProbeState, &a)
			}
		}
		if !l.trying {
			l.at = never
		}
	}
	m.born = at + m.cfg.Respawn
}
