package fakevm

import "time"

// defaultACPIDelay is the time from the power button to power off.
const defaultACPIDelay = 2 * time.Second

// Boot starts the guest at the host instant now. A guest that runs is reset
// first. Times of EveryBoot count from here.
func (g *Guest) Boot(now time.Duration) {
	if g.state == running {
		g.stop(true)
	}
	g.unfreezeAll()
	g.clock.lost = 0
	g.state, g.bootAt, g.pressed, g.frozen = running, now, false, false
	g.boots++
	if g.rebootAt != nil {
		g.rebootAt()
		g.rebootAt = nil
	}
	for _, e := range g.endpoints {
		if e.perBoot {
			e.rewind()
		}
		e.backlog = 0
	}
	if g.opts.OnBoot != nil {
		g.opts.OnBoot(g.boots)
	}
	g.bootWatchdog()
	g.armPower()
	g.refresh()
}

// armPower arms the power steps of this boot, and once those of the run.
func (g *Guest) armPower() {
	for i := range g.power {
		p := &g.power[i]
		if p.perBoot {
			g.clock.at(g.bootAt+p.step.At, func() { g.do(p.step) })
			continue
		}
		if p.cancel == nil && p.step.At >= g.host.Now()-g.opts.Origin {
			p.cancel = g.host.At(p.step.At+g.opts.Origin, func() { g.doOnRunClock(p) })
		}
	}
}

// doOnRunClock does a power step that counts from the start of the run. A
// guest that is off has nobody to do it; one that is paused does it when it
// goes on.
func (g *Guest) doOnRunClock(p *scheduledPower) {
	if g.state != running {
		return
	}
	if p.step.Do == Resume {
		g.Resume()
		return
	}
	if !g.Answers() {
		g.clock.after(0, func() { g.do(p.step) })
		return
	}
	g.do(p.step)
}

func (g *Guest) do(s *PowerStep) {
	if g.state != running {
		return
	}
	switch s.Do {
	case Crash:
		g.Crash()
		g.report(Power.Crashed)
	case Hang:
		g.Hang()
		g.report(Power.Hung)
		if s.For > 0 {
			g.wakeAfter(s.For)
		}
	case Resume:
		g.Resume()
	case Reboot:
		g.Reboot(s.For)
	case PowerOff:
		g.powerOff()
	case Starve:
		g.starveWatchdog()
	case Suspend:
		g.suspended = true
		g.clock.freeze()
		g.hintAll()
		g.report(Power.Suspended)
		if s.For > 0 {
			g.wakeAfter(s.For)
		}
	}
}

func (g *Guest) wakeAfter(d time.Duration) {
	g.wake = g.host.At(g.host.Now()+d, func() { g.wake = nil; g.Resume() })
}

func (g *Guest) report(what func(Power)) {
	if g.opts.Power != nil {
		what(g.opts.Power)
	}
}

// Crash stops the guest dead, as a killed QEMU does: no FIN, no RST; peers
// see silence. SYNs vanish. Not reported: the caller knows; a scripted crash
// is.
func (g *Guest) Crash() {
	g.stop(false)
	g.state = off
	g.hintAll()
}

// Reboot resets the guest: connections get an RST, the agent's channel
// closes, and after d it boots again. It is reported as Rebooted.
func (g *Guest) Reboot(d time.Duration) {
	if g.state != running {
		return
	}
	g.stop(true)
	g.state = rebooting
	g.hintAll()
	g.report(Power.Rebooted)
	if g.state != rebooting {
		return // the platform decided otherwise
	}
	if d <= 0 {
		g.Boot(g.host.Now())
		return
	}
	g.rebootAt = g.host.At(g.host.Now()+d, func() { g.rebootAt = nil; g.Boot(g.host.Now()) })
}

// PowerButton is an ACPI power button press. A guest that honours it powers
// off after its delay; further presses change nothing. A paused or hung guest
// sees it when it goes on.
func (g *Guest) PowerButton() {
	if g.state != running || g.acpi.Ignore || g.pressed {
		return
	}
	g.pressed = true
	d := g.acpi.Delay
	if d == 0 {
		d = defaultACPIDelay
	}
	g.clock.after(d, g.powerOff)
}

func (g *Guest) powerOff() {
	if g.state != running {
		return
	}
	g.stop(true)
	g.state = off
	g.hintAll()
	g.report(Power.PoweredOff)
}

// Pause stops the vCPUs from outside. Nothing answers, SYNs vanish, and the
// guest's time stands still: what was due in 300 ms is due 300 ms after
// Unpause. Steps on the run's clock still change meanwhile; they are in force
// after Unpause.
func (g *Guest) Pause() {
	if g.paused {
		return
	}
	g.paused = true
	g.haltWatchdog()
	g.clock.freeze()
	g.hintAll()
}

// Unpause ends Pause.
func (g *Guest) Unpause() {
	if !g.paused {
		return
	}
	g.paused = false
	g.clock.thaw()
	g.goOnWatchdog()
	g.goOn()
}

// Hang makes the vCPUs spin: nothing answers, SYNs vanish, but the guest's
// time goes on. What became due meanwhile happens at Resume. It is not
// reported: the caller knows; a scripted hang is.
func (g *Guest) Hang() {
	if g.hung || g.state != running {
		return
	}
	g.hung = true
	g.hungerWatchdog()
	g.clock.gag()
	g.hintAll()
}

// Resume ends a hang or a suspend to RAM and reports Resumed; a guest that
// does neither is left alone.
func (g *Guest) Resume() {
	if !g.hung && !g.suspended {
		return
	}
	if g.wake != nil {
		g.wake()
		g.wake = nil
	}
	if g.hung {
		g.hung = false
		g.feedWatchdog()
		g.clock.ungag()
	}
	if g.suspended {
		g.suspended = false
		g.clock.thaw()
	}
	g.report(Power.Resumed)
	g.goOn()
}

// goOn delivers what arrived while nothing answered.
func (g *Guest) goOn() {
	if !g.Answers() {
		return
	}
	g.refresh()
	g.conns.each(func(c *conn) {
		if g.Answers() {
			c.deliver()
		}
	})
}

// stop ends a boot. With reset the peers are told, without they are not.
func (g *Guest) stop(reset bool) {
	g.clock.clear()
	g.bootTimer = nil
	if g.wake != nil {
		g.wake()
		g.wake = nil
	}
	g.unfreezeAll()
	g.dog.calm()
	g.closeAgent() // the channel closes; it is never reset
	g.conns.each(func(c *conn) {
		c.detach()
		if reset {
			c.s.Reset()
		}
		if l, ok := c.impl.(*tlsLink); ok {
			l.abort()
		}
	})
	g.exec.clear()
}

// unfreezeAll ends every pause, hang and suspend without delivering anything.
func (g *Guest) unfreezeAll() {
	if g.paused {
		g.clock.thaw()
	}
	if g.suspended {
		g.clock.thaw()
	}
	if g.hung {
		g.clock.ungag()
	}
	g.paused, g.suspended, g.hung = false, false, false
}

func (g *Guest) stopRunTimers() {
	if g.runTimer != nil {
		g.runTimer()
		g.runTimer = nil
	}
	if g.rebootAt != nil {
		g.rebootAt()
		g.rebootAt = nil
	}
	for i := range g.power {
		if g.power[i].cancel != nil {
			g.power[i].cancel()
			g.power[i].cancel = nil
		}
	}
}

func (g *Guest) hintAll() {
	for _, e := range g.endpoints {
		g.hint(e)
	}
}

// filesystemsFrozen tells whether guest-exec is disabled (GA-FREEZE).
func (g *Guest) filesystemsFrozen() bool {
	for _, f := range g.freezes {
		if now := g.at(f.perBoot); now >= f.At && now < f.At+f.For {
			return true
		}
	}
	return g.frozen
}
