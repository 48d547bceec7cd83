package bubble

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// world is the prober of one run: a simbed.Prober that stands in a bubble.
type world struct {
	clock   *clock
	g       *simbed.Ground
	factory func() door.Prober

	process *process
	vms     []*machine
	workers []*worker // by the number of their residue
	conns   map[*conn]struct{}
	ended   bool // nobody may begin anything
	alive   int  // calls of Probe that have not returned
	empty   *sync.Cond
}

// process is the prober's process, which a story may restart.
type process struct {
	prober door.Prober
	ctx    context.Context
	kill   context.CancelFunc
}

// machine is one VM. It implements simbed.VMProber.
type machine struct {
	w        *world
	cfg      prober.VMConfig
	number   int
	gate     bool
	platform prober.Platform
	pods     []*pod
}

type pod struct {
	number, instance     int32
	target               bool
	running, terminating bool
	passed               bool
	startedAt            time.Duration
	workers              []*worker
}

func newWorld(c *clock, factory func() door.Prober) *world {
	w := &world{clock: c, factory: factory, conns: map[*conn]struct{}{}}
	w.empty = sync.NewCond(&c.mu)
	return w
}

// door is a simbed.Door. The prober lives for as long as the case wants before
// the run begins.
func (w *world) door(g *simbed.Ground) (simbed.Prober, error) {
	w.g, w.clock.k = g, g.Kernel()
	if err := w.begin(); err != nil {
		return nil, err
	}
	w.clock.mu.Unlock()
	time.Sleep((g.Age() + Quantum - 1) / Quantum * Quantum)
	w.clock.mu.Lock()
	w.clock.start = time.Now()
	return w, nil
}

// begin starts a prober process.
func (w *world) begin() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the factory of the prober panicked: %v\n%s", v, debug.Stack())
		}
	}()
	p := &process{prober: w.factory()}
	p.ctx, p.kill = context.WithCancel(context.Background())
	w.process = p
	return nil
}

// refuses tells that the run is over.
func (w *world) refuses() bool { return w.ended || w.clock.over || w.clock.err != nil }

// A worker owns a block of residues. Its own time begins at the last one; each
// thing that it is told comes at another one before it, so that a ticker of
// the prober never meets an event, nor a ticker that an event has begun anew,
// and what happens at an instant of the story is known before the tick of it.
const (
	block  = 32
	blocks = 1_559 // a prime: blocks*block < Quantum
)

// actorOf is the actor of whoever acts at a residue: a dial at an instant of
// a worker's block is the dial of that worker.
func (w *world) actorOf(residue time.Duration) (actor sim.Actor, dead bool) {
	base := residue/block*block + block - 1
	i := slices.IndexFunc(w.workers, func(o *worker) bool { return o.residue == base })
	if i < 0 {
		return w.clock.k.Name("prober"), false
	}
	return w.workers[i].actor, w.workers[i].dead
}

// SameActor tells whether two instants of a bubble are of the same actor: of
// one probe of one pod, as long as its own durations are multiples of the
// quantum. It is for probers whose goroutines do not know for whom they act.
func SameActor(a, b time.Time) bool {
	actor := func(t time.Time) int64 { return t.UnixNano() % int64(Quantum) / block }
	return actor(a) == actor(b)
}

// Residue is that of the n-th probe of a pod to begin in a run, n from 0: the
// last one of its block. Which block is whose is a draw of the seed: another
// seed tries another order of what happens at one instant.
func Residue(seed uint64, n int) time.Duration {
	stream := sim.Stream("bubble/residue")
	a := 1 + sim.Below(sim.Draw(seed, stream, 0), blocks-1)
	b := sim.Below(sim.Draw(seed, stream, 1), blocks)
	return time.Duration((1+(a*uint64(n)+b)%blocks)*block + block - 1)
}

// Align is the next instant with a residue, t included.
func Align(t, residue time.Duration) time.Duration {
	return t + (residue-t%Quantum+Quantum)%Quantum
}

// Add implements simbed.Prober.
func (w *world) Add(c prober.VMConfig) (simbed.VMProber, error) {
	m := &machine{w: w, cfg: c, number: len(w.vms)}
	m.gate = slices.ContainsFunc(c.Probes, func(p probes.Probe) bool { return p.Kind == probes.Startup })
	w.vms = append(w.vms, m)
	return m, nil
}

// Restart implements simbed.Prober.
func (w *world) Restart() {
	w.g.Record(trace.Event{T: w.clock.k.Now(), Kind: trace.ProberRestarted})
	w.process.kill()
	for n := range w.conns { // the sockets of a process die with it
		_ = n.end()
	}
	if err := w.begin(); err != nil {
		w.g.Fail(err)
		return
	}
	for _, m := range w.vms {
		for _, p := range m.pods {
			for _, old := range p.workers {
				old.dead = true
			}
			p.workers = nil
			m.hire(p, true)
			if p.running {
				p.tell(m.started(p))
			}
			if p.terminating {
				p.tell(door.Event{Kind: door.Terminating, Instance: p.instance})
			}
		}
	}
}

// StepClock implements simbed.Prober: the prober is told, as the clock of the
// bubble cannot be set.
func (w *world) StepClock(by time.Duration) {
	w.g.Record(trace.Event{T: w.clock.k.Now(), Kind: trace.ClockStepped, Msg: by.String()})
	for _, m := range w.vms {
		for _, p := range m.pods {
			p.startedAt -= by // as the clock has it now
			p.tell(door.Event{Kind: door.ClockStepped, Instance: p.instance, By: by})
		}
	}
}

// Bind implements simbed.VMProber.
func (m *machine) Bind(p prober.Platform) { m.platform = p }

// PanicNext implements simbed.VMProber: one worker is told, whichever tries
// next is meant.
func (m *machine) PanicNext() {
	if n := len(m.pods); n > 0 && len(m.pods[n-1].workers) > 0 {
		m.pods[n-1].workers[0].tell(door.Event{Kind: door.Panic, Instance: m.pods[n-1].instance})
	}
}

// ContainerStarted implements platform.Prober.
func (m *machine) ContainerStarted(c platform.Container) {
	i := slices.IndexFunc(m.pods, func(p *pod) bool { return p.number == c.Pod })
	if i < 0 {
		i = len(m.pods)
		m.pods = append(m.pods, &pod{number: c.Pod, target: c.Target})
	}
	p := m.pods[i]
	p.instance, p.running, p.passed, p.startedAt = c.Instance, true, false, c.At
	if p.workers == nil {
		m.hire(p, false)
	}
	p.tell(m.started(p))
}

func (m *machine) started(p *pod) door.Event {
	return door.Event{
		Kind: door.ContainerStarted, Instance: p.instance,
		Passed: p.passed, Address: m.w.g.Address(m.cfg.Name, p.instance), Started: m.w.clock.start.Add(p.startedAt),
	}
}

// ContainerStopped implements platform.Prober.
func (m *machine) ContainerStopped(instance int32, willRestart bool) {
	p := m.of(instance)
	if p == nil {
		return
	}
	p.running, p.passed = false, false
	p.tell(door.Event{Kind: door.ContainerStopped, Instance: instance, WillRestart: willRestart})
	if !willRestart {
		m.pods = slices.DeleteFunc(m.pods, func(o *pod) bool { return o == p })
		for _, wk := range p.workers {
			wk.dismiss()
		}
	}
}

// Terminating implements platform.Prober.
func (m *machine) Terminating(instance int32) {
	if p := m.of(instance); p != nil {
		p.terminating = true
		p.tell(door.Event{Kind: door.Terminating, Instance: instance})
	}
}

// Trigger implements platform.Prober.
func (m *machine) Trigger(instance int32) {
	if p := m.of(instance); p != nil {
		p.tell(door.Event{Kind: door.Sync, Instance: instance})
	}
}

func (m *machine) of(instance int32) *pod {
	i := slices.IndexFunc(m.pods, func(p *pod) bool { return p.instance == instance })
	if i < 0 {
		return nil
	}
	return m.pods[i]
}

func (p *pod) tell(e door.Event) {
	for _, wk := range p.workers {
		wk.tell(e)
	}
}

// startup hears of the pod's startup probe.
func (p *pod) startup(instance int32, passed bool) {
	if p.instance != instance {
		return
	}
	if p.passed = passed; passed {
		p.tell(door.Event{Kind: door.StartupPassed, Instance: instance})
	}
}
