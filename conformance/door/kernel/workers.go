package kernel

import (
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/desk"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// unable are the events that a Worker cannot take part in, with the reason.
var unable = map[scenarios.EventKind]string{ //nolint:gochecknoglobals // a table
	scenarios.RestartProber: "a function is no process that could be restarted",
	scenarios.StepClock:     "the clock of a function is the kernel's, which is not set",
	scenarios.PanicAttempt:  "a panic of a function is an error of the case",
}

// workers is the prober of a world whose parts are a Worker each. It implements
// simbed.Prober.
type workers struct {
	run *runner
	vms []*machine
}

// Add implements simbed.Prober, as the methods below do.
func (w *workers) Add(c prober.VMConfig) (simbed.VMProber, error) {
	m := &machine{w: w, cfg: c, number: len(w.vms)}
	m.gate = slices.ContainsFunc(c.Probes, func(p probes.Probe) bool { return p.Kind == probes.Startup })
	w.vms = append(w.vms, m)
	return m, nil
}

// Restart is kept away by Bed.Unsupported, as StepClock and PanicNext are.
func (w *workers) Restart()                {}
func (w *workers) StepClock(time.Duration) {}

// machine is one VM. It implements simbed.VMProber.
type machine struct {
	w        *workers
	cfg      prober.VMConfig
	number   int
	gate     bool
	platform prober.Platform
	pods     []*pod
}

// pod is one pod of a VM, with one container at a time.
type pod struct {
	number    int32
	container door.Container
	work      []*work
}

// Bind implements simbed.VMProber, as the methods below do.
func (m *machine) Bind(p prober.Platform) { m.platform = p }

// PanicNext does not come.
func (m *machine) PanicNext() {}

// ContainerStarted begins the probes that need not wait for a startup probe.
func (m *machine) ContainerStarted(c platform.Container) {
	i := slices.IndexFunc(m.pods, func(p *pod) bool { return p.number == c.Pod })
	if i < 0 {
		i = len(m.pods)
		m.pods = append(m.pods, m.hire(c))
	}
	p := m.pods[i]
	p.container = door.Container{
		Instance: c.Instance, Address: m.w.run.g.Address(m.cfg.Name, c.Instance), Started: sim.Epoch.Add(c.At),
	}
	for _, k := range p.work {
		if !k.probe.StartupGate {
			k.begin(p.container)
		}
	}
}

func (m *machine) hire(c platform.Container) *pod {
	g := m.w.run.g
	p := &pod{number: c.Pod}
	spec := &g.Case().VMs[m.number]
	for slot := range m.cfg.Probes {
		one := m.cfg.Probes[slot]
		k := &work{w: m.w, m: m, slot: slot, actor: m.cfg.Actor + sim.Actor(slot), pod: p}
		k.desk = desk.Desk{Ground: g, Platform: m.platform, VM: m.cfg.Name, Kind: one.Kind, Startup: p.startup}
		k.probe, _ = door.NewProbe(door.Probe{
			VM: m.cfg.Name, Namespace: spec.Machine.Namespace, Machine: spec.Machine,
			Profile: g.Case().Profile, Spec: one, Slot: slot,
			StartupGate: m.gate && one.Kind != probes.Startup,
			Pod:         c.Pod, Target: c.Target, Age: g.Age(),
		}, k)
		p.work = append(p.work, k)
	}
	return p
}

// startup begins the probes that have waited for it.
func (p *pod) startup(instance int32, passed bool) {
	if !passed || instance != p.container.Instance {
		return
	}
	for _, k := range p.work {
		if k.probe.StartupGate && k.life == nil {
			k.begin(p.container)
		}
	}
}

// ContainerStopped ends what probes the container.
func (m *machine) ContainerStopped(instance int32, willRestart bool) {
	p := m.of(instance)
	if p == nil {
		return
	}
	for _, k := range p.work {
		k.end()
	}
	if !willRestart {
		m.pods = slices.DeleteFunc(m.pods, func(o *pod) bool { return o == p })
	}
}

// Terminating ends all but readiness.
func (m *machine) Terminating(instance int32) {
	p := m.of(instance)
	if p == nil {
		return
	}
	for _, k := range p.work {
		if k.probe.Spec.Kind != probes.Readiness {
			k.end()
		}
	}
}

// Trigger may be let pass (TIM-READY-MANUAL).
func (m *machine) Trigger(int32) {}

func (m *machine) of(instance int32) *pod {
	i := slices.IndexFunc(m.pods, func(p *pod) bool { return p.container.Instance == instance })
	if i < 0 {
		return nil
	}
	return m.pods[i]
}
