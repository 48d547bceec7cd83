package bubble

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/desk"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// worker is one probe of one pod. It implements door.Ground.
type worker struct {
	w       *world
	vm      *machine
	pod     *pod
	slot    int
	actor   sim.Actor
	residue time.Duration // the last one of its block
	told    int           // how often it was told something

	probe   *door.Probe
	desk    desk.Desk
	inbox   chan<- door.Event
	ctx     context.Context
	cancel  context.CancelFunc
	timer   *sim.Timer // of what the prober is to be told
	pending []func()
	dead    bool // its process is
}

// hire begins the probes of a pod, each at the next instant of its residue.
func (m *machine) hire(p *pod, resumed bool) {
	w := m.w
	c := w.g.Case()
	for slot := range m.cfg.Probes {
		wk := &worker{w: w, vm: m, pod: p, slot: slot, actor: m.cfg.Actor + sim.Actor(slot), residue: Residue(w.clock.k.Seed(), len(w.workers))}
		w.workers = append(w.workers, wk)
		p.workers = append(p.workers, wk)
		wk.timer = w.clock.k.NewTimer(wk.actor, wk.deliver)
		wk.ctx, wk.cancel = context.WithCancel(w.process.ctx)
		spec := &c.VMs[m.number]
		wk.probe, wk.inbox = door.NewProbe(door.Probe{
			VM: m.cfg.Name, Namespace: spec.Machine.Namespace, Machine: spec.Machine,
			Profile: c.Profile, Spec: m.cfg.Probes[slot], Slot: slot,
			StartupGate: m.gate && m.cfg.Probes[slot].Kind != probes.Startup,
			Pod:         p.number, Target: p.target, Resumed: resumed, Age: w.g.Age(),
		}, wk)
		wk.desk = desk.Desk{Ground: w.g, Platform: m.platform, VM: m.cfg.Name, Kind: m.cfg.Probes[slot].Kind, Startup: p.startup}
		prober := w.process.prober
		begin := w.clock.k.NewTimer(wk.actor, func() { wk.begin(prober) })
		w.clock.k.Set(begin, w.clock.aligned(wk.residue))
	}
}

// at does something at an instant of the worker's residues, in order, each
// thing at one of its own.
func (wk *worker) at(fn func()) {
	if wk.pending = append(wk.pending, fn); len(wk.pending) == 1 {
		wk.arm()
	}
}

func (wk *worker) arm() {
	wk.told++
	before := time.Duration(block - 1 - wk.told%(block-1))
	wk.w.clock.k.Set(wk.timer, wk.w.clock.aligned(wk.residue-before))
}

func (wk *worker) deliver() {
	fn := wk.pending[0]
	wk.pending = wk.pending[1:]
	fn()
	if len(wk.pending) > 0 {
		wk.arm()
	}
}

// begin calls the prober.
func (wk *worker) begin(p door.Prober) {
	if wk.w.refuses() {
		return
	}
	wk.w.alive++
	go func() {
		defer func() {
			v := recover()
			wk.w.clock.enter()
			defer wk.w.clock.leave()
			if v != nil {
				wk.w.g.Fail(fmt.Errorf("the prober panicked at %v: %v\n%s", wk.w.clock.k.Now(), v, debug.Stack()))
			}
			if wk.w.alive--; wk.w.alive == 0 {
				wk.w.empty.Broadcast()
			}
		}()
		p.Probe(wk.ctx, wk.probe)
	}()
}

// tell passes an event on.
func (wk *worker) tell(e door.Event) {
	wk.at(func() {
		select {
		case wk.inbox <- e:
		default: // it reads none
		}
	})
}

// dismiss ends the probe with its pod.
func (wk *worker) dismiss() {
	wk.at(wk.cancel)
}

// Dial implements door.Ground.
func (wk *worker) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return wk.w.dial(ctx, network, address)
}

// DialAgent implements door.Ground.
func (wk *worker) DialAgent(ctx context.Context, instance int32) (net.Conn, error) {
	return wk.w.dialAgent(ctx, wk.vm.cfg.Name, instance)
}

// answer waits for something that the kernel does.
type answer struct {
	cond *sync.Cond
	done bool
}

// await starts something in the world and waits until it calls done.
func (wk *worker) await(ctx context.Context, start func(done func())) error {
	c := wk.w.clock
	c.enter()
	defer c.leave()
	if wk.w.refuses() {
		return context.Canceled
	}
	a, residue := &answer{cond: sync.NewCond(&c.mu)}, c.k.Now()%Quantum
	wake := c.k.NewTimer(wk.actor, a.cond.Broadcast)
	start(func() {
		a.done = true
		c.k.Set(wake, c.aligned(residue))
	})
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		a.cond.Broadcast()
		c.mu.Unlock()
	})
	defer stop()
	for !a.done || wake.Armed() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if wk.w.refuses() {
			return context.Canceled
		}
		c.wait(a.cond)
	}
	return nil
}

// Exec implements door.Ground.
func (wk *worker) Exec(ctx context.Context, argv []string, timeout time.Duration) (exit int, output []byte, err error) {
	failed := wk.await(ctx, func(done func()) {
		deadline := wk.w.clock.k.Now() + timeout
		wk.w.g.Exec(wk.actor, wk.vm.cfg.Name, argv, deadline, func(code int, out []byte, e error) {
			exit, output, err = code, out, e
			done()
		})
	})
	if failed != nil {
		return 0, nil, os.ErrDeadlineExceeded
	}
	return exit, output, err
}

// Try implements door.Ground.
func (wk *worker) Try(instance, attempt, try int32) (result probes.Result) {
	failed := wk.await(wk.ctx, func(done func()) {
		wk.w.g.Try(prober.Request{
			VM: wk.vm.number, Name: wk.vm.cfg.Name, Slot: wk.slot, Actor: wk.actor,
			Instance: instance, Pod: wk.pod.number, Attempt: attempt, Try: try, Probe: &wk.vm.cfg.Probes[wk.slot],
		}, func(r probes.Result) {
			result = r
			done()
		})
	})
	if failed != nil {
		return probes.Result{Class: probes.Errored, Message: failed.Error()}
	}
	return result
}

// Report implements door.Ground.
func (wk *worker) Report(r door.Report) {
	c := wk.w.clock
	c.enter()
	defer c.leave()
	if wk.w.refuses() || wk.dead {
		return
	}
	wk.desk.Take(r)
}
