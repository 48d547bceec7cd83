package observe

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// VMLabel is the label that names the VM of a case on its pods and slices.
const VMLabel = "vmprobe.dev/vm"

// Observer collects what happens to the VMs of one case. It is not safe for
// concurrent use.
type Observer struct {
	c   *scenarios.Case
	vms []*machine
	// ahead is by how much the harness's clock is ahead of the nodes', at most.
	ahead  time.Duration
	timed  bool          // ahead is known
	boot   time.Duration // how long the guest of a VM may take to boot; 0: any
	late   time.Duration
	broken []error // why the run says nothing
}

// machine is one VM of the case.
type machine struct {
	spec      *scenarios.VM
	vm        bool // it is a VM, not a plain pod
	container string
	zero      time.Time // node's clock; zero: it has not begun
	pods      []*podLife
	lives     []*life // in the order of their starts: instance is the index + 1
	notes     []note
	kills     []arrival         // Killing events
	blamed    int               // as many of them are of the lives before
	blame     map[string]string // by pod: the probe that failed last of those that kill
	news      string            // message of the last warning of its VMI
	counts    map[string]int32
	phase     string
	ready     bool
	turned    time.Time       // when the Ready condition changed last, by its own word
	inSlice   map[string]bool // by pod: what its endpoint was
	deleted   map[string]bool // uids of VMIs or pods that are being deleted
	vmi       string          // uid
	paused    bool
	runs      time.Time // since when its VMI is Running; zero: it is not
	launched  arrival   // the launcher's Ready condition, "True" or "False", and when it came
	changed   time.Time // when that changed, by its own word
}

// arrival is a text and when it came, by the harness's clock.
type arrival struct {
	at   time.Time
	text string
}

// note is an event whose instant is known by one of the clocks.
type note struct {
	at    time.Time
	node  bool  // of the node's clock; else the harness's
	life  *life // whose instance it has; nil: that of the event
	event trace.Event
}

// New makes an observer of a case.
func New(c *scenarios.Case) *Observer {
	o := &Observer{c: c, timed: c.Profile.VM} // the guest of a VM has the harness's clock
	for i := range c.VMs {
		spec := &c.VMs[i]
		o.vms = append(o.vms, &machine{
			spec: spec, vm: c.Profile.VM, container: ContainerOf(c, spec),
			counts: map[string]int32{}, inSlice: map[string]bool{}, deleted: map[string]bool{}, blame: map[string]string{},
		})
	}
	return o
}

// ContainerOf is the name of the container that is probed in the pod of a VM.
func ContainerOf(c *scenarios.Case, vm *scenarios.VM) string {
	switch {
	case c.Profile.VM:
		return "compute"
	case vm.Resolved.Container != "":
		return vm.Resolved.Container
	}
	return vm.Name
}

func (o *Observer) machine(name string) *machine {
	for _, m := range o.vms {
		if m.spec.Name == name {
			return m
		}
	}
	return nil
}

// BootWithin tells that a guest of a VM which has not reported so long after the
// start of its container says that the node is too busy.
func (o *Observer) BootWithin(d time.Duration) { o.boot = d }

// Zero tells when a VM began and when its container in the pod of that uid did,
// as the API says; false: it has not yet.
func (o *Observer) Zero(vm, uid string) (zero, begun time.Time, ok bool) {
	m := o.machine(vm)
	if m == nil {
		return zero, begun, false
	}
	for _, l := range m.lives {
		if l.pod.uid == uid && !l.started.IsZero() && !m.zero.IsZero() {
			return m.zero, l.started, true
		}
	}
	return zero, begun, false
}

// TooLate tells that the harness was late, or cut off, for so long.
func (o *Observer) TooLate(by time.Duration) { o.late = max(o.late, by) }

// Fail tells that the run says nothing.
func (o *Observer) Fail(err error) { o.broken = append(o.broken, err) }

// Err is why the run says nothing; nil: it may go on.
func (o *Observer) Err() error { return errors.Join(o.broken...) }

// Began tells when a VM began, by the harness's clock; false: it has not yet.
func (o *Observer) Began(vm string) (time.Time, bool) {
	m := o.machine(vm)
	if m == nil || m.zero.IsZero() || !o.timed {
		return time.Time{}, false
	}
	return m.zero.Add(o.ahead), true
}

// Trace is the run so far, up to the end of the case. Profile, VMs and view of
// the header are filled in.
func (o *Observer) Trace(h trace.Header) (*trace.Trace, error) {
	var all []trace.Event
	for _, m := range o.vms {
		if m.zero.IsZero() {
			o.Fail(fmt.Errorf("VM %s: its guest reported nothing", m.spec.Name))
			continue
		}
		m.finish(o)
		for _, n := range m.notes {
			e := n.event
			e.VM, e.T = m.spec.Name, o.instant(m, n)
			if n.life != nil {
				e.Instance = m.instance(n.life)
			}
			if e.T <= o.c.Until {
				all = append(all, e)
			}
		}
		h.VMs = append(h.VMs, m.spec.Name)
	}
	if err := o.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b trace.Event) int { return cmp.Compare(a.T, b.T) })
	if !o.c.Profile.VM { // programs in VMs are the agent's
		o.unheard(all)
	}
	h.Profile, h.View, h.Wall, h.Late = string(o.c.Profile.Name), trace.ViewGuest, true, max(h.Late, o.late)
	t := &trace.Trace{Header: h, Events: append(o.findings(), all...)}
	t.Seal()
	return t, nil
}

// findings are what is remarkable about the manifests.
func (o *Observer) findings() []trace.Event {
	var list []trace.Event
	for i := range o.c.VMs {
		for _, f := range o.c.VMs[i].Resolved.Findings {
			list = append(list, trace.Event{
				VM: o.c.VMs[i].Name, Kind: trace.Finding, Value: f.Requirement,
				Msg: string(f.Severity) + ": " + f.Path + ": " + f.Message,
			})
		}
	}
	return list
}

// instant is a note's time on the run's clock.
func (o *Observer) instant(m *machine, n note) time.Duration {
	at := n.at
	if !n.node {
		at = at.Add(-o.ahead)
	}
	return at.Sub(m.origin())
}

// origin is the start of the first container, as far as a prober can know it.
// The API has whole seconds, and the kubelet counts initialDelaySeconds from
// there: up to a second before the process began (TIM-DELAY-NEVER-EARLY).
func (m *machine) origin() time.Time {
	if len(m.lives) > 0 {
		if at := m.lives[0].start(); !at.IsZero() && at.Before(m.zero) {
			return at
		}
	}
	return m.zero
}

// instance is the number of a life, from 1; 0: it never began.
func (m *machine) instance(l *life) int32 { return int32(slices.Index(m.lives, l) + 1) } //nolint:gosec // a few

// last is the life that began last, nil when none has.
func (m *machine) last() *life {
	if len(m.lives) == 0 {
		return nil
	}
	return m.lives[len(m.lives)-1]
}

// arrived notes an event that was noticed now, of a life or of none.
func (m *machine) arrived(at time.Time, l *life, e trace.Event) {
	m.notes = append(m.notes, note{at: at, life: l, event: e})
}

// told notes an event with a time of the node.
func (m *machine) told(at time.Time, l *life, e trace.Event) {
	m.notes = append(m.notes, note{at: at, node: true, life: l, event: e})
}
