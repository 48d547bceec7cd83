package observe

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Report takes a line of the log of a guest, in the pod of that uid.
func (o *Observer) Report(at time.Time, vm, uid string, r *guestlog.Report) {
	m := o.machine(vm)
	if m == nil {
		return
	}
	if r.Version != guestlog.Version {
		o.Fail(fmt.Errorf("VM %s: the guest image speaks version %d, this vmprobe %d: make them of one version", vm, r.Version, guestlog.Version))
		return
	}
	if ahead := at.Sub(r.Wall); !m.vm && (!o.timed || ahead < o.ahead) {
		o.ahead, o.timed = ahead, true
	}
	p := m.pod(uid, "")
	l := m.life(p, r.Container-1)
	if r.Seq <= l.seq {
		return // the log was read again
	}
	if lost := r.Seq - l.seq - 1; lost > 0 {
		o.Fail(fmt.Errorf("VM %s: %d reports of its guest were lost", vm, lost))
	}
	l.seq, l.heard = r.Seq, r.Wall
	m.heard(o, l, r)
}

// heard acts on a report.
func (m *machine) heard(o *Observer, l *life, r *guestlog.Report) {
	say := func(e trace.Event) { m.told(r.Wall, l, e) }
	switch r.Event {
	case guestlog.EventHello:
		l.begun = r.Wall
		if m.zero.IsZero() {
			m.zero = r.Wall.Add(-r.At)
		}
	case guestlog.EventBoot:
		say(trace.Event{Kind: trace.GuestBoot})
	case guestlog.EventSaw:
		e := trace.Event{Kind: trace.GuestSaw, Value: r.Endpoint, Msg: r.Seen}
		if r.Did != nil {
			data, err := json.Marshal(r.Did)
			if err != nil { // it came from JSON
				panic(err)
			}
			if e.Msg = string(data); r.Unasked {
				e.Msg = fakevm.MarkUnasked(e.Msg)
			}
		}
		say(e)
	case guestlog.EventViolation:
		say(trace.Event{Kind: trace.Violation, Value: r.Endpoint, Msg: r.Note})
	case guestlog.EventStep:
		say(trace.Event{Kind: trace.GuestStep, Value: r.Endpoint, Msg: r.As})
	case guestlog.EventPower:
		if r.Power == "poweroff" || r.Power == "crashed" {
			l.quit = r.Wall
		}
		say(trace.Event{Kind: trace.GuestPower, Value: r.Power})
	case guestlog.EventTerm:
		l.presses = append(l.presses, r.Wall)
		if l.term.IsZero() {
			l.term = r.Wall
		}
	case guestlog.EventLate:
		o.TooLate(r.Late)
	case guestlog.EventExhausted:
		o.Fail(fmt.Errorf("the script of %s %s has no reply left: end it with \"...\"", m.spec.Name, r.Endpoint))
	case guestlog.EventTrouble:
		o.Fail(fmt.Errorf("VM %s: %s", m.spec.Name, r.Note))
	default:
		o.Fail(fmt.Errorf("VM %s: the guest reports %q, which this vmprobe does not know", m.spec.Name, r.Event))
	}
}
