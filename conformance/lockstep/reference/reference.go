// Package reference is the prober of vmprobe behind the protocol: the same
// engine, the same reading of answers, on a clock of its own that follows the
// suite's. It proves the doors: what passes through them must come to the same
// as in process.
package reference

import (
	"errors"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Prober is a protocol.Prober. The zero value obeys the law.
type Prober struct {
	// Version is said in the greeting.
	Version string
	// Deviation makes it a wrong prober, as far as a deviation is the prober's
	// own and not the platform's; nil: the law.
	Deviation *simbed.Deviation

	kernel  *sim.Kernel
	profile probes.Profile
	proxy   string // of the environment
	driver  *prober.Driver
	vms     []*machine

	actions []protocol.Action
	results map[place]int // of the last result of this step, in actions
	lastID  int64
	current map[place]int64 // the try of each probe that has begun last
	asked   map[int64]*conversation
}

// place is one probe of one container.
type place struct {
	vm       string
	instance int32
	kind     probes.Kind
}

type machine struct {
	name, domain string
	resolved     spec.Resolved
	addresses    map[int32]string // by instance
	view         *prober.VM
}

// Hello implements protocol.Prober.
func (p *Prober) Hello() protocol.Greeting {
	return protocol.Greeting{
		Implementation: protocol.Implementation{Name: "vmprobe", Version: p.Version, Language: "go"},
		Features:       protocol.Features(),
	}
}

// Open implements protocol.Prober.
func (p *Prober) Open(r *protocol.Request) error {
	p.Close()
	profile, ok := probes.LookupProfile(probes.ProfileName(r.Profile))
	if !ok {
		return fmt.Errorf("unknown profile %q", r.Profile)
	}
	dev := p.deviation()
	if p.profile = profile; dev.Profile != nil {
		dev.Profile(&p.profile)
	}
	p.kernel, p.lastID, p.proxy = sim.New(r.Seed), 0, r.Proxy
	p.vms, p.current, p.asked, p.results = nil, map[place]int64{}, map[int64]*conversation{}, map[place]int{}
	var err error
	p.driver, err = prober.New(prober.Config{
		Kernel: p.kernel, Sink: p, Tryer: p, Age: time.Duration(r.ProberAgeNs), Engine: dev.Engine, Rules: dev.Prober,
	})
	if err != nil {
		return err
	}
	for i := range r.VMs {
		if err := p.add(&r.VMs[i], profile); err != nil {
			return fmt.Errorf("vm %s: %w", r.VMs[i].Name, err)
		}
	}
	return nil
}

func (p *Prober) deviation() *simbed.Deviation {
	if p.Deviation == nil {
		return &simbed.Deviation{}
	}
	return p.Deviation
}

// Close forgets the case.
func (p *Prober) Close() {
	if p.kernel != nil {
		p.kernel.Close()
	}
}

func (p *Prober) add(vm *protocol.VM, profile probes.Profile) error {
	list, err := spec.Decode(vm.Manifest)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return errors.New("not one machine in its manifest")
	}
	m := &machine{addresses: map[int32]string{}, name: vm.Name, domain: vm.Namespace + "_" + vm.Name, resolved: list[0].Resolve(p.profile)}
	if change := p.deviation().Resolved; change != nil {
		change(&m.resolved, profile)
	}
	m.view, err = p.driver.Add(prober.VMConfig{
		Name: vm.Name, Actor: p.kernel.Name("workers/" + vm.Name), Probes: m.resolved.Probes, Tries: p.profile.Tries,
	})
	if err != nil {
		return err
	}
	m.view.Bind(deaf{})
	p.vms = append(p.vms, m)
	return nil
}

// deaf is a platform that is told by actions.
type deaf struct{}

func (deaf) ReadyChanged(int32, bool)                 {}
func (deaf) StartupChanged(int32, bool)               {}
func (deaf) LivenessFailed(int32, probes.Kind)        {}
func (deaf) ClusterEvent(int32, bool, string, string) {}

// Step implements protocol.Prober.
func (p *Prober) Step(now time.Duration, events []protocol.Event) ([]protocol.Action, time.Duration, error) {
	p.actions = nil
	clear(p.results)
	if err := p.kernel.Run(now); err != nil {
		return nil, 0, err
	}
	for i := range events {
		if err := p.take(&events[i], events); err != nil {
			return nil, 0, err
		}
	}
	if err := p.kernel.Run(now); err != nil {
		return nil, 0, err
	}
	wake, ok := p.kernel.Next()
	if !ok {
		wake = -1
	}
	return p.actions, wake, nil
}

// take takes one event. After a restart of the prober the driver knows itself
// what runs.
func (p *Prober) take(e *protocol.Event, all []protocol.Event) error {
	switch e.Event {
	case protocol.ProberRestarted:
		clear(p.asked)
		p.driver.Restart()
		return nil
	case protocol.ClockStepped:
		p.driver.StepClock(time.Duration(e.ByNs))
		return nil
	case protocol.Answer:
		if c := p.asked[e.ID]; c != nil {
			c.take(e)
		}
		return nil
	default:
	}
	if all[0].Event == protocol.ProberRestarted {
		return nil
	}
	for _, m := range p.vms {
		if m.name == e.VM {
			m.take(e)
			return nil
		}
	}
	return fmt.Errorf("event %s of an unknown VM %q", e.Event, e.VM)
}

func (m *machine) take(e *protocol.Event) {
	switch e.Event {
	case protocol.ContainerStarted:
		m.addresses[e.Instance] = e.Address
		m.view.ContainerStarted(platform.Container{
			Instance: e.Instance, Pod: e.Pod, At: time.Duration(e.StartedNs), Target: e.Target,
		})
	case protocol.ContainerStopped:
		m.view.ContainerStopped(e.Instance, e.WillRestart)
	case protocol.Terminating:
		m.view.Terminating(e.Instance)
	case protocol.Sync:
		m.view.Trigger(e.Instance)
	case protocol.Panic:
		m.view.PanicNext()
	default:
	}
}

// Record implements trace.Sink: what the driver records is what the prober
// does.
func (p *Prober) Record(e trace.Event) {
	at := place{e.VM, e.Instance, e.Probe}
	a := protocol.Action{VM: e.VM, Instance: e.Instance}
	switch e.Kind {
	case trace.TryStarted:
		p.lastID++
		p.current[at] = p.lastID
		a.Do, a.ID, a.Probe = protocol.Try, p.lastID, e.Probe.String()
	case trace.TryFinished:
		// Whether another try follows is known when the attempt ends, or not.
		p.results[at] = len(p.actions)
		a = protocol.Action{
			Do: protocol.Result, ID: p.current[at], Class: e.Class.String(), Message: e.Msg, Retry: true, Panicked: e.Value == "panic",
		}
	case trace.AttemptFinished:
		if i, ok := p.results[at]; ok {
			p.actions[i].Retry = false
		}
		return
	case trace.ProbeState:
		ok := e.OK
		a.Do, a.OK, a.Unknown = [...]protocol.Verb{protocol.Ready, protocol.Live, protocol.Started}[e.Probe], &ok, e.Value == "unknown"
	case trace.LivenessFailed:
		a.Do, a.Probe = protocol.LiveFailed, e.Probe.String()
	default:
		return
	}
	p.actions = append(p.actions, a)
}

// Try implements prober.Tryer.
func (p *Prober) Try(req prober.Request, done func(probes.Result)) {
	c := &conversation{p: p, id: p.current[place{req.Name, req.Instance, req.Probe.Kind}]}
	p.asked[c.id] = c
	p.kernel.Go(req.Actor, func(t *sim.Task) {
		t.Daemon()
		r := p.try(&env{t, c}, p.vms[req.VM], &req)
		if change := p.deviation().Result; change != nil {
			change(req.Probe, &r)
		}
		done(r)
	})
}

func (p *Prober) try(e *env, m *machine, req *prober.Request) probes.Result {
	dev := p.deviation()
	switch req.Probe.Handler {
	case probes.HTTPGet, probes.TCPSocket:
		return attempt.Try(e, &attempt.Target{Probe: req.Probe, Profile: &p.profile, Address: m.addresses[req.Instance], Rules: dev.Attempt})
	case probes.GuestAgentPing, probes.Exec:
		d := &remoteDomain{c: e.c, name: m.domain, vm: m.name, instance: req.Instance}
		if req.Probe.Handler == probes.GuestAgentPing && p.profile.PauseAnnotation {
			d.look(e)
		}
		return guestagent.Try(e, d, guestagent.NewRemoteChannel(e.c), &guestagent.Target{
			Probe: req.Probe, Profile: &p.profile, Container: container{e}, Rules: dev.Agent,
		})
	case probes.NoHandler:
	}
	return probes.Result{Class: probes.Errored, Message: "missing probe handler"}
}
