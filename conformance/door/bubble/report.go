package bubble

import (
	"strings"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// report puts into the trace what the prober tells, and lets the platform act
// on it.
func (wk *worker) report(r door.Report) {
	kind := wk.vm.cfg.Probes[wk.slot].Kind
	switch r := r.(type) {
	case door.TryStarted:
		wk.record(trace.Event{Instance: r.Instance, Kind: trace.TryStarted, Attempt: r.Attempt, Try: r.Try})
	case door.TryFinished:
		wk.finish(kind, r)
	case door.State:
		e := trace.Event{Instance: r.Instance, Kind: trace.ProbeState, OK: r.Healthy}
		if r.Unknown {
			e.Value = "unknown"
		}
		wk.record(e)
		wk.publish(kind, r)
	case door.Failed:
		wk.record(trace.Event{Instance: r.Instance, Kind: trace.LivenessFailed})
		wk.vm.platform.LivenessFailed(r.Instance, kind)
	case door.Written:
		wk.vm.platform.ClusterEvent(r.Instance, r.Warning, r.Reason, r.Message)
	}
}

func (wk *worker) publish(kind probes.Kind, s door.State) {
	switch kind {
	case probes.Readiness:
		wk.vm.platform.ReadyChanged(s.Instance, s.Healthy)
	case probes.Startup:
		wk.vm.platform.StartupChanged(s.Instance, s.Healthy)
		if wk.pod.instance != s.Instance {
			return
		}
		if wk.pod.passed = s.Healthy; s.Healthy {
			wk.pod.tell(door.Event{Kind: door.StartupPassed, Instance: s.Instance})
		}
	case probes.Liveness: // acts through Failed alone
	}
}

// finish ends a try, and its attempt if no other follows, and writes the event
// that the kubelet writes for anything but a plain success.
func (wk *worker) finish(kind probes.Kind, r door.TryFinished) {
	e := trace.Event{
		Instance: r.Instance, Kind: trace.TryFinished, Attempt: r.Attempt, Try: r.Try, Class: r.Class, Msg: r.Message,
	}
	if r.Panicked {
		e.Value = "panic"
	}
	wk.record(e)
	if r.Again {
		return
	}
	wk.record(trace.Event{Instance: r.Instance, Kind: trace.AttemptFinished, Attempt: r.Attempt, Class: r.Class})
	if r.Class == probes.Success || r.Panicked {
		return
	}
	reason, verb := "Unhealthy", " probe failed: "
	switch r.Class {
	case probes.Warning:
		reason, verb = "ProbeWarning", " probe warning: "
	case probes.Errored:
		verb = " probe errored and resulted in failure state: "
	default:
	}
	name := kind.String()
	wk.vm.platform.ClusterEvent(r.Instance, true, reason, strings.ToUpper(name[:1])+name[1:]+verb+r.Message)
}
