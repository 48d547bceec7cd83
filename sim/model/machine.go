package model

import (
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// never is an instant that does not come.
const never = sim.Forever

// rules is what a lane needs of its probe at every turn.
type rules struct {
	period  time.Duration
	need    time.Duration // age of the container at which attempts begin
	failure int32
	success int32
	tries   int32
	kind    probes.Kind
}

// lane is one worker, reduced to what can happen in a fleet: no trigger, no
// startup gate, no clock step, one container. Then the whole of its next
// attempt is known when the last one ends, and an attempt is a single event.
// The engine remains the law: the tests hold every lane to an engine.Worker.
type lane struct {
	end     time.Duration // of the attempt that is next or under way, or never
	start   time.Duration // of the same
	tick    time.Duration // first tick that nobody has received by then
	attempt int32
	run     int32
	passed  bool // class of the run
	healthy bool // published state
	class   probes.Class
}

// machine runs one VM at a time.
type machine struct {
	cfg   *Config
	ask   Answerer
	rules [MaxSlots]rules
	n     int // lanes in use

	vm       int
	instance int32
	hash     trace.VMHash
	event    trace.Event
	lanes    [MaxSlots]lane
	running  bool
	born     time.Duration // start of the next container, or never
	err      error

	attempts, failures, flips, restarts uint64
}

func newMachine(c *Config) *machine {
	m := &machine{cfg: c, ask: c.Answerer, n: len(c.Probes)}
	if o, ok := c.Answerer.(Owner); ok {
		m.ask = o.Own()
	}
	for i, p := range c.Probes {
		m.rules[i] = rules{
			period: p.Period, need: wholeSeconds(p.InitialDelay),
			failure: p.FailureThreshold, success: p.SuccessThreshold,
			tries: p.Tries, kind: p.Kind,
		}
	}
	return m
}

// wholeSeconds rounds up: the kubelet truncates the age of the container
// (TIM-DELAY-NEVER-EARLY).
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1) / time.Second * time.Second
}

// run plays one VM to the end and returns its hash.
func (m *machine) run(vm int) uint64 {
	var name [24]byte
	m.vm, m.instance = vm, 0
	m.hash = trace.StartVMHash(string(appendName(name[:0], vm)))
	for i := range m.n {
		m.lanes[i].end = never
	}
	m.begin(0)
	for {
		at, next := m.lanes[0].end, 0
		for i := 1; i < m.n; i++ {
			if e := m.lanes[i].end; e < at {
				at, next = e, i
			}
		}
		if !m.running && m.born < at {
			if m.born > m.cfg.Until {
				return m.hash.Sum()
			}
			m.begin(m.born)
			continue
		}
		if at > m.cfg.Until || at == never {
			return m.hash.Sum()
		}
		m.finish(next)
	}
}

// begin starts the container of a new pod, and new workers with it.
func (m *machine) begin(at time.Duration) {
	m.instance++
	m.running, m.born = true, never
	m.note(at, trace.ContainerStarted)
	for i := range m.n {
		r, l := &m.rules[i], &m.lanes[i]
		if l.end != never { // it would have to live twice
			m.err = fmt.Errorf("model: VM %d: an attempt outlives the respawn of %v", m.vm, m.cfg.Respawn)
		}
		created := at - prober.Offset(m.cfg.Seed, Actor(m.vm, i), m.instance, r.period)
		*l = lane{tick: created, healthy: r.kind == probes.Liveness}
		m.state(i, at) // STATE-INIT
		l.tick = grid(l.tick, at+r.need, r.period)
		m.plan(i, l.tick)
	}
}

// grid is the first tick at or after an instant.
func grid(tick, at, period time.Duration) time.Duration {
	if late := at - tick; late > 0 {
		return at + (period-late%period)%period
	}
	return tick
}

// plan prepares the next attempt of a lane, which starts at the instant and
// takes a tick.
func (m *machine) plan(i int, at time.Duration) {
	r, l := &m.rules[i], &m.lanes[i]
	l.tick += r.period // TIM-PERIOD-START
	if l.tick <= at {
		l.tick = grid(l.tick, at+1, r.period) // TIM-TICK-DROP
	}
	l.attempt++
	q := Query{At: at, VM: m.vm, Slot: i, Instance: m.instance, Attempt: l.attempt, Try: 1}
	latency, class := m.ask.Answer(q)
	end := at + max(latency, 0)
	for class == probes.Errored && q.Try < r.tries { // TIM-RETRY
		q.Try++
		q.At = end
		latency, class = m.ask.Answer(q)
		end += max(latency, 0)
	}
	l.start, l.end, l.class = at, end, class
}

// finish ends the attempt of a lane.
func (m *machine) finish(i int) {
	r, l := &m.rules[i], &m.lanes[i]
	at := l.end
	m.attempts++
	e := &m.event
	e.T, e.Instance, e.Kind, e.OK = at, m.instance, trace.AttemptFinished, false
	e.Probe, e.HasProbe, e.Attempt, e.Class = r.kind, true, l.attempt, l.class
	m.hash.Add(e)
	if l.class == probes.Failure {
		m.failures++
	}
	if !m.running { // of a container that is gone: nobody looks
		l.end = never
		return
	}
	if l.class != probes.Errored && m.judge(i, at) { // THR-ERR-DISCARD
		return
	}
	m.plan(i, max(at, l.tick))
}

// judge counts a result (THR-CONSECUTIVE) and tells whether it has ended the
// container.
func (m *machine) judge(i int, at time.Duration) (killed bool) {
	r, l := &m.rules[i], &m.lanes[i]
	passed := l.class.Passed()
	if l.run == 0 || l.passed != passed {
		l.passed, l.run = passed, 0
	}
	l.run++
	threshold := r.failure
	if passed {
		threshold = r.success
	}
	if l.run < threshold {
		return false
	}
	l.run = threshold
	if l.healthy != passed {
		l.healthy = passed
		m.state(i, at)
	}
	if passed || r.kind != probes.Liveness {
		return false
	}
	m.probe(i, at, trace.LivenessFailed, false)
	m.stop(i, at)
	return true
}

// stop ends the container after the verdict of a lane. Attempts under way are
// not cancelled; those only planned never begin.
func (m *machine) stop(by int, at time.Duration) {
	m.restarts++
	m.running, m.born = false, at+m.cfg.Respawn
	m.note(at, trace.ContainerStopped)
	for i := range m.n {
		l := &m.lanes[i]
		if i != by && l.healthy { // NONRUNNING-FAIL
			l.healthy = false
			m.state(i, at)
		}
		if i == by || l.start > at {
			l.end = never
		}
	}
}

func (m *machine) note(at time.Duration, kind trace.Kind) {
	m.event = trace.Event{T: at, Instance: m.instance, Kind: kind}
	m.hash.Add(&m.event)
}

func (m *machine) state(i int, at time.Duration) {
	m.flips++
	m.probe(i, at, trace.ProbeState, m.lanes[i].healthy)
}

func (m *machine) probe(i int, at time.Duration, kind trace.Kind, ok bool) {
	m.event = trace.Event{T: at, Instance: m.instance, Kind: kind, Probe: m.rules[i].kind, HasProbe: true, OK: ok}
	m.hash.Add(&m.event)
}
