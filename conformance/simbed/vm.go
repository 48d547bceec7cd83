package simbed

import (
	"fmt"
	"os"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// vm is one virtual machine of a case: the guest, the pods it may run in and
// the platform and prober that know it.
type vm struct {
	world    *world
	spec     *scenarios.VM
	actor    sim.Actor
	guest    Guest
	fake     *fakevm.Guest // the same in the simulated world; nil outside
	host     *host
	platform *platform.VM
	prober   VMProber
	grounds  [2]*network.Host // a migration goes from one to the other
	ground   int              // of the pod in which the domain runs
	pods     []*podState      // by instance, from 1
	instance int32            // in which the guest runs
	faults   agentFaults
	thaw     func()

	out       OutsideHost // nil in the simulated world
	unplugged func()      // puts the guest back on the network outside
}

// podState is what the world knows of a pod beside its platform.
type podState struct {
	ground  int
	addr    string
	slots   []*slot
	channel *guestagent.Channel // of the domain in this pod
}

// newVM makes the guest with its hosts; nothing runs yet.
func (w *world) newVM(spec *scenarios.VM) (*vm, error) {
	v := &vm{world: w, spec: spec, actor: w.kernel.Name("vm/" + spec.Name)}
	for i, suffix := range []string{"", "+migration"} {
		v.grounds[i] = w.net.AddHost(spec.Name + suffix)
		v.grounds[i].Forward(spec.Resolved.ForwardedPorts)
		if w.c.Profile.VM {
			v.grounds[i].Crash() // no guest, no answer
		}
	}
	v.host = &host{world: w, vm: v, actor: w.kernel.Name("guest/" + spec.Name), replies: w.replies()}
	var err error
	if w.outside != nil {
		if v.out, err = w.outside.Host(spec, v.host.Log); err != nil {
			return nil, err
		}
		v.plug(false)
	}
	opts := fakevm.Options{
		EveryBoot: spec.EveryBoot,
		Blueprint: w.blueprint(spec),
		Power:     v,
		OnBoot:    func(int) { v.record(trace.Event{Kind: trace.GuestBoot}) },
		OnStep: func(endpoint, as string) {
			v.record(trace.Event{Kind: trace.GuestStep, Value: endpoint, Msg: as})
		},
	}
	if v.out != nil {
		v.guest, err = v.out.NewGuest(spec.Program, opts)
	} else {
		v.fake = w.used().guests.Take()
		err = v.fake.Renew(v.host, spec.Program, opts)
		v.guest = v.fake
	}
	if err != nil {
		return nil, fmt.Errorf("guest %s: %w", spec.Name, err)
	}
	return v, nil
}

func (v *vm) record(e trace.Event) {
	e.T, e.VM, e.Instance = v.world.kernel.Now(), v.spec.Name, v.instance
	v.world.sink.Record(e)
}

// pod is the state of the pod of an instance.
func (v *vm) pod(instance int32) *podState { return v.pods[instance-1] }

// tap stands between platform and prober: it learns of pods before the
// workers do.
type tap struct {
	VMProber
	vm *vm
}

// ContainerStarted gives the container a ground.
func (t tap) ContainerStarted(c platform.Container) {
	v := t.vm
	p := &podState{ground: v.ground}
	switch {
	case c.Pod != c.Instance: // a restart in place
		p = v.pod(c.Pod)
	case c.Target:
		p.ground = 1 - v.ground
	}
	p.addr = v.grounds[p.ground].Addr().String()
	if v.out != nil {
		p.addr = v.out.Address()
	}
	for int(c.Instance) > len(v.pods) {
		v.pods = append(v.pods, p)
	}
	v.pods[c.Instance-1] = p
	t.VMProber.ContainerStarted(c)
}

// Boot implements platform.Guest.
func (v *vm) Boot(instance int32) {
	v.instance = instance
	v.settle(instance)
	v.newPort(instance)
	v.guest.Boot(v.world.kernel.Now())
}

// settle gives the guest the network of an instance's pod.
func (v *vm) settle(instance int32) {
	v.unfreeze()
	v.ground = v.pod(instance).ground
	ground := v.grounds[v.ground]
	if ground.Down() {
		ground.Boot()
	}
	if err := v.host.attach(ground); err != nil {
		v.world.fail("%s: %v", v.spec.Name, err)
	}
	v.plug(true)
}

// ACPIShutdown implements platform.Guest.
func (v *vm) ACPIShutdown() { v.guest.PowerButton() }

// Destroy implements platform.Guest.
func (v *vm) Destroy() {
	v.guest.Crash()
	v.end()
}

// end takes the guest out of the world with its domain.
func (v *vm) end() {
	v.leave()
	v.dropPort()
}

// leave takes the guest off the network: of a container nobody listens any
// more, of a VM nobody answers.
func (v *vm) leave() {
	v.unfreeze()
	v.plug(false)
	ground := v.host.attached
	if err := v.host.attach(nil); err != nil {
		v.world.fail("%s: %v", v.spec.Name, err)
	}
	if ground == nil {
		return
	}
	if v.world.c.Profile.VM {
		ground.Crash()
	} else {
		ground.ResetAll()
	}
}

// Pause implements platform.Guest.
func (v *vm) Pause() {
	v.guest.Pause()
	v.freeze()
}

// Resume implements platform.Guest.
func (v *vm) Resume() {
	v.unfreeze()
	v.guest.Unpause()
}

// Move implements platform.Guest: the running guest goes on in another pod.
func (v *vm) Move(instance int32) {
	v.leave()
	v.instance = instance
	v.settle(instance)
	v.moveChannel(instance)
}

func (v *vm) freeze() {
	if v.thaw == nil && v.host.attached != nil {
		v.thaw = v.host.attached.Freeze()
		if v.out != nil {
			v.thaw = v.out.Silence()
		}
	}
}

func (v *vm) unfreeze() {
	if v.thaw != nil {
		v.thaw()
		v.thaw = nil
	}
}

func (v *vm) power(value string) { v.record(trace.Event{Kind: trace.GuestPower, Value: value}) }

// Crashed implements fakevm.Power, as the methods below do.
func (v *vm) Crashed() {
	v.power("crashed")
	v.end()
	v.platform.Crashed()
}

// PoweredOff: the guest has shut itself down.
func (v *vm) PoweredOff() {
	v.power("poweroff")
	v.end()
	v.platform.PoweredOff()
}

// Rebooted: the domain stays.
func (v *vm) Rebooted() { v.power("rebooting") }

// Hung: the virtual processors spin.
func (v *vm) Hung() {
	v.power("hung")
	v.freeze()
}

// Resumed ends a hang or a suspension.
func (v *vm) Resumed() {
	v.power("resumed")
	v.unfreeze()
	v.platform.Woke()
}

// Suspended: suspended to RAM.
func (v *vm) Suspended() {
	v.power("suspended")
	v.freeze()
	v.platform.Suspended()
}

// WatchdogExpired comes before what the device does to the guest.
func (v *vm) WatchdogExpired(action fakevm.WatchdogAction) {
	v.record(trace.Event{Kind: trace.GuestWatchdog, Value: string(action)})
	if action == fakevm.WatchdogPause {
		v.platform.WatchdogPaused()
	}
}

// container runs commands in the container of a pod (kubernetes profile).
type container struct{ vm *vm }

// Exec implements guestagent.Container.
func (c *container) Exec(argv []string, deadline time.Time) (exit int, output []byte, err error) {
	k := c.vm.world.kernel
	task := k.Current()
	finished := false
	c.vm.guest.RunCommand(argv, func(code int64, signal int, out []byte, failure error) {
		finished, exit, output, err = true, int(code), out, failure
		if signal != 0 {
			exit = 128 + signal // as a container runtime reports it
		}
		task.Unpark()
	})
	for !finished {
		if !task.Park(deadline.Sub(sim.Epoch)) && !finished {
			return 0, nil, os.ErrDeadlineExceeded
		}
	}
	return exit, output, err
}
