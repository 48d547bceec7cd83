// Package simbed is the testbed "sim": it puts the simulated world together
// (kernel, network, platform, prober, guests) for one case and runs it in
// virtual time. The same case and seed give the same trace, byte for byte.
package simbed

import (
	"context"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/cluster"
	"github.com/vmprobe/vmprobe/sim/network"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Bed is the simulator as a testbed. The zero value is ready.
type Bed struct {
	// Tool is the version written into traces.
	Tool string
	// Bare leaves out the Kubernetes API beside the world; the trace is the
	// same. For fleets and sweeps.
	Bare bool
	// Publish stands between the platform and the API beside the world; nil:
	// nothing does.
	Publish func(*cluster.Cluster) platform.Publisher
	// Deviation makes the prober a wrong one; nil: the law.
	Deviation *Deviation
	// Liberty decides what the law leaves open; nil: the seed does.
	Liberty *Liberty
	// Door puts another prober into the world; nil: our own.
	Door Door
	// Clock, if not nil, lets the world live until an instant in the stead of
	// Kernel.Run: the clock of a bubble moves the kernel.
	Clock func(k *sim.Kernel, until time.Duration) error
	// View is from where runs are watched: what it does not show is left out of
	// their traces. Default from inside the prober.
	View trace.View
	// Outside puts the world on real ground and on the wall clock; nil: it is
	// simulated.
	Outside Outside
	// Memory spares tries that other runs of the case have made; nil: all are
	// made.
	Memory *Memory
}

// Name implements testbed.Testbed.
func (Bed) Name() string { return "sim" }

// Unsupported implements testbed.Testbed: the simulator expresses every case.
func (Bed) Unsupported(*scenarios.Case) string { return "" }

// slice is how much virtual time passes between two looks at the context.
const slice = 10 * time.Minute

// Run implements testbed.Testbed. A case whose manifests the API would reject
// is not run: its trace holds the findings only.
func (b Bed) Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	recorder := trace.Recorder{Events: make([]trace.Event, 0, expected(c))}
	if err := b.Play(ctx, c, seed, &recorder); err != nil {
		return nil, err
	}
	t := recorder.Trace(b.header(c, seed))
	if b.View != trace.ViewProber {
		t = t.Seen(b.View)
	}
	return t, nil
}

// expected is about how many events a run will have: four of each attempt, and
// some more. It spares the recorder most of its growth.
func expected(c *scenarios.Case) int {
	const most = 1 << 16
	n := 64
	for i := range c.VMs {
		for _, p := range c.VMs[i].Resolved.Probes {
			n += 4 * int(min(c.Until/max(p.Period, time.Second), most))
		}
	}
	return min(n, most)
}

func (b Bed) header(c *scenarios.Case, seed uint64) trace.Header {
	h := trace.Header{Case: c.ID(), Profile: string(c.Profile.Name), Seed: seed, Tool: b.Tool}
	for i := range c.VMs {
		h.VMs = append(h.VMs, c.VMs[i].Name)
	}
	return h
}

// Play runs the case and hands each event to the sink, keeping none: the way
// for fleets.
func (b Bed) Play(ctx context.Context, c *scenarios.Case, seed uint64, sink trace.Sink) error {
	w := &world{c: b.deviation().read(c), sink: sink, deviation: b.deviation(), liberty: b.liberty()}
	w.tryer, w.door, w.clock, w.outside = w, b.Door, b.Clock, b.Outside
	if b.Memory == nil {
		w.kernel = sim.New(seed)
		w.net = network.New(w.kernel)
		defer w.kernel.Close()
	} else {
		w.kernel, w.net = b.Memory.open(w.c, seed)
		w.recall = b.Memory.recalls(w)
		w.tryer, w.sink = w.recall, diary{sink, w.recall}
	}
	if !b.Bare {
		w.cluster = cluster.New()
		w.publisher = w.cluster
		if b.Publish != nil {
			w.publisher = b.Publish(w.cluster)
		}
	}
	w.findings()
	if rejected(c) || rejected(w.c) {
		return nil
	}
	if err := w.build(); err != nil {
		return err
	}
	if err := w.run(ctx); err != nil {
		return fmt.Errorf("simulate %s with seed %d: %w", c.ID(), seed, err)
	}
	return nil
}

func rejected(c *scenarios.Case) bool {
	for i := range c.VMs {
		if c.VMs[i].Resolved.Rejected() {
			return true
		}
	}
	return false
}

// proberName is the prober's host, and its name in partitions.
const proberName = "prober"

// world is one run.
type world struct {
	c         *scenarios.Case
	kernel    *sim.Kernel
	net       *network.Network
	prober    *network.Host
	door      Door                                   // nil: our own prober
	clock     func(*sim.Kernel, time.Duration) error // nil: the kernel's own
	driver    Prober
	tryer     prober.Tryer
	recall    *recall            // nil: without memory
	own       used               // without memory
	outside   Outside            // nil: the world is simulated
	cluster   *cluster.Cluster   // nil: bare
	publisher platform.Publisher // nil: bare
	vms       []*vm
	sink      trace.Sink
	failure   error

	deviation *Deviation // never nil
	liberty   *Liberty   // never nil
}

// fail ends the run: the scenario or the harness is at fault, not a prober.
func (w *world) fail(format string, args ...any) {
	w.failure = fmt.Errorf(format, args...)
	w.kernel.Halt(w.failure)
}

func (w *world) vm(name string) *vm {
	for _, v := range w.vms {
		if v.spec.Name == name {
			return v
		}
	}
	panic("simbed: the case names an unknown VM " + name) // the decoder checks it
}

// findings records what is remarkable about the manifests.
func (w *world) findings() {
	for i := range w.c.VMs {
		for _, f := range w.c.VMs[i].Resolved.Findings {
			w.sink.Record(trace.Event{
				VM: w.c.VMs[i].Name, Kind: trace.Finding, Value: f.Requirement,
				Msg: string(f.Severity) + ": " + f.Path + ": " + f.Message,
			})
		}
	}
}

// build makes everything and starts the VMs at instant 0.
func (w *world) build() error {
	if w.outside != nil {
		w.tryer = prober.TryerFunc(w.tryOutside)
		w.outside.Begin(w.kernel)
		w.outside.Lock()
		defer w.outside.Unlock()
	}
	w.prober = w.net.AddHost(proberName)
	door := w.door
	if door == nil {
		door = w.ours
	}
	var err error
	if w.driver, err = door(&Ground{w}); err != nil {
		return err
	}
	if err := w.trap(); err != nil {
		return err
	}
	for i := range w.c.VMs {
		v, err := w.newVM(&w.c.VMs[i])
		if err != nil {
			return err
		}
		if err := w.connect(v); err != nil {
			return fmt.Errorf("vm %s: %w", v.spec.Name, err)
		}
		w.vms = append(w.vms, v)
	}
	w.schedule()
	w.free()
	for _, v := range w.vms {
		v.platform.Start()
	}
	return nil
}

// connect ties a VM to its prober and its platform.
func (w *world) connect(v *vm) error {
	var err error
	v.prober, err = w.driver.Add(prober.VMConfig{
		Name: v.spec.Name, Actor: w.kernel.Name("workers/" + v.spec.Name),
		Probes: v.spec.Resolved.Probes, Tries: w.tries(),
	})
	if err != nil {
		return err
	}
	annotation := ""
	if vmi := v.spec.Machine.VMI; vmi != nil {
		annotation = vmi.Annotations[cluster.PauseAnnotation]
	}
	v.platform = w.used().platforms.Take()
	err = v.platform.Renew(platform.Config{
		Publisher: w.publish(v),
		Kernel:    w.kernel, Sink: w.sink, Guest: v, Prober: tap{v.prober, v},
		Name: v.spec.Name, Namespace: v.spec.Machine.Namespace, Actor: w.kernel.Name("platform/" + v.spec.Name),
		Profile: w.c.Profile, Resolved: v.spec.Resolved, DomainDelay: v.spec.DomainDelay,
		Annotation: annotation, Rules: w.deviation.Platform,
	})
	if err != nil {
		return err
	}
	v.prober.Bind(v.platform)
	return nil
}

// publish makes the VM known to the Kubernetes API beside the world.
func (w *world) publish(v *vm) platform.Publisher {
	if w.cluster == nil {
		return nil
	}
	m := v.spec.Machine
	container := ""
	if !w.c.Profile.VM {
		container = v.spec.Name
	}
	w.cluster.Add(cluster.Member{
		Container: container,
		Name:      v.spec.Name, Namespace: m.Namespace, VM: m.VM, VMI: m.VMI, Pod: m.Pod,
		Probes: v.spec.Resolved.Probes, ExecOuterExtra: w.c.Profile.ExecOuterExtra,
		Address: func(pod int32) string { return v.pod(pod).addr },
	})
	return w.publisher
}

// run lets the world live until the end of the case.
func (w *world) run(ctx context.Context) error {
	if w.outside != nil {
		if err := w.outside.Run(ctx, w.c.Until); err != nil {
			return err
		}
		return w.failure
	}
	move := w.clock
	if move == nil {
		move = (*sim.Kernel).Run
	}
	for w.kernel.Now() < w.c.Until {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := move(w.kernel, min(w.kernel.Now()+slice, w.c.Until)); err != nil {
			return err
		}
	}
	if w.cluster != nil && w.cluster.Err() != nil {
		return w.cluster.Err()
	}
	return w.failure
}
