package model

import (
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// OnKernel runs VMs 0 to n-1 of a fleet as a world on a kernel: the engine's
// workers, driven by package prober, with tries by tryer (nil: the fleet's
// answers) and a platform that does nothing but respawn. Further sinks see
// every event.
func OnKernel(c *Config, n int, k *sim.Kernel, tryer prober.Tryer, sinks ...trace.Sink) (Stats, error) {
	if err := c.Validate(); err != nil {
		return Stats{}, err
	}
	if tryer == nil {
		tryer = NewTryer(k, c.Answerer)
	}
	stats := Stats{VMs: n}
	digest := NewDigest(n)
	sink := counting{stats: &stats, sinks: append([]trace.Sink{digest}, sinks...)}
	d, err := prober.New(prober.Config{Kernel: k, Sink: sink, Tryer: tryer, Age: c.oldAge()})
	if err != nil {
		return Stats{}, err
	}
	for vm := range n {
		pv, err := d.Add(prober.VMConfig{
			Name: Name(vm), Actor: Actor(vm, 0), Probes: plainProbes(c.Probes), Tries: c.Probes[0].Tries,
		})
		if err != nil {
			return Stats{}, err
		}
		r := &respawner{k: k, sink: sink, cfg: c, name: Name(vm), prober: pv}
		r.kill = k.NewTimer(Actor(vm, MaxSlots-1), r.stop)
		r.birth = k.NewTimer(Actor(vm, MaxSlots-1), r.start)
		pv.Bind(r)
		r.start()
	}
	if err := k.Run(c.Until); err != nil {
		return Stats{}, err
	}
	stats.Sum = digest.Sum()
	return stats, nil
}

// plainProbes gives the timing of the workers to a prober; what they ask is
// the tryer's business.
func plainProbes(configs []engine.Config) []probes.Probe {
	list := make([]probes.Probe, len(configs))
	for i, c := range configs {
		list[i] = probes.Probe{
			Kind: c.Kind, InitialDelay: c.InitialDelay, Period: c.Period,
			FailureThreshold: c.FailureThreshold, SuccessThreshold: c.SuccessThreshold,
			TerminationGrace: -1,
		}
	}
	return list
}

// respawner is the platform of a fleet.
type respawner struct {
	k           *sim.Kernel
	sink        trace.Sink
	cfg         *Config
	name        string
	prober      *prober.VM
	instance    int32
	kill, birth *sim.Timer
}

func (r *respawner) start() {
	r.instance++
	r.record(trace.ContainerStarted)
	r.prober.ContainerStarted(platform.Container{Instance: r.instance, Pod: r.instance, At: r.k.Now()})
}

func (r *respawner) stop() {
	r.record(trace.ContainerStopped)
	r.prober.ContainerStopped(r.instance, false)
	r.k.Set(r.birth, r.k.Now()+r.cfg.Respawn)
}

func (r *respawner) record(kind trace.Kind) {
	r.sink.Record(trace.Event{T: r.k.Now(), VM: r.name, Instance: r.instance, Kind: kind})
}

// LivenessFailed implements prober.Platform: the container ends at once.
func (r *respawner) LivenessFailed(int32, probes.Kind) { r.k.Set(r.kill, r.k.Now()) }

// ReadyChanged implements prober.Platform; nobody looks.
func (r *respawner) ReadyChanged(int32, bool) {}

// StartupChanged implements prober.Platform; fleets have no startup probes.
func (r *respawner) StartupChanged(int32, bool) {}

// ClusterEvent implements prober.Platform; fleets keep no events.
func (r *respawner) ClusterEvent(int32, bool, string, string) {}

// counting passes events on and counts them as Fleet does.
type counting struct {
	stats *Stats
	sinks []trace.Sink
}

func (c counting) Record(e trace.Event) {
	switch e.Kind {
	case trace.AttemptFinished:
		c.stats.Attempts++
		if e.Class == probes.Failure {
			c.stats.Failures++
		}
	case trace.ProbeState:
		c.stats.Flips++
	case trace.LivenessFailed:
		c.stats.Restarts++
	default:
	}
	for _, s := range c.sinks {
		s.Record(e)
	}
}
