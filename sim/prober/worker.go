package prober

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// idle marks a timer that is not armed.
const idle time.Duration = -1

// worker is an engine worker with its timer on the kernel.
type worker struct {
	vm      *VM
	pod     *pod
	slot    int
	probe   *probes.Probe
	machine engine.Worker

	timer sim.Timer
	armed time.Duration // instant of the timer, or idle

	woken    func()              // by the timer
	done     func(probes.Result) // by the Tryer
	dead     bool                // replaced by a restart of the prober
	inFlight bool                // the Tryer has a try of it
	instance int32               // of the attempt in flight
	attempt  int32
	try      int32
	began    time.Duration // the try
	asked    Request       // for it
	message  string        // of the last try
	event    told          // what was last told of an attempt
	panicked bool          // the attempt was lost to a panic
	untold   []readiness
	unheard  lateResult
}

// lateResult is a result that a slow host learns later. A try begins when the
// one before is known, so one is enough.
type lateResult struct {
	timer  *sim.Timer // nil: none was late yet
	result probes.Result
}

// kill forgets the worker with the process that it lived in.
func (w *worker) kill() {
	w.dead = true
	w.vm.d.k.Stop(&w.timer)
}

func (w *worker) wake() {
	w.armed = idle
	w.step(engine.Event{Kind: engine.Wake})
}

// finish takes the answer of the Tryer, which a slow host learns later.
func (w *worker) finish(r probes.Result) {
	if f := w.vm.d.cfg.Freedom; f != nil && f.Result != nil && !w.dead && w.inFlight {
		w.takeLate(r)
		return
	}
	w.take(r)
}

func (w *worker) takeLate(r probes.Result) {
	k := w.vm.d.k
	by := w.vm.d.cfg.Freedom.Result(&w.asked, w.began, k.Now()-w.began)
	if by <= 0 {
		w.take(r)
		return
	}
	if w.unheard.timer == nil {
		w.unheard.timer = k.NewTimer(w.asked.Actor, func() { w.take(w.unheard.result) })
	}
	w.unheard.result = r
	k.Set(w.unheard.timer, k.Now()+by)
}

func (w *worker) take(r probes.Result) {
	if w.dead || !w.inFlight {
		return
	}
	w.inFlight = false
	w.message = r.Message
	w.record(trace.Event{
		Instance: w.instance, Kind: trace.TryFinished, Attempt: w.attempt, Try: w.try,
		Class: r.Class, Msg: r.Message,
	})
	w.step(engine.Event{Kind: engine.TryFinished, Class: r.Class})
}

// step tells the machine and does what it says.
func (w *worker) step(ev engine.Event) {
	if w.dead {
		return
	}
	acts := w.machine.Step(w.vm.d.k.Now(), ev)
	rules, judged := w.vm.d.cfg.Rules.orLaw(), false
	for _, a := range acts.All() {
		switch a.Kind {
		case engine.StartTry:
			w.start(a)
		case engine.AttemptFinished:
			w.report(a)
			judged = true
		case engine.Publish:
			w.publish(a)
			if rules.ReadinessKills && judged && !a.Healthy && w.probe.Kind == probes.Readiness {
				w.vm.platform.LivenessFailed(w.pod.instance, probes.Liveness)
			}
		case engine.LivenessFailed:
			w.record(trace.Event{Instance: w.pod.instance, Kind: trace.LivenessFailed})
			if !rules.NeverKills {
				w.vm.platform.LivenessFailed(w.pod.instance, w.probe.Kind)
			}
		}
	}
	w.arm()
}

// arm makes the timer follow the machine.
func (w *worker) arm() {
	at, ok := w.machine.WakeAt()
	switch {
	case !ok && w.armed == idle:
	case !ok:
		w.vm.d.k.Stop(&w.timer)
		w.armed = idle
	default:
		if at = max(w.late(at), w.vm.d.k.Now()); at != w.armed {
			w.armed = at
			w.vm.d.k.Set(&w.timer, at)
		}
	}
}

// start makes a try, or loses the attempt to an injected panic.
func (w *worker) start(a engine.Action) {
	v := w.vm
	w.attempt, w.try, w.message = a.Attempt, a.Try, ""
	if a.Try == 1 { // a retry stays with the container it began with
		w.instance, w.panicked = w.pod.instance, false
	}
	w.record(trace.Event{Instance: w.instance, Kind: trace.TryStarted, Attempt: a.Attempt, Try: a.Try})
	if v.panicNext {
		v.panicNext, w.panicked = false, true
		w.record(trace.Event{
			Instance: w.instance, Kind: trace.TryFinished, Attempt: a.Attempt, Try: a.Try,
			Class: probes.Errored, Value: "panic",
		})
		w.step(engine.Event{Kind: engine.TryPanicked})
		return
	}
	w.inFlight, w.began, w.asked = true, v.d.k.Now(), w.request()
	w.ask(w.asked)
}

// request is the try under way.
func (w *worker) request() Request {
	v := w.vm
	return Request{
		VM: v.number, Name: v.cfg.Name, Slot: w.slot, Actor: v.cfg.Actor + sim.Actor(w.slot),
		Instance: w.instance, Pod: w.pod.number, Attempt: w.attempt, Try: w.try, Probe: w.probe,
	}
}

// report ends an attempt: the trace, and the event that the kubelet writes for
// anything but a plain success.
func (w *worker) report(a engine.Action) {
	w.record(trace.Event{Instance: w.instance, Kind: trace.AttemptFinished, Attempt: a.Attempt, Class: a.Class})
	if a.Class == probes.Success || w.panicked || a.Class == probes.Warning && w.vm.d.cfg.Rules.orLaw().NoWarnings {
		return
	}
	reason, verb := "Unhealthy", " probe failed: "
	switch a.Class {
	case probes.Warning:
		reason, verb = "ProbeWarning", " probe warning: "
	case probes.Errored:
		verb = " probe errored and resulted in failure state: "
	default:
	}
	w.vm.platform.ClusterEvent(w.instance, true, reason, w.event.text(w.probe.Kind, verb, w.message))
}

// told is the text of an event; most attempts in a row fail for one reason.
type told struct{ verb, message, all string }

func (t *told) text(k probes.Kind, verb, message string) string {
	if t.all == "" || t.verb != verb || t.message != message {
		*t = told{verb, message, title(k) + verb + message}
	}
	return t.all
}

// publish hands the state of the probe to those who act on it.
func (w *worker) publish(a engine.Action) {
	e := trace.Event{Instance: w.pod.instance, Kind: trace.ProbeState, OK: a.Healthy}
	if a.Unknown {
		e.Value = "unknown"
	}
	w.record(e)
	switch w.probe.Kind {
	case probes.Readiness:
		w.tellReady(w.pod.instance, a.Healthy)
		if a.Healthy && w.vm.d.cfg.Rules.orLaw().LivenessWaits {
			w.vm.tell(w.pod, engine.Event{Kind: engine.StartupPassed})
		}
	case probes.Startup:
		w.vm.platform.StartupChanged(w.pod.instance, a.Healthy)
		w.pod.started = a.Healthy
		if a.Healthy {
			w.vm.tell(w.pod, engine.Event{Kind: engine.StartupPassed})
		}
	case probes.Liveness: // acts through LivenessFailed alone
	}
}

func (w *worker) record(e trace.Event) {
	e.T = w.vm.d.k.Now()
	e.VM = w.vm.cfg.Name
	e.Probe, e.HasProbe = w.probe.Kind, true
	w.vm.d.cfg.Sink.Record(e)
}

func title(k probes.Kind) string {
	switch k {
	case probes.Readiness:
		return "Readiness"
	case probes.Liveness:
		return "Liveness"
	case probes.Startup:
		return "Startup"
	}
	return k.String()
}
