// Package desk takes what a Go prober tells: it goes into the trace, and the
// platform acts on it. Every ground of the Go door has a desk for each probe.
package desk

import (
	"strings"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Desk is that of one probe of one pod. Every field is needed.
type Desk struct {
	Ground   *simbed.Ground
	Platform prober.Platform
	VM       string
	Kind     probes.Kind
	// Startup hears what a startup probe says of a container.
	Startup func(instance int32, passed bool)
}

// Take takes a report. It is called on the kernel's thread.
func (d *Desk) Take(r door.Report) {
	switch r := r.(type) {
	case door.TryStarted:
		d.record(trace.Event{Instance: r.Instance, Kind: trace.TryStarted, Attempt: r.Attempt, Try: r.Try})
	case door.TryFinished:
		d.finish(r)
	case door.State:
		e := trace.Event{Instance: r.Instance, Kind: trace.ProbeState, OK: r.Healthy}
		if r.Unknown {
			e.Value = "unknown"
		}
		d.record(e)
		d.publish(r)
	case door.Failed:
		d.record(trace.Event{Instance: r.Instance, Kind: trace.LivenessFailed})
		d.Platform.LivenessFailed(r.Instance, d.Kind)
	case door.Written:
		d.Platform.ClusterEvent(r.Instance, r.Warning, r.Reason, r.Message)
	}
}

func (d *Desk) record(e trace.Event) {
	e.T, e.VM = d.Ground.Kernel().Now(), d.VM
	e.Probe, e.HasProbe = d.Kind, true
	d.Ground.Record(e)
}

func (d *Desk) publish(s door.State) {
	switch d.Kind {
	case probes.Readiness:
		d.Platform.ReadyChanged(s.Instance, s.Healthy)
	case probes.Startup:
		d.Platform.StartupChanged(s.Instance, s.Healthy)
		d.Startup(s.Instance, s.Healthy)
	case probes.Liveness: // acts through Failed alone
	}
}

// finish ends a try, and its attempt if no other follows, and writes the event
// that the kubelet writes for anything but a plain success.
func (d *Desk) finish(r door.TryFinished) {
	e := trace.Event{
		Instance: r.Instance, Kind: trace.TryFinished, Attempt: r.Attempt, Try: r.Try, Class: r.Class, Msg: r.Message,
	}
	if r.Panicked {
		e.Value = "panic"
	}
	d.record(e)
	if r.Again {
		return
	}
	d.record(trace.Event{Instance: r.Instance, Kind: trace.AttemptFinished, Attempt: r.Attempt, Class: r.Class})
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
	name := d.Kind.String()
	d.Platform.ClusterEvent(r.Instance, true, reason, strings.ToUpper(name[:1])+name[1:]+verb+r.Message)
}

// Seen is the trace of a run as it can be judged: from outside when the prober
// says that it tells of no tries, or when guests were asked and it has told of
// none.
func Seen(t *trace.Trace, outside bool) *trace.Trace {
	if outside || untold(t) {
		return t.Seen(trace.ViewWire)
	}
	return t
}

func untold(t *trace.Trace) bool {
	asked := false
	for i := range t.Events {
		switch t.Events[i].Kind {
		case trace.TryStarted:
			return false
		case trace.GuestSaw:
			asked = true
		default:
		}
	}
	return asked
}
