package simbed

import (
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// agentLockPatience is how long another caller of the agent waits for the job
// lock; longer than any window of a scenario.
const agentLockPatience = 1000 * time.Hour

// schedule arms the faults and events of the case.
func (w *world) schedule() {
	story := w.kernel.Name("story")
	for i := range w.c.Faults {
		f := &w.c.Faults[i]
		w.at(story, f.At, func() { w.begin(story, f) })
	}
	for i := range w.c.Events {
		e := &w.c.Events[i]
		w.at(story, e.At, func() { w.happen(story, e) })
	}
}

func (w *world) at(actor sim.Actor, t time.Duration, fn func()) {
	w.kernel.Set(w.kernel.NewTimer(actor, fn), t)
}

// begin starts a fault and arms its end.
func (w *world) begin(story sim.Actor, f *scenarios.Fault) {
	name := f.As
	if name == "" {
		name = string(f.Kind)
	}
	event := trace.Event{Kind: trace.FaultStarted, Value: name, Msg: string(f.Kind)}
	if f.Kind != scenarios.Partition {
		event.VM = f.Sides[0]
	}
	w.tell(event)
	end := w.apply(f)
	if f.For < 0 {
		return
	}
	w.at(story, f.At+f.For, func() {
		end()
		event.Kind = trace.FaultEnded
		w.tell(event)
	})
}

func (w *world) tell(e trace.Event) {
	e.T = w.kernel.Now()
	w.sink.Record(e)
}

// apply puts a fault in force and returns how it ends.
func (w *world) apply(f *scenarios.Fault) (end func()) {
	if w.outside != nil {
		if end, ok := w.applyOutside(f); ok {
			return end
		}
	}
	if f.Kind == scenarios.Partition {
		return w.net.Partition(w.side(f.Sides[0]), w.side(f.Sides[1]))
	}
	v := w.vm(f.Sides[0])
	both := func(start func(ground int) func()) func() {
		first, second := start(0), start(1)
		return func() { first(); second() }
	}
	switch f.Kind {
	case scenarios.RefuseAll:
		return both(func(i int) func() { return v.grounds[i].RefuseAll() })
	case scenarios.ResetAll:
		v.grounds[0].ResetAll()
		v.grounds[1].ResetAll()
	case scenarios.Delay:
		return both(func(i int) func() { return v.grounds[i].Delay(f.By) })
	case scenarios.Loss:
		return both(func(i int) func() { return v.grounds[i].Loss(f.Percent) })
	case scenarios.HalfOpen:
		return both(func(i int) func() { return v.grounds[i].HalfOpen() })
	case scenarios.Bandwidth:
		return both(func(i int) func() { return v.grounds[i].Bandwidth(f.BytesPerSecond) })
	case scenarios.CloseFails:
		return both(func(i int) func() { return v.grounds[i].CloseFails() })
	case scenarios.HideDomain:
		v.faults.hidden++
		return func() { v.faults.hidden-- }
	case scenarios.AgentCode:
		v.faults.codes = append(v.faults.codes, f)
		return func() {
			v.faults.codes = slices.DeleteFunc(v.faults.codes, func(o *scenarios.Fault) bool { return o == f })
		}
	case scenarios.AgentLock:
		w.holdAgentLock(v, f)
	case scenarios.Partition:
	}
	return func() {}
}

// side names the hosts of one side of a partition.
func (w *world) side(name string) []string {
	if name == proberName {
		return []string{proberName}
	}
	v := w.vm(name)
	return []string{v.grounds[0].Name(), v.grounds[1].Name()}
}

// holdAgentLock is another caller that talks to the agent for the window.
func (w *world) holdAgentLock(v *vm, f *scenarios.Fault) {
	if w.outside != nil {
		w.holdLockOutside(v, f)
		return
	}
	w.kernel.Go(v.actor, func(t *sim.Task) {
		t.Daemon()
		env := &taskEnv{task: t, from: w.prober}
		job := v.channelOf(v.instance).JobLock()
		if !job.Lock(env.Now().Add(agentLockPatience)) {
			return
		}
		defer job.Unlock()
		end := sim.Forever
		if f.For >= 0 {
			end = f.At + f.For
		}
		t.SleepUntil(end)
	})
}

// happen makes an event of the story happen. What the API refuses is recorded
// by the platform; it is part of the story.
func (w *world) happen(story sim.Actor, e *scenarios.Event) {
	switch e.Kind {
	case scenarios.RestartProber:
		w.driver.Restart()
		return
	case scenarios.StepClock:
		w.driver.StepClock(e.By)
		return
	default:
	}
	v := w.vm(e.VM)
	var err error
	switch e.Kind {
	case scenarios.PauseVM:
		_ = v.platform.Pause() // recorded, accepted or not
	case scenarios.UnpauseVM:
		err = v.platform.Unpause()
	case scenarios.SuspendIO:
		err = v.platform.SuspendIO(e.For)
	case scenarios.Snapshot:
		err = v.platform.Snapshot(e.For)
	case scenarios.Migrate:
		err = v.platform.Migrate(e.For, e.Result != "failed")
	case scenarios.DeleteVMI:
		err = v.platform.Delete()
	case scenarios.Annotate:
		err = v.platform.Annotate(e.Value)
	case scenarios.TriggerSync:
		w.sync(story, v, e)
	case scenarios.StopContainer:
		v.platform.StopContainer()
	case scenarios.PanicAttempt:
		v.prober.PanicNext()
	case scenarios.RestartProber, scenarios.StepClock:
	}
	if err != nil {
		w.tell(trace.Event{VM: e.VM, Kind: trace.ClusterEvent, Value: "Refused", Msg: err.Error()})
	}
}

// sync is a pod sync, again and again if the event says so.
func (w *world) sync(story sim.Actor, v *vm, e *scenarios.Event) {
	if next := w.kernel.Now() + e.Every; e.Every > 0 && next <= e.At+e.For {
		w.at(story, next, func() { w.sync(story, v, e) })
	}
	v.platform.Sync()
}
