package qemu

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu/qmp"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
)

// attend listens to a machine as long as it is the VM. The lock is held.
func (h *host) attend(m Machine, number int) {
	poke := make(chan struct{}, 1)
	mine := func(fn func()) {
		h.out.Lock()
		defer h.out.Unlock()
		if h.boot == number {
			fn()
		}
	}
	messages, events := make(chan guestd.Message, 1<<12), make(chan qmp.Event, 1<<8)
	m.Port().Listen(func(g guestd.Message) { messages <- g })
	m.Listen(func(e qmp.Event) { events <- e })
	h.out.work.Go(func() {
		for {
			select {
			case g := <-messages:
				mine(func() { h.heard(g, poke) })
			case e := <-events:
				mine(func() { h.happened(e, poke) })
			case <-m.Exited():
				h.rest(messages, events, mine, poke)
				mine(func() { h.ended(m) })
				return
			}
		}
	})
	h.out.work.Go(func() { h.watchWaits(m) })
	if p, ok := m.(agentPort); ok {
		h.out.work.Go(func() { h.watchAgent(p, m.Exited(), number, poke) })
	}
}

// rest hears what a machine said before its end.
func (h *host) rest(messages chan guestd.Message, events chan qmp.Event, mine func(func()), poke chan struct{}) {
	for end := time.After(50 * time.Millisecond); ; { // readers may be about to tell
		select {
		case g := <-messages:
			mine(func() { h.heard(g, poke) })
		case e := <-events:
			mine(func() { h.happened(e, poke) })
		case <-end:
			return
		}
	}
}

// heard acts on what the guest tells.
func (h *host) heard(g guestd.Message, poke chan struct{}) {
	switch g.Event {
	case guestd.EventBoot:
		h.out.As(g.At, func() { h.opts.OnBoot(1) })
		h.out.TooLateLocked(g.At - h.booted)
	case guestd.EventSaw:
		h.progress = fakevm.MergeProgress(h.progress, g.Progress)
		if g.Record != nil {
			h.out.As(g.At, func() { h.log(*g.Record) })
		}
	case guestd.EventStep:
		h.out.As(g.At, func() { h.opts.OnStep(g.Endpoint, g.As) })
	case guestd.EventAgent:
		wake(poke)
	case guestd.EventPower:
		h.power(&g)
	}
}

func wake(poke chan struct{}) {
	select {
	case poke <- struct{}{}:
	default:
	}
}

// power acts on what the guest does to its machine. What ends the machine is
// believed when QEMU says so, too.
func (h *host) power(g *guestd.Message) {
	switch g.Power {
	case fakevm.Hang, fakevm.Suspend:
		if h.spec.Program.Watchdog != nil { // it does so by itself
			h.opts.Power.Hung()
			return
		}
		h.halt(g.Power == fakevm.Hang)
		h.wakeAfter(g.For, g.Power == fakevm.Suspend)
		if g.Power == fakevm.Hang {
			h.opts.Power.Hung()
		} else {
			h.opts.Power.Suspended()
		}
	case fakevm.Resume, fakevm.Starve:
	case fakevm.Reboot:
		h.dying = true
		number, at := h.boot, h.out.Now()+max(g.For, lastPackets)
		h.disconnect()
		h.opts.Power.Rebooted()
		if h.boot == number { // the domain stays
			h.out.At(at, func() {
				if h.boot == number {
					h.Boot(h.out.Now())
				}
			})
		}
	case fakevm.PowerOff, fakevm.Crash:
		h.dying = true
	}
}

// lastPackets is how long a machine that resets itself stays on the wire, for
// the RSTs of its connections.
const lastPackets = 50 * time.Millisecond

// wakeAfter lets the processors go on when the script says so. A guest that
// stands still cannot do it by itself. still: what counts from its boot did, too.
func (h *host) wakeAfter(length time.Duration, still bool) {
	number := h.boot
	at, ok := fakevm.Ends(h.spec.Program, h.spec.EveryBoot, h.booted, h.out.Now(), length)
	if ok {
		h.out.At(at, func() {
			if h.boot == number {
				h.goOn(still)
				h.opts.Power.Resumed()
			}
		})
	}
}

// halt stops the processors; hung: libvirt does not know.
func (h *host) halt(hung bool) {
	if h.stand++; h.stand == 1 {
		h.command(func(m Machine, ctx context.Context) error { return m.Halt(ctx, hung) })
		h.stood = time.Now()
	}
}

// goOn lets the processors run. The first thing that the guest reads is what
// time it is. still: what counts from its boot stood still.
func (h *host) goOn(still bool) {
	h.stand = max(h.stand-1, 0)
	if h.stand > 0 || h.m == nil {
		return
	}
	m := h.m
	m.Port().Stood(time.Since(h.stood))
	offset, _ := m.Port().Offset(h.out.start)
	_ = m.Port().Post(guestd.Request{Op: guestd.OpAdjust, Offset: offset, Paused: still}) // a QEMU that has gone is noticed
	h.command(Machine.GoOn)
	h.out.work.Go(func() {
		if m.Port().Measure(h.out.ctx) == nil {
			h.adjust(m)
		}
	})
}

// adjust sends the offset of the clocks. It runs elsewhere.
func (h *host) adjust(m Machine) {
	offset, _ := m.Port().Offset(h.out.start)
	_, _ = m.Port().Call(h.out.ctx, guestd.Request{Op: guestd.OpAdjust, Offset: offset})
}

// timekeeping is how often the clocks are compared.
const timekeeping = time.Second

// keepTime corrects the guest's clock as long as the machine lives. It runs
// elsewhere.
func (h *host) keepTime(m Machine) {
	tick := time.NewTicker(timekeeping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-m.Exited():
			return
		case <-h.out.ctx.Done():
			return
		}
		h.ask(m)
		h.out.Lock()
		stands := h.stand > 0
		h.out.Unlock()
		if stands {
			continue // it cannot answer
		}
		if m.Port().Measure(h.out.ctx) != nil {
			return
		}
		h.out.TooLate(m.Port().Late())
		h.adjust(m)
	}
}

// ask takes the time that a real libvirt needs to say what it knows of the VM,
// which is a few milliseconds: it is as late with the answers to pings.
func (h *host) ask(m Machine) {
	a, ok := m.(AgentMachine)
	if !ok {
		return
	}
	began := time.Now()
	if _, err := a.Status(); err == nil {
		h.out.TooLate(time.Since(began))
	}
}

// happened acts on an event of QEMU.
func (h *host) happened(e qmp.Event, poke chan struct{}) {
	switch e.Name {
	case "VSERPORT_CHANGE":
		wake(poke)
	case "WATCHDOG":
		var d struct {
			Action fakevm.WatchdogAction `json:"action"`
		}
		_ = json.Unmarshal(e.Data, &d)
		h.expired(d.Action)
	case "GUEST_PANICKED":
		if !h.dying {
			h.dying = true
			h.disconnect()
			h.opts.Power.Crashed()
		}
	case "SHUTDOWN":
		var d struct {
			Reason string `json:"reason"`
		}
		_ = json.Unmarshal(e.Data, &d)
		if d.Reason == "guest-shutdown" {
			h.dying = true
			h.disconnect()
			h.opts.Power.PoweredOff()
		}
	}
}

// expired is the end of a watchdog's patience. QEMU has done what it does.
func (h *host) expired(action fakevm.WatchdogAction) {
	if h.spec.Program.Watchdog == nil || h.dying {
		return
	}
	switch action {
	case fakevm.WatchdogPause:
		h.stood = time.Now()
		h.stand++ // it stands still already when the platform hears of it
		h.opts.Power.WatchdogExpired(action)
		h.stand--
	case fakevm.WatchdogReset:
		h.dying = true
		number := h.boot
		h.disconnect()
		h.opts.Power.WatchdogExpired(action)
		h.opts.Power.Rebooted()
		if h.boot == number { // the domain stays
			h.Boot(h.out.Now())
		}
	case fakevm.WatchdogPoweroff:
		h.dying = true
		h.disconnect()
		h.opts.Power.WatchdogExpired(action)
		h.opts.Power.Crashed()
	case fakevm.WatchdogShutdown:
		h.opts.Power.WatchdogExpired(action)
	default:
		h.out.FailLocked(fmt.Errorf("VM %s: its watchdog did %q", h.spec.Name, action))
	}
}

// ended is the end of QEMU: unless its guest has done it, the harness broke.
func (h *host) ended(m Machine) {
	if h.m == m && !h.dying {
		h.out.FailLocked(fmt.Errorf("VM %s: %s ended by itself", h.spec.Name, m))
	}
}
