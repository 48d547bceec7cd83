package watch

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/probes/realtime"
)

// probing are the workers of a watch.
type probing struct {
	driver  *realtime.Driver
	env     *realtime.Env
	cancel  context.CancelFunc
	rest    sync.WaitGroup // what outlives a try
	workers map[*realtime.Handle]*worker
	running sync.Mutex // guards up
	up      bool
}

// worker is one probe.
type worker struct {
	probe  *probes.Probe
	handle *realtime.Handle
	ready  *bool // as last published
	failed bool  // liveness has failed and nobody has acted; it is probed on
	began  time.Duration
	last   string // message of the last attempt that did not pass
}

// begin starts a worker for each probe. The domain counts as started when it
// was found.
func (w *watcher) begin(ctx context.Context) error {
	ctx, w.cancel = context.WithCancel(ctx)
	w.env = realtime.NewEnv(ctx, func(fn func(guestagent.Env)) { w.rest.Go(func() { fn(w.env) }) })
	agent := virt.NewAgent(w.connection, w.cfg.Domain)
	channel := guestagent.NewRemoteChannel(agent)
	w.workers = map[*realtime.Handle]*worker{}
	var list sync.Mutex
	list.Lock() // nobody is told before all are there
	w.driver = realtime.New(ctx, clock.New(), func(u realtime.Update) {
		list.Lock()
		known := w.workers[u.Handle]
		list.Unlock()
		w.told(known, &u)
	})
	startup := slices.ContainsFunc(w.cfg.Probes, func(p probes.Probe) bool { return p.Kind == probes.Startup })
	for i := range w.cfg.Probes {
		p := &w.cfg.Probes[i]
		cfg := engine.ConfigOf(p, w.cfg.Profile.Tries)
		cfg.StartupGate = startup && p.Kind != probes.Startup
		h, err := w.driver.Add(cfg, w.try(p, agent, channel))
		if err != nil {
			list.Unlock()
			return err
		}
		w.workers[h] = &worker{probe: p, handle: h}
	}
	list.Unlock()
	st, err := agent.Status()
	if err == nil && !active(st.State) {
		w.say("the domain does not run; it is probed when it does (`virsh start %s`)", w.cfg.Domain)
		return nil
	}
	if err == nil && st.State == guestagent.Paused {
		w.say("the domain is paused")
	}
	w.started()
	return nil
}

// grace is how long the end waits for what is under way. No call of libvirt can
// be cancelled, and one may wait for half a minute: it is left behind.
const grace = 300 * time.Millisecond

// end stops everything, and lets the connection go when nobody needs it.
func (w *watcher) end() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if w.driver != nil {
			w.cancel()
			w.driver.Close()
			w.rest.Wait()
		}
		_ = w.connection().Close()
	}()
	select {
	case <-done:
	case <-time.After(grace):
	}
}

// try makes the tries of a probe.
func (w *watcher) try(p *probes.Probe, agent *virt.Agent, channel *guestagent.Channel) realtime.Try {
	network := attempt.Target{Probe: p, Profile: &w.cfg.Profile, Address: w.address}
	inside := guestagent.Target{Probe: p, Profile: &w.cfg.Profile}
	domain := &liveDomain{w, agent}
	return func(context.Context, int32, int32) probes.Result {
		switch p.Handler {
		case probes.HTTPGet, probes.TCPSocket:
			return attempt.Try(w.env, &network)
		default:
			return guestagent.Try(w.env, domain, channel, &inside)
		}
	}
}

// liveDomain is the domain as package guestagent asks for it.
type liveDomain struct {
	w     *watcher
	agent *virt.Agent
}

// Name implements guestagent.Domain.
func (d *liveDomain) Name() string { return d.w.cfg.Domain }

// Status implements guestagent.Domain.
func (d *liveDomain) Status() guestagent.Status {
	st, err := d.agent.Status()
	st.StateUnknown = err != nil
	return st
}

// PingFailed implements guestagent.Domain: the attempt tells, too.
func (d *liveDomain) PingFailed(string) {}

// started and stopped tell the workers of the domain.
func (w *watcher) started() {
	w.running.Lock()
	defer w.running.Unlock()
	if w.up || w.driver == nil {
		return
	}
	w.up = true
	for h := range w.workers {
		h.ContainerStarted(w.driver.Now())
	}
}

func (w *watcher) stopped() {
	w.running.Lock()
	defer w.running.Unlock()
	if !w.up {
		return
	}
	w.up = false
	for h := range w.workers {
		h.ContainerStopped(true)
	}
}

// told writes what is news.
func (w *watcher) told(k *worker, u *realtime.Update) {
	switch u.Action.Kind {
	case engine.StartTry:
		if u.Action.Try == 1 {
			k.began = u.At
		}
	case engine.AttemptFinished:
		w.finished(k, u)
	case engine.Publish:
		w.published(k, u.Action.Healthy)
	case engine.LivenessFailed:
		w.failed(k)
	}
}

// finished counts an attempt, and tells its message when that is a new one.
func (w *watcher) finished(k *worker, u *realtime.Update) {
	w.cfg.Metrics.count(k.probe.Kind, u.Action.Class, u.At-k.began)
	text := ""
	if u.Action.Class != probes.Success {
		text = u.Result.Message
	}
	if text != k.last {
		if k.last = text; text == "" {
			text = "success"
		} else {
			text = u.Action.Class.String() + ": " + text
		}
		w.say("%s %s", k.probe.Kind, text)
	}
	if k.failed && u.Action.Class == probes.Success {
		k.failed = false
		w.published(k, true)
	}
}

// published tells a verdict that is a new one.
func (w *watcher) published(k *worker, healthy bool) {
	kind := k.probe.Kind
	switch {
	case k.failed: // the worker begins anew and knows nothing
		return
	case k.ready == nil:
		w.say("%s -> %t, before any attempt", word(kind), healthy)
	case *k.ready != healthy:
		w.say("%s -> %t", word(kind), healthy)
	}
	k.ready = &healthy
	if kind == probes.Startup && healthy {
		for h, other := range w.workers {
			if other != k {
				h.StartupPassed()
			}
		}
	}
}

// failed does what a liveness failure asks for. Without Act the probe goes on as
// in a new container, so that it is seen when the guest recovers.
func (w *watcher) failed(k *worker) {
	if w.cfg.Act {
		w.rest.Go(w.act)
		return
	}
	if !k.failed {
		w.say("liveness failed: a cluster would replace the VM (--act does)")
	}
	k.failed = true
	k.handle.ContainerStopped(true)
	k.handle.ContainerStarted(w.driver.Now())
}

// word is what a probe decides about.
func word(k probes.Kind) string {
	switch k {
	case probes.Readiness:
		return "ready"
	case probes.Liveness:
		return "alive"
	default:
		return "started"
	}
}
