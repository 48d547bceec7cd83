package fakevm

import (
	"fmt"
	"time"
)

// Watchdog is an i6300esb device that the guest feeds. A guest that hangs feeds
// nothing.
type Watchdog struct {
	// Timeout is how long the device waits, as its driver is told: whole
	// seconds, 1 to 2046. It takes Expiry.
	Timeout time.Duration  `json:"timeout"`
	Action  WatchdogAction `json:"action"`
}

// WatchdogAction is what a watchdog does that has waited in vain, by its word in
// the XML of a domain.
type WatchdogAction string

// What a watchdog does.
const (
	WatchdogReset    WatchdogAction = "reset"    // the guest begins anew
	WatchdogPoweroff WatchdogAction = "poweroff" // QEMU ends at once
	WatchdogShutdown WatchdogAction = "shutdown" // presses the power button
	WatchdogPause    WatchdogAction = "pause"    // stops the processors: reason Watchdog
)

// WatchdogActions are all of them.
func WatchdogActions() []WatchdogAction {
	return []WatchdogAction{WatchdogPause, WatchdogPoweroff, WatchdogReset, WatchdogShutdown}
}

// maxWatchdog is the longest timeout of the device.
const maxWatchdog = 2046 * time.Second

// Expiry is how long the device waits after it was fed: its driver gives it two
// times 512 ticks a second, and a tick is 2^15 cycles of 33 MHz.
func (w *Watchdog) Expiry() time.Duration {
	const cycles, hertz = 2 * 512 << 15, 33_000_000
	return w.Timeout / time.Second * (cycles * time.Second / hertz)
}

// WatchdogKeeper is a Host with a real watchdog device. A guest leaves it to the
// host: it says when the device is to be fed, and does nothing when it expires.
type WatchdogKeeper interface {
	FeedWatchdog(on bool)
}

// dog is the device as the guest has it. It waits as long as nobody feeds it; it
// stands still while the machine is paused, and goes on when the guest hangs.
type dog struct {
	spec    *Watchdog
	keeper  WatchdogKeeper // nil: the device is the guest's own
	starved bool           // in this boot
	bitten  bool           // it acts once in a boot
	waits   bool
	left    time.Duration // of the time to wait, while it stands still
	due     time.Duration // host instant
	cancel  func()        // nil while it stands still
}

// bootWatchdog begins to feed.
func (g *Guest) bootWatchdog() {
	g.dog.calm()
	g.dog.starved, g.dog.bitten = false, false
	if g.dog.keeper != nil && g.dog.spec != nil {
		g.dog.keeper.FeedWatchdog(true)
	}
}

// starveWatchdog feeds for the last time.
func (g *Guest) starveWatchdog() {
	g.dog.starved = true
	if g.dog.keeper != nil {
		g.dog.keeper.FeedWatchdog(false)
		return
	}
	g.hungerWatchdog()
}

// hungerWatchdog lets the device wait from now on.
func (g *Guest) hungerWatchdog() {
	d := &g.dog
	if d.spec == nil || d.keeper != nil || d.waits || d.bitten {
		return
	}
	d.waits, d.left = true, d.spec.Expiry()
	if !g.paused {
		g.goOnWatchdog()
	}
}

// goOnWatchdog lets the device wait for what is left.
func (g *Guest) goOnWatchdog() {
	d := &g.dog
	if !d.waits || d.cancel != nil {
		return
	}
	d.due = g.host.Now() + d.left
	d.cancel = g.host.At(d.due, g.bite)
}

// haltWatchdog stops the device with its machine.
func (g *Guest) haltWatchdog() {
	d := &g.dog
	if d.cancel != nil {
		d.cancel()
		d.cancel, d.left = nil, d.due-g.host.Now()
	}
}

// feedWatchdog ends the waiting that a hang began.
func (g *Guest) feedWatchdog() {
	if !g.dog.starved {
		g.dog.calm()
	}
}

func (d *dog) calm() {
	if d.cancel != nil {
		d.cancel()
	}
	d.cancel, d.waits = nil, false
}

// bite does what the device does.
func (g *Guest) bite() {
	action := g.dog.spec.Action
	g.dog.cancel = nil
	g.dog.calm()
	g.dog.bitten = true
	g.report(func(p Power) { p.WatchdogExpired(action) })
	switch action {
	case WatchdogPoweroff:
		g.Crash()
		g.report(Power.Crashed)
	case WatchdogReset:
		g.stop(false)
		g.state = rebooting
		g.report(Power.Rebooted)
		if g.state == rebooting { // the platform may have decided otherwise
			g.Boot(g.host.Now())
		}
	case WatchdogShutdown:
		g.PowerButton()
	case WatchdogPause: // the platform pauses the machine
	}
}

func (c *checker) watchdog(program, everyBoot *Program) {
	if everyBoot.Watchdog != nil {
		c.add("everyBoot.watchdog", "belongs outside: it is fed from each boot on")
	}
	w := program.Watchdog
	for i, p := range []*Program{program, everyBoot} {
		for j := range p.Power {
			path := fmt.Sprintf("%spower[%d].do", []string{"", "everyBoot."}[i], j)
			switch s := &p.Power[j]; {
			case s.Do == Starve && w == nil:
				c.add(path, "starve: the guest has no watchdog to feed")
			case s.Do == Suspend && w != nil:
				c.add(path, "suspend: what a watchdog does meanwhile is not known")
			}
		}
	}
	if w == nil {
		return
	}
	if w.Timeout < time.Second || w.Timeout > maxWatchdog || w.Timeout%time.Second != 0 {
		c.add("watchdog.timeout", "must be whole seconds in 1s..%s, is %s", maxWatchdog, w.Timeout)
	}
	switch w.Action {
	case WatchdogReset, WatchdogPoweroff, WatchdogShutdown, WatchdogPause:
	default:
		c.add("watchdog.action", "unknown action %q", w.Action)
	}
}
