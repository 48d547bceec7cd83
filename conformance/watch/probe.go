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
			w.end()
			return err
		}
		w.workers[h] = &worker{probe: p, handle: h}
	}
	list.Unlock()
	if st, err := agent.Status(); err == nil && !active(st.State) {
		w.say("the domain does not run; it is probed when it does")
		return nil
	}
	w.started()
	return nil
}

// end stops everything and waits for it.
func (w *watcher) end() {
	w.cancel()
	w.driver.Close()
	w.rest.Wait()
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
	kind := k.probe.Kind
	switch u.Action.Kind {
	case engine.StartTry:
		if u.Action.Try == 1 {
			k.began = u.At
		}
	case engine.AttemptFinished:
		w.cfg.Metrics.count(kind, u.Action.Class, u.At-k.began)
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
			w.say("%s %s", kind, text)
		}
	case engine.Publish:
		if k.ready == nil || *k.ready != u.Action.Healthy {
			k.ready = &u.Action.Healthy
			w.say("%s -> %t", word(kind), u.Action.Healthy)
		}
		if kind == probes.Startup && u.Action.Healthy {
			for h, other := range w.workers {
				if other != k {
					h.StartupPassed()
				}
			}
		}
	case engine.LivenessFailed:
		w.rest.Go(w.act)
	}
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
