package kubelet

import (
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/model"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// ours runs a plan with our engine and driver on a kernel.
type ours struct {
	p    *plan
	k    *sim.Kernel
	d    *prober.Driver
	pods []*ourPod
	log  []entry
	last map[[2]int]time.Duration // end of the last attempt of a worker
}

// ourPod is the world of one pod; it implements prober.Platform.
type ourPod struct {
	o        *ours
	number   int
	plan     *podPlan
	vm       *prober.VM
	instance int32
	running  bool
	killing  bool
	deleted  bool
	started  bool
	ready    bool
	syncs    int // so far
	lost     int
}

func runOurs(p *plan, rules *engine.Rules, driver *prober.Rules) ([]entry, error) {
	o := &ours{p: p, k: sim.New(p.seed), last: map[[2]int]time.Duration{}}
	defer o.k.Close()
	answers := model.AnswerFunc(func(q model.Query) (time.Duration, probes.Class) {
		return p.answer(q.VM, q.Slot, q.Attempt, q.Try)
	})
	var err error
	o.d, err = prober.New(prober.Config{
		Kernel: o.k, Sink: o, Tryer: model.NewTryer(o.k, answers), Age: time.Hour,
		Engine: rules, Rules: driver,
		Freedom: &prober.Freedom{Offset: func(w prober.Worker) time.Duration {
			return p.pods[w.VM].start - p.pods[w.VM].added[w.Slot]
		}, Jitter: func(w prober.Worker) time.Duration {
			return p.jitter[slices.Index(p.restarts, w.Start)][[2]int{w.VM, w.Slot}]
		}},
	})
	if err != nil {
		return nil, err
	}
	for i := range p.pods {
		if err := o.add(i); err != nil {
			return nil, err
		}
	}
	for _, s := range p.steps {
		o.at(s.at, func() { o.d.StepClock(s.by) })
	}
	for _, t := range p.restarts {
		o.at(t, o.restart)
	}
	return o.log, o.k.Run(p.until)
}

func (o *ours) add(i int) error {
	one := &ourPod{o: o, number: i, plan: &o.p.pods[i]}
	vm, err := o.d.Add(prober.VMConfig{
		Name: one.plan.name, Actor: sim.Actor(i * block), Probes: one.plan.probes, Tries: 3,
	})
	if err != nil {
		return err
	}
	one.vm = vm
	vm.Bind(one)
	o.pods = append(o.pods, one)
	o.at(one.plan.start, one.start)
	if one.plan.deleted > 0 {
		o.at(one.plan.deleted, one.remove)
	}
	if one.plan.syncs > 0 {
		o.at(one.plan.sync(i, 1), one.sync)
	}
	if one.plan.panics > 0 {
		o.at(one.plan.lost(i, 1), one.lose)
	}
	return nil
}

// restart is a prober that knows of no readiness yet, and so asks again.
func (o *ours) restart() {
	o.d.Restart()
	for _, p := range o.pods {
		p.ready = false
	}
}

func (o *ours) at(t time.Duration, fn func()) { o.k.Set(o.k.NewTimer(0, fn), t) }

func (p *ourPod) start() {
	p.instance++
	p.running, p.killing, p.ready = true, false, false
	p.started = p.plan.probes[0].Kind != probes.Startup
	p.vm.ContainerStarted(platform.Container{Instance: p.instance, Pod: 1, At: p.o.k.Now()})
}

func (p *ourPod) stop() {
	p.running = false
	p.vm.ContainerStopped(p.instance, true)
	p.o.at(align(p.o.k.Now()+p.plan.restart, residue(p.number, onStart)), p.start)
}

// remove deletes the pod: readiness goes on until the container has ended.
func (p *ourPod) remove() {
	if !p.running || p.killing {
		return
	}
	p.killing, p.deleted = true, true
	p.vm.Terminating(p.instance)
	p.o.at(align(p.o.k.Now()+shutdown, residue(p.number, onStop)), func() {
		p.running = false
		p.vm.ContainerStopped(p.instance, false)
	})
}

// sync is a pod sync, which asks for a run of readiness while it fails.
func (p *ourPod) sync() {
	if p.running && p.started && !p.ready {
		p.vm.Trigger(p.instance)
	}
	p.syncs++
	p.o.at(p.plan.sync(p.number, p.syncs+1), p.sync)
}

// lose makes the next try panic.
func (p *ourPod) lose() {
	p.vm.PanicNext()
	p.lost++
	p.o.at(p.plan.lost(p.number, p.lost+1), p.lose)
}

// ReadyChanged implements prober.Platform, as the methods below do.
func (p *ourPod) ReadyChanged(_ int32, healthy bool) { p.ready = healthy }

func (p *ourPod) StartupChanged(_ int32, passed bool) { p.started = passed }

func (p *ourPod) LivenessFailed(int32, probes.Kind) {
	if !p.running || p.killing {
		return
	}
	p.killing = true
	p.o.at(align(p.o.k.Now()+p.plan.grace, residue(p.number, onStop)), p.stop)
}

func (p *ourPod) ClusterEvent(int32, bool, string, string) {}

// Record implements trace.Sink.
func (o *ours) Record(e trace.Event) {
	if !e.HasProbe {
		return
	}
	var pod, slot int
	for i := range o.pods {
		if o.pods[i].plan.name == e.VM {
			pod = i
			break
		}
	}
	for i := range o.p.pods[pod].probes {
		if o.p.pods[pod].probes[i].Kind == e.Probe {
			slot = i
		}
	}
	line := entry{at: e.T, pod: pod, slot: slot, attempt: e.Attempt, try: e.Try}
	key := [2]int{pod, slot}
	switch e.Kind {
	case trace.TryStarted:
		line.what = tryStarted
	case trace.TryFinished:
		line.what, line.class = tryFinished, e.Class
	case trace.AttemptFinished:
		o.last[key] = e.T
		return
	case trace.ProbeState:
		// Only what follows from an attempt: a new container, and the end of
		// one, the kubelet notices with its next tick.
		if at, ok := o.last[key]; !ok || at != e.T || e.Value == "unknown" {
			return
		}
		if e.Probe != probes.Readiness && o.pods[pod].deleted {
			return // see theirs
		}
		line.what, line.healthy = stateChanged, e.OK
	default:
		return
	}
	o.log = append(o.log, line)
}
