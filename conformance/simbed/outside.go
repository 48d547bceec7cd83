package simbed

import (
	"context"
	"net"
	"os"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// Outside takes the place of the simulated network and of virtual time: guests
// stand on real ground, tries are made over real connections, and the kernel
// follows the wall clock. Platform, guests, story and trace stay the same.
//
// It is the lock of the kernel's thread. Whoever comes from elsewhere takes it
// before he touches the world.
type Outside interface {
	sync.Locker
	// Begin is told the kernel, before anything else.
	Begin(k *sim.Kernel)
	// Host is the ground of the guest of a VM. The lock is held.
	Host(vm *scenarios.VM, log func(fakevm.Record)) (OutsideHost, error)
	// Mutex makes a lock for those who ask a guest agent.
	Mutex() guestagent.Mutex
	// Go runs fn elsewhere, without the lock.
	Go(fn func(OutsideEnv))
	// Run lets the kernel follow the wall clock up to an instant.
	Run(ctx context.Context, until time.Duration) error
	// Over tells that the run has ended: what comes now does not count. The lock
	// is held.
	Over() bool
}

// Guest is the machine of a VM as the platform handles it: a fakevm.Guest, or
// one in a real VM. What it does by itself it tells its fakevm.Power.
type Guest interface {
	Boot(now time.Duration)
	Crash()
	PowerButton()
	Pause()
	Unpause()
	RunCommand(argv []string, done func(exit int64, signal int, output []byte, err error))
}

// OutsideEnv is what a try sees of the outside.
type OutsideEnv interface {
	attempt.Env
	guestagent.Env
	// Done is closed when the run is given up, or over.
	Done() <-chan struct{}
}

// OutsideHost is the ground of one guest. The lock is held in every call.
type OutsideHost interface {
	// NewGuest makes the guest of the VM on this ground. It is off.
	NewGuest(program fakevm.Program, opts fakevm.Options) (Guest, error)
	// Address is the IP address of the guest.
	Address() string
	// OnAgent names who is told of connections to the guest agent: a new one
	// when the agent opens its port, nil when it closes it.
	OnAgent(fn func(net.Conn))
	// Silence drops every SYN, Refuse refuses it, until the end.
	Silence() (end func())
	Refuse() (end func())
	// ResetAll resets every connection.
	ResetAll()
}

// OutsideCut is an OutsideHost that can be cut off.
type OutsideCut interface {
	// Cut takes the link down.
	Cut() (end func())
	// HalfOpen is as in package network.
	HalfOpen() (end func())
}

// OutsideNetwork is an OutsideHost whose network can do even more.
type OutsideNetwork interface {
	OutsideCut
	// Delay and Loss are as in package network.
	Delay(by time.Duration) (end func())
	Loss(percent int) (end func())
}

// OutsideLibvirt is an OutsideHost that may have a real libvirt.
type OutsideLibvirt interface {
	// Libvirt sends commands to the agent; nil: there is none, and the channel
	// of package guestagent plays its part. It may tell of the domain, too: see
	// LibvirtStatus.
	Libvirt() guestagent.Commander
}

// LibvirtStatus is what a real libvirt tells of a domain. The lock is not held.
type LibvirtStatus interface {
	// Status has the fields Exists, Active, State and Reason.
	Status() (guestagent.Status, error)
}

// libvirt is the real one of a VM; nil: there is none.
func (v *vm) libvirt() guestagent.Commander {
	if o, ok := v.out.(OutsideLibvirt); ok {
		return o.Libvirt()
	}
	return nil
}

// applyOutside puts a fault of a real network in force; ok is false when it is
// none of those.
func (w *world) applyOutside(f *scenarios.Fault) (end func(), ok bool) {
	if f.Kind == scenarios.Partition {
		return w.cutOutside(f.Sides[0], f.Sides[1]), true
	}
	v := w.vm(f.Sides[0])
	switch f.Kind {
	case scenarios.RefuseAll:
		return v.out.Refuse(), true
	case scenarios.ResetAll:
		v.out.ResetAll()
		return func() {}, true
	default:
	}
	if c, ok := v.out.(OutsideCut); ok && f.Kind == scenarios.HalfOpen {
		return c.HalfOpen(), true
	}
	n, ok := v.out.(OutsideNetwork)
	if !ok {
		return nil, false
	}
	switch f.Kind {
	case scenarios.Delay:
		return n.Delay(f.By), true
	case scenarios.Loss:
		return n.Loss(f.Percent), true
	default:
		return nil, false
	}
}

// cutOutside parts the prober from a VM; VMs do not speak to each other.
func (w *world) cutOutside(a, b string) (end func()) {
	if a == proberName {
		a, b = b, a
	}
	if b != proberName || a == proberName {
		return func() {}
	}
	if c, ok := w.vm(a).out.(OutsideCut); ok {
		return c.Cut()
	}
	return func() {}
}

// holdLockOutside is another caller that talks to the agent for the window.
func (w *world) holdLockOutside(v *vm, f *scenarios.Fault) {
	job := v.outsideChannel(v.instance).JobLock()
	w.outside.Go(func(env OutsideEnv) {
		began := env.Now()
		if !job.Lock(began.Add(agentLockPatience)) {
			return
		}
		defer job.Unlock()
		ctx, cancel := context.WithCancel(context.Background())
		if f.For >= 0 {
			ctx, cancel = context.WithDeadline(ctx, began.Add(f.For))
		}
		defer cancel()
		select {
		case <-ctx.Done():
		case <-env.Done():
		}
	})
}

// plug puts the guest on the network, or takes it off: a VM that is off does
// not answer, of a container nobody listens.
func (v *vm) plug(in bool) {
	switch {
	case v.out == nil:
	case in && v.unplugged != nil:
		v.unplugged()
		v.unplugged = nil
	case in || v.unplugged != nil:
	case v.world.c.Profile.VM:
		v.unplugged = v.out.Silence()
	default:
		v.unplugged = v.out.Refuse()
		v.out.ResetAll()
	}
}

// newOutsidePort ties the agent's port to libvirt in the pod of an instance.
func (v *vm) newOutsidePort(instance int32) {
	ch := v.outsideChannel(instance)
	v.out.OnAgent(func(c net.Conn) {
		if c == nil {
			ch.Disconnect()
			return
		}
		ch.Connect(c)
	})
}

func (v *vm) outsideChannel(instance int32) *guestagent.Channel {
	p := v.pod(instance)
	if p.channel == nil {
		if p.channel = guestagent.NewChannel(v.world.outside); v.libvirt() != nil {
			p.channel = guestagent.NewRemoteChannel(v.libvirt())
		}
	}
	return p.channel
}

// tryOutside makes a try over real connections.
func (w *world) tryOutside(req prober.Request, done func(probes.Result)) {
	v := w.vms[req.VM]
	addr, profile := v.pod(req.Instance).addr, &w.c.Profile
	locked := outsideDomain{w.outside, &domain{v, req.Instance}}
	ch := v.outsideChannel(req.Instance)
	w.outside.Go(func(env OutsideEnv) {
		var r probes.Result
		switch req.Probe.Handler {
		case probes.HTTPGet, probes.TCPSocket:
			r = attempt.Try(env, &attempt.Target{Probe: req.Probe, Profile: profile, Address: addr})
		default:
			t := guestagent.Target{Probe: req.Probe, Profile: profile, Container: outsideContainer{w.outside, v, env.Done()}}
			r = guestagent.Try(env, locked, ch, &t)
		}
		w.outside.Lock()
		defer w.outside.Unlock()
		done(r)
	})
}

// outsideDomain is libvirt's view for those who do not hold the lock.
type outsideDomain struct {
	lock sync.Locker
	*domain
}

func (d outsideDomain) Status() guestagent.Status {
	now, err := guestagent.Status{}, error(nil)
	real, ok := d.vm.libvirt().(LibvirtStatus)
	if ok {
		now, err = real.Status()
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	st := d.domain.Status()
	if ok {
		st.Exists, st.Active, st.State, st.Reason, st.StateUnknown = now.Exists, now.Active, now.State, now.Reason, err != nil
	}
	return st
}

func (d outsideDomain) PingFailed(message string) {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.domain.PingFailed(message)
}

// outsideContainer runs commands for those who do not hold the lock.
type outsideContainer struct {
	lock sync.Locker
	vm   *vm
	done <-chan struct{} // nobody waits any longer
}

func (c outsideContainer) Exec(argv []string, deadline time.Time) (exit int, output []byte, err error) {
	type result struct {
		exit   int
		output []byte
		err    error
	}
	ended := make(chan result, 1)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	c.lock.Lock()
	c.vm.guest.RunCommand(argv, func(code int64, signal int, out []byte, failure error) {
		r := result{int(code), out, failure}
		if signal != 0 {
			r.exit = 128 + signal
		}
		ended <- r
	})
	c.lock.Unlock()
	select {
	case r := <-ended:
		return r.exit, r.output, r.err
	case <-ctx.Done():
	case <-c.done:
	}
	return 0, nil, os.ErrDeadlineExceeded
}
