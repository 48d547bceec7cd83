package protocol

import (
	"encoding/json"
	"slices"
	"time"
)

// Worker is the state machine behind one probe of one pod.
type Worker interface {
	// Step takes an event of the container or the answer to what was asked
	// last; the zero event: time has passed. What is to be done needs no vm,
	// instance, probe and id: a try and what follows it are the worker's. A
	// state of any kind of probe is published as Ready.
	Step(now time.Duration, e Event) []Action
	// WakeAt is the next instant at which the worker wants to act by itself;
	// false: none.
	WakeAt() (time.Duration, bool)
}

// Probe is what a worker is made for.
type Probe struct {
	// Profile is the dialect of the case, Kind the word for the kind of probe.
	Profile, Kind string
	VM            *VM
	// Written is the probe as it stands in the manifest.
	Written json.RawMessage
	// Started is the instant at which the first container of the pod started.
	Started time.Duration
}

// Workers is a Prober with one worker for each probe of each pod: it tells them
// what concerns them, and fills in of whom their actions speak.
type Workers struct {
	greeting Greeting
	make     func(Probe) (Worker, error)

	profile string
	vms     []VM
	list    []*placed
	ids     []*placed // the owner of each try, which are counted from 1
	do      []Action
}

// placed is a worker, its present container and its last try.
type placed struct {
	Worker
	kind          string
	vm            string
	instance, pod int32
	id            int64
}

// NewWorkers is a prober with a name and the features that it claims. A worker
// is made for each probe when the first container of a pod starts, which is its
// first event.
func NewWorkers(name string, make func(Probe) (Worker, error), features ...string) *Workers {
	return &Workers{make: make, greeting: Greeting{Implementation: Implementation{Name: name, Language: "go"}, Features: features}}
}

// Hello implements Prober.
func (w *Workers) Hello() Greeting { return w.greeting }

// Open implements Prober.
func (w *Workers) Open(r *Request) error {
	w.profile, w.vms, w.list, w.ids = r.Profile, r.VMs, nil, nil
	return nil
}

// Step implements Prober.
func (w *Workers) Step(now time.Duration, events []Event) (do []Action, wakeAt time.Duration, err error) {
	w.do = nil
	for _, e := range events {
		if e.Event == ContainerStarted {
			if err := w.started(e); err != nil {
				return nil, 0, err
			}
		}
		for _, p := range w.list {
			here := p.vm == e.VM && p.instance == e.Instance
			if here && e.Event != Answer || e.Event == Answer && p.id == e.ID && w.ids[e.ID-1] == p {
				w.step(p, now, e)
			}
		}
	}
	wakeAt = -1
	for _, p := range w.list {
		w.step(p, now, Event{})
		if at, ok := p.WakeAt(); ok && (wakeAt < 0 || at < wakeAt) {
			wakeAt = max(at, now)
		}
	}
	return w.do, wakeAt, nil
}

// started makes the workers of a new pod, and moves those of a pod whose
// container was restarted to the new one.
func (w *Workers) started(e Event) error {
	known := false
	for _, p := range w.list {
		if p.vm == e.VM && p.pod == e.Pod {
			p.instance, known = e.Instance, true
		}
	}
	i := slices.IndexFunc(w.vms, func(vm VM) bool { return vm.Name == e.VM })
	if known || i < 0 {
		return nil
	}
	vm := &w.vms[i]
	for n, written := range []json.RawMessage{vm.Probes.Readiness, vm.Probes.Liveness, vm.Probes.Startup} {
		if written == nil {
			continue
		}
		made, err := w.make(Probe{Profile: w.profile, Kind: kinds[n], VM: vm, Written: written, Started: time.Duration(e.StartedNs)})
		if err != nil {
			return err
		}
		w.list = append(w.list, &placed{Worker: made, kind: kinds[n], vm: e.VM, instance: e.Instance, pod: e.Pod})
	}
	return nil
}

// step steps one worker and addresses what it does.
func (w *Workers) step(p *placed, now time.Duration, e Event) {
	for _, a := range p.Step(now, e) {
		switch a.Do {
		case Try:
			w.ids = append(w.ids, p)
			p.id = int64(len(w.ids))
			a.ID, a.Probe = p.id, p.kind
		case Ask, Result, Cancel:
			a.ID = p.id
		case LiveFailed:
			a.Probe = p.kind
		case Ready:
			a.Do = []Verb{Ready, Live, Started}[KindOf(p.kind)]
		case Live, Started, TellEvent:
		}
		if a.Do != Ask && a.Do != Result && a.Do != Cancel {
			a.VM, a.Instance = p.vm, p.instance
		}
		w.do = append(w.do, a)
	}
}
