package reference

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/realtime"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/sim"
)

// run is one case.
type run struct {
	server  *server
	id      int64
	ctx     context.Context //nolint:containedctx // of its tries
	cancel  context.CancelFunc
	dev     simbed.Deviation
	profile probes.Profile
	seed    uint64
	age     time.Duration // of the prober when the case began
	random  *rand.Rand
	driver  *realtime.Driver
	vms     []*machine
	resumed bool // the prober began anew
	after   sync.WaitGroup

	mu     sync.Mutex
	lastID int64
	asked  map[int64]chan *protocol.Event
}

func (s *server) open(r *protocol.Request) (*run, error) {
	u := &run{
		server: s, id: r.Run, seed: r.Seed, age: time.Duration(r.ProberAgeNs), asked: map[int64]chan *protocol.Event{},
		random: rand.New(rand.NewPCG(r.Seed, uint64(r.Run))), //nolint:gosec // phases, not secrets
	}
	profile, ok := probes.LookupProfile(probes.ProfileName(r.Profile))
	if !ok {
		return nil, fmt.Errorf("unknown profile %q", r.Profile)
	}
	if s.prober.Deviation != nil {
		u.dev = *s.prober.Deviation
	}
	if u.profile = profile; u.dev.Profile != nil {
		u.dev.Profile(&u.profile)
	}
	for i := range r.VMs {
		m, err := u.machine(&r.VMs[i], profile)
		if err != nil {
			return nil, fmt.Errorf("vm %s: %w", r.VMs[i].Name, err)
		}
		u.vms = append(u.vms, m)
	}
	u.ctx, u.cancel = context.WithCancel(s.ctx)
	u.driver = realtime.New(u.ctx, clock.New(), u.notify)
	return u, nil
}

func (u *run) machine(vm *protocol.VM, profile probes.Profile) (*machine, error) {
	list, err := spec.Decode(vm.Manifest)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, errors.New("not one machine in its manifest")
	}
	m := &machine{run: u, actor: sim.ActorOf("workers/" + vm.Name), name: vm.Name, domain: vm.Namespace + "_" + vm.Name, resolved: list[0].Resolve(u.profile)}
	if u.dev.Resolved != nil {
		u.dev.Resolved(&m.resolved, profile)
	}
	m.gated = slices.ContainsFunc(m.resolved.Probes, func(p probes.Probe) bool { return p.Kind == probes.Startup })
	return m, nil
}

// close ends everything of the case.
func (u *run) close() {
	u.cancel()
	u.driver.Close()
	u.after.Wait()
	for _, m := range u.vms {
		m.hangUp()
	}
}

// step takes what happens.
func (u *run) step(r *protocol.Request) error {
	now := u.driver.Now()
	for i := range r.Events {
		e := &r.Events[i]
		switch e.Event {
		case protocol.ProberRestarted:
			u.resumed = true
			continue
		case protocol.Answer:
			u.answered(e)
			continue
		default:
		}
		at := slices.IndexFunc(u.vms, func(m *machine) bool { return m.name == e.VM })
		if at < 0 {
			return fmt.Errorf("event %s of an unknown VM %q", e.Event, e.VM)
		}
		// The container has run since so long before the message.
		if err := u.vms[at].take(e, now-time.Duration(r.NowNs-e.StartedNs)); err != nil {
			return err
		}
	}
	u.resumed = false
	return nil
}

// report tells the suite. A stream that is gone ends the prober, which nobody
// needs to be told.
func (u *run) report(a protocol.Action) {
	_ = u.server.say(protocol.Report{Run: u.id, Do: []protocol.Action{a}})
}

// ask asks the suite and waits; nil: the try is over.
func (u *run) ask(ctx context.Context, a protocol.Action) *protocol.Event {
	came := make(chan *protocol.Event, 1)
	u.mu.Lock()
	u.lastID++
	a.Do, a.ID = protocol.Ask, u.lastID
	u.asked[a.ID] = came
	u.mu.Unlock()
	u.report(a)
	select {
	case e := <-came:
		return e
	case <-ctx.Done():
		return nil
	}
}

func (u *run) answered(e *protocol.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if came := u.asked[e.ID]; came != nil {
		delete(u.asked, e.ID)
		came <- e
	}
}

// notify tells the suite what a worker did.
func (u *run) notify(up realtime.Update) {
	w := u.worker(up.Handle)
	if w == nil {
		return
	}
	a := protocol.Action{VM: w.pod.machine.name}
	switch up.Action.Kind {
	case engine.StartTry:
		w.begin(up.Action)
		return
	case engine.AttemptFinished:
		a.Do, a.Instance, a.Probe = protocol.Result, w.instance(), w.probe.Kind.String()
		a.Class, a.Message, a.Panicked = up.Action.Class.String(), up.Result.Message, w.panicked()
	case engine.Publish:
		ok := up.Action.Healthy
		a.Do = [...]protocol.Verb{protocol.Ready, protocol.Live, protocol.Started}[w.probe.Kind]
		a.Instance, a.OK, a.Unknown = w.pod.present(), &ok, up.Action.Unknown
		w.pod.learn(w.probe.Kind, ok)
	case engine.LivenessFailed:
		a.Do, a.Instance, a.Probe = protocol.LiveFailed, w.pod.present(), w.probe.Kind.String()
	}
	u.report(a)
	if a.Do == protocol.Started && *a.OK {
		w.pod.tell(func(h *realtime.Handle) { h.StartupPassed() })
	}
}
