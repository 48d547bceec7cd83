package guestd

import (
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
)

// ground is what the guest stands on inside a VM: real sockets, the real
// agent's port, and a machine that does what the script says. It is a
// fakevm.Host, a fakevm.AgentKeeper and a fakevm.Power.
type ground struct {
	*oshost.Host
	daemon    *daemon
	thread    *thread
	agentPort string
	load      *Load
	booted    time.Duration // instant of the run; < 0: not yet
}

var (
	_ fakevm.Host        = (*ground)(nil)
	_ fakevm.PortHinter  = (*ground)(nil)
	_ fakevm.AgentKeeper = (*ground)(nil)
	_ fakevm.Power       = (*ground)(nil)

	_ fakevm.WatchdogKeeper = (*ground)(nil)
)

// AgentChannel implements fakevm.Host: the scripted agent opens its port.
func (g *ground) AgentChannel(handler func(fakevm.Session) fakevm.Handler) (fakevm.Session, error) {
	return g.openPort(handler)
}

// KeepAgent implements fakevm.AgentKeeper.
func (g *ground) KeepAgent(s fakevm.AgentState) { g.daemon.agent.keep(s) }

func (g *ground) log(r fakevm.Record) {
	m := Message{Event: EventSaw, At: g.thread.Now(), Record: &r}
	if g.daemon.guest != nil && r.Did != nil {
		m.Progress = g.daemon.guest.Progress()
	}
	g.daemon.tell(m)
}

// flush is how long the last packets and messages of a machine have that goes
// down in an orderly way.
const flush = 30 * time.Millisecond

// Crashed implements fakevm.Power: the kernel panics. Where no host notices
// that, it is told before.
func (g *ground) Crashed() {
	if !g.daemon.alone {
		g.daemon.machine.Crash()
		return
	}
	g.power(fakevm.Crash)
	g.down(g.daemon.machine.Crash)
}

// PoweredOff powers the machine off.
func (g *ground) PoweredOff() { g.power(fakevm.PowerOff); g.down(g.daemon.machine.PowerOff) }

// Rebooted resets the machine; the host puts another one in its place.
func (g *ground) Rebooted() {
	g.power(fakevm.Reboot)
	g.daemon.guest.Crash() // of the guest's script: nothing happens in it any more
	g.down(g.daemon.machine.Reset)
}

// A machine with a watchdog hangs by itself, as one that is alone does. Else Hung
// and Suspended leave it to the host to stop the processors, and to let them go
// on: the guest itself does not notice, its clock is another one then.
func (g *ground) Hung() {
	g.power(fakevm.Hang)
	if g.daemon.alone || g.load.Program.Watchdog != nil { // which would stand still with the processors
		g.down(g.daemon.machine.Hang) // in the script nothing happens any more
		return
	}
	g.daemon.guest.Resume()
}

// FeedWatchdog implements fakevm.WatchdogKeeper.
func (g *ground) FeedWatchdog(on bool) {
	if err := g.daemon.machine.FeedWatchdog(on, g.load.Program.Watchdog.Timeout); err != nil {
		g.daemon.tell(Message{Event: EventSaw, At: g.thread.Now(), Record: &fakevm.Record{Note: "watchdog: " + err.Error(), Violation: true}})
	}
}

// WatchdogExpired implements fakevm.Power: it is the real device that expires,
// and the host that notices.
func (g *ground) WatchdogExpired(fakevm.WatchdogAction) {}

// Suspended is like Hung.
func (g *ground) Suspended() {
	g.power(fakevm.Suspend)
	g.daemon.guest.Resume()
}

// Resumed implements fakevm.Power: the host knows better when.
func (g *ground) Resumed() {}

// Hint implements fakevm.PortHinter. A guest that stands still hints that SYNs
// vanish: here they do, because the processors stand still.
func (g *ground) Hint(port uint16, next fakevm.Connect) {
	if g.daemon.guest == nil || g.daemon.guest.Answers() {
		g.Host.Hint(port, next)
	}
}

func (g *ground) down(how func()) {
	go func() {
		time.Sleep(flush)
		how()
	}()
}

func (g *ground) power(do fakevm.PowerAction) {
	now := g.thread.Now()
	g.daemon.tell(Message{Event: EventPower, At: now, Power: do, For: g.length(do, now)})
}

// length is PowerStep.For of the action that was due last.
func (g *ground) length(do fakevm.PowerAction, now time.Duration) time.Duration {
	last, found := time.Duration(-1), time.Duration(0)
	look := func(p *fakevm.Program, origin time.Duration) {
		for i := range p.Power {
			s := &p.Power[i]
			if at := origin + s.At; s.Do == do && at <= now && at > last {
				last, found = at, s.For
			}
		}
	}
	look(&g.load.Program, 0)
	look(&g.load.EveryBoot, g.booted)
	return found
}
