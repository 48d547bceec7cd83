package qemu

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu/wire"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// host is one VM of a case: the machine that it is now, and those that stand
// ready for its next boots. It implements simbed.OutsideHost and simbed.Guest.
// The lock is held in every method that is not said to be elsewhere.
type host struct {
	out     *outside
	spec    *scenarios.VM
	address netip.Addr
	wire    *wire.Wire
	log     func(fakevm.Record)
	changed func(net.Conn)
	opts    fakevm.Options

	made     []*pending // before the clock starts
	spares   []*pending // not yet used
	boot     int        // number of the boot that is in force
	m        Machine    // nil while it is off, or begins
	booted   time.Duration
	progress []fakevm.Progress
	dying    bool      // the machine ends by its guest's doing
	open     bool      // libvirt is connected to the agent
	stand    int       // reasons for which the processors stand still
	stood    time.Time // since when they do
}

var (
	_ simbed.OutsideHost    = (*host)(nil)
	_ simbed.OutsideNetwork = (*host)(nil)
	_ simbed.Guest          = (*host)(nil)
)

// pending is a machine that is being started, or stands ready.
type pending struct {
	done chan struct{}
	m    Machine
	err  error
}

func (p *pending) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// discard kills the machine, which may only be starting.
func (p *pending) discard() {
	<-p.done
	if p.m != nil {
		p.m.Kill()
	}
}

// prepare starts a machine for a boot to come.
func (h *host) prepare() {
	p := &pending{done: make(chan struct{})}
	h.spares = append(h.spares, p)
	h.out.work.Go(func() {
		defer close(p.done)
		p.m, p.err = h.start()
		if p.err != nil {
			return
		}
		_, p.err = p.m.Port().Call(h.out.ctx, guestd.Request{Op: guestd.OpLoad, Load: &guestd.Load{
			Address: h.Address(), Program: h.spec.Program, EveryBoot: h.spec.EveryBoot, Commands: h.commands(),
		}})
	})
}

func (h *host) start() (Machine, error) {
	w := h.spec.Program.Watchdog
	if w == nil {
		return h.out.lab.Start(h.out.ctx)
	}
	lab, ok := h.out.lab.(WatchdogLab)
	if !ok {
		return nil, errNoWatchdog
	}
	return lab.StartWatched(h.out.ctx, w.Action)
}

// returns tells whether the VM may need another machine: somebody may kill it,
// or it ends by itself.
func (h *host) returns() bool {
	for _, p := range h.spec.Resolved.Probes {
		if p.Kind != probes.Readiness {
			return true
		}
	}
	for i := range h.out.c.Events {
		if e := &h.out.c.Events[i]; e.VM == h.spec.Name && (e.Kind == scenarios.DeleteVMI || e.Kind == scenarios.StopContainer) {
			return true
		}
	}
	return len(h.spec.Program.Power)+len(h.spec.EveryBoot.Power) > 0
}

// NewGuest implements simbed.OutsideHost.
func (h *host) NewGuest(p fakevm.Program, o fakevm.Options) (simbed.Guest, error) {
	if list := fakevm.Check(p, o.EveryBoot); len(list) > 0 {
		return nil, list[0]
	}
	h.opts = o
	return h, nil
}

// Address implements simbed.OutsideHost.
func (h *host) Address() string { return h.address.String() }

// OnAgent implements simbed.OutsideHost.
func (h *host) OnAgent(fn func(net.Conn)) { h.changed = fn }

// Silence implements simbed.OutsideHost: a real machine that is off or stands
// still is silent by itself.
func (h *host) Silence() (end func()) { return func() {} }

// Refuse and the other faults are the wire's.
func (h *host) Refuse() (end func())                { return h.wire.Refuse() }
func (h *host) ResetAll()                           { h.wire.ResetAll() }
func (h *host) Cut() (end func())                   { return h.wire.Cut() }
func (h *host) Delay(by time.Duration) (end func()) { return h.wire.Delay(by) }
func (h *host) Loss(percent int) (end func())       { return h.wire.Loss(percent) }
func (h *host) HalfOpen() (end func())              { return h.wire.HalfOpen() }

// Boot implements simbed.Guest: a machine that stands ready becomes the VM.
func (h *host) Boot(now time.Duration) {
	h.drop()
	h.boot++
	if len(h.spares) == 0 {
		h.prepare()
	}
	next, number := h.spares[0], h.boot
	h.spares = h.spares[1:]
	h.out.work.Go(func() {
		if err := h.begin(next, number, now); err != nil && h.out.ctx.Err() == nil {
			h.out.Fail(fmt.Errorf("VM %s: %w", h.spec.Name, err))
		}
	})
}

// begin waits for the machine and lets its guest begin. It runs elsewhere.
func (h *host) begin(p *pending, number int, now time.Duration) error {
	if err := p.wait(h.out.ctx); err != nil {
		p.discard()
		return err
	}
	select {
	case <-h.out.began:
	case <-h.out.ctx.Done():
		p.discard()
		return h.out.ctx.Err()
	}
	if !h.take(p.m, number, now) {
		p.discard() // it is no longer wanted
		return nil
	}
	// The clock of a machine that stood ready has drifted.
	if err := p.m.Port().Measure(h.out.ctx); err != nil {
		return h.unless(number, err)
	}
	p.m.Port().Late() // of the time before
	offset, _ := p.m.Port().Offset(h.out.start)
	h.out.Lock()
	progress := h.progress
	h.out.Unlock()
	_, err := p.m.Port().Call(h.out.ctx, guestd.Request{
		Op: guestd.OpBoot, Offset: offset, Boot: &guestd.Boot{At: now, Progress: progress},
	})
	if err != nil {
		return h.unless(number, err)
	}
	h.keepTime(p.m)
	return nil
}

// unless drops the error of a machine that was killed meanwhile.
func (h *host) unless(number int, err error) error {
	h.out.Lock()
	defer h.out.Unlock()
	if h.boot != number || h.dying {
		return nil
	}
	return err
}

// take makes a machine the VM, unless another boot has begun.
func (h *host) take(m Machine, number int, now time.Duration) bool {
	h.out.Lock()
	defer h.out.Unlock()
	if h.boot != number || h.out.ctx.Err() != nil {
		return false
	}
	h.m, h.booted, h.dying, h.open, h.stand = m, now, false, false, 0
	h.wire.Attach(m.Frames())
	h.attend(m, number)
	if h.returns() && len(h.spares) == 0 {
		h.prepare()
	}
	return true
}

// commands are the programs that probes run in the guest.
func (h *host) commands() []string {
	var list []string
	for _, p := range h.spec.Resolved.Probes {
		if p.Handler == probes.Exec && len(p.Command) > 0 {
			list = append(list, p.Command[0])
		}
	}
	return list
}

// drop kills the machine.
func (h *host) drop() {
	h.boot++
	m := h.m
	h.m = nil
	h.disconnect()
	h.wire.Detach()
	if m != nil {
		h.out.work.Go(m.Kill)
	}
}

// Crash implements simbed.Guest: the domain is destroyed.
func (h *host) Crash() { h.drop() }

// PowerButton implements simbed.Guest.
func (h *host) PowerButton() { h.command(Machine.PowerButton) }

// Pause implements simbed.Guest.
func (h *host) Pause() { h.halt(false) }

// Unpause implements simbed.Guest.
func (h *host) Unpause() { h.goOn(true) }

// command tells the machine something. It takes about a millisecond.
func (h *host) command(do func(m Machine, ctx context.Context) error) {
	if h.m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(h.out.ctx, 5*time.Second)
	defer cancel()
	if err := do(h.m, ctx); err != nil && !h.dying && h.out.ctx.Err() == nil {
		h.out.FailLocked(fmt.Errorf("VM %s: %w", h.spec.Name, err))
	}
}

// RunCommand implements simbed.Guest.
func (h *host) RunCommand(argv []string, done func(exit int64, signal int, output []byte, err error)) {
	m := h.m
	if m == nil {
		return // the runtime waits, as its caller does
	}
	h.out.work.Go(func() {
		answer, err := m.Port().Call(h.out.ctx, guestd.Request{Op: guestd.OpRun, Argv: argv})
		if err != nil || answer.Outcome == nil {
			return
		}
		o := answer.Outcome
		var failure error
		if o.Missing {
			failure = fakevm.ErrMissing
		}
		h.out.Lock()
		defer h.out.Unlock()
		done(o.Exit, o.Signal, o.Output, failure)
	})
}

// close kills every machine of the VM; the run is over. The lock is not held.
func (h *host) close() {
	for _, p := range h.spares {
		p.discard()
	}
	h.out.Lock()
	h.spares = nil
	h.drop()
	h.out.Unlock()
	h.wire.Close()
}
