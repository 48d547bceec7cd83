package fakevm

import "time"

// Power hears of what the guest does by itself, so that the platform can
// react. The calls are made on the host's thread, after the guest has changed.
type Power interface {
	Crashed()    // the domain died
	PoweredOff() // clean shutdown, by itself or after the power button
	Rebooted()   // reset; the next boot follows after PowerStep.For
	Hung()
	Resumed()
	Suspended() // PMSUSPENDED
	// WatchdogExpired is told before the guest does what the action says; after
	// WatchdogPause it is for the platform to pause it.
	WatchdogExpired(WatchdogAction)
}

// Options is what New needs beside the program. The zero value is useful.
type Options struct {
	// EveryBoot holds what counts its times from each boot. An endpoint is in
	// the program (times from the start of the run) or here, not in both.
	EveryBoot Program
	// Origin is the host instant from which the times of the program count;
	// default 0.
	Origin time.Duration
	// Power may be nil.
	Power Power
	// OnBoot is told the number of each boot, from 1. May be nil.
	OnBoot func(n int)
	// OnStep is told of each step that comes into force while the guest runs,
	// with its name, which may be empty. May be nil.
	OnStep func(endpoint, as string)
	// Blueprint is that of the two programs, for those who make many guests of
	// them; nil: New makes one.
	Blueprint *Blueprint
}

// state says how alive a guest is.
type state uint8

const (
	off       state = iota // never booted, crashed or powered off
	running                // boots are instantaneous: services follow their scripts
	rebooting              // between a reset and the next boot
)

// Guest is one virtual machine as its inside sees it. It lives through any
// number of boots; what counts from the start of the run carries over. All
// methods are to be called on the host's thread.
type Guest struct {
	host      Host
	plain     bool        // see PlainAgent
	keeper    AgentKeeper // nil: the agent is the guest's own
	opts      Options
	clock     guestClock
	state     state
	paused    bool
	hung      bool
	suspended bool
	bootAt    time.Duration // guest time of this boot
	boots     int
	endpoints []*endpoint
	acpi      ACPI
	pressed   bool
	power     []scheduledPower
	freezes   []scheduledFreeze
	frozen    bool // by guest-fsfreeze-freeze
	closers   []func()
	runTimer  func()      // next step on the run's clock
	bootTimer *guestTimer // next step on the boot's clock
	rebootAt  func()
	wake      func() // ends a hang or suspend of limited length
	conns     connList
	https     []*httpConn // that the host has released
	tcps      []*tcpConn
	agent     agentService
	exec      execTable
	dog       dog
}

type scheduledPower struct {
	step    *PowerStep
	perBoot bool
	cancel  func()
}

type scheduledFreeze struct {
	Freeze
	perBoot bool
}

// New makes a guest that is off and opens its ports on the host. A program
// that makes no sense is refused with every error found (see Check), joined.
func New(host Host, program Program, opts Options) (*Guest, error) {
	g := new(Guest)
	if err := g.Renew(host, program, opts); err != nil {
		return nil, err
	}
	return g, nil
}

// Renew makes the guest a new one, as New does, in its old memory. Nobody uses it
// any more, nor what it has opened on its host.
func (g *Guest) Renew(host Host, program Program, opts Options) error {
	if opts.Blueprint == nil {
		var err error
		if opts.Blueprint, err = NewBlueprint(program, opts.EveryBoot); err != nil {
			return err
		}
	}
	*g = Guest{host: host, opts: opts, clock: guestClock{host: host}, closers: g.closers[:0], power: g.power[:0], freezes: g.freezes[:0]}
	g.acpi = program.ACPI
	if g.acpi == (ACPI{}) {
		g.acpi = opts.EveryBoot.ACPI
	}
	g.follow(opts.Blueprint)
	g.load(&program, false)
	g.load(&g.opts.EveryBoot, true)
	g.plain = opts.Blueprint.plain
	if k, ok := host.(AgentKeeper); ok && g.plain {
		g.keeper = k
	}
	g.exec.nextPID = firstPID
	g.dog.spec = program.Watchdog
	g.dog.keeper, _ = host.(WatchdogKeeper)
	for _, e := range g.endpoints {
		if err := g.open(e); err != nil {
			g.Close()
			return err
		}
	}
	return nil
}

// follow takes the endpoints of a blueprint.
func (g *Guest) follow(b *Blueprint) {
	g.endpoints = make([]*endpoint, 0, len(b.scripts))
	for i := range b.scripts {
		e := newEndpoint(&b.scripts[i])
		g.endpoints = append(g.endpoints, e)
		switch e.spec.Kind {
		case Agent:
			g.agent.ep = e
		case Exec:
			g.exec.ep = e
		case HTTP, HTTPS, TCP:
		}
	}
}

func (g *Guest) load(p *Program, perBoot bool) {
	for i := range p.Power {
		g.power = append(g.power, scheduledPower{step: &p.Power[i], perBoot: perBoot})
	}
	for _, f := range p.Freezes {
		g.freezes = append(g.freezes, scheduledFreeze{Freeze: f, perBoot: perBoot})
	}
}

func (g *Guest) open(e *endpoint) error {
	var gate Gate
	switch e.spec.Kind {
	case HTTP, HTTPS:
		gate = func(remote string) Decision { return g.httpGate(e, remote) }
	case TCP:
		gate = func(remote string) Decision { return g.tcpGate(e, remote) }
	case Agent, Exec:
		return nil
	}
	closer, err := g.host.Listen(e.spec.Port, gate)
	if err != nil {
		return err
	}
	g.closers = append(g.closers, closer)
	return nil
}

// Close ends the guest for good: ports are closed, connections reset, timers
// dropped. Nothing is reported.
func (g *Guest) Close() {
	g.stop(true)
	g.state = off
	g.stopRunTimers()
	for _, c := range g.closers {
		c()
	}
	g.closers = nil
}

// Answers tells whether the guest's kernel reacts to packets: it is booted
// and not paused, hung or suspended. A host asks this for ports on which
// nobody listens (refused or dropped).
func (g *Guest) Answers() bool {
	return g.state == running && !g.paused && !g.hung && !g.suspended
}

// Boots is the number of boots so far.
func (g *Guest) Boots() int { return g.boots }

// Uptime is the guest time since the last boot; it does not count pauses.
func (g *Guest) Uptime() time.Duration { return g.clock.now() - g.bootAt }

// Processes is the number of commands that guest-exec started and that still
// run: a prober that times out leaves them behind (EX-TIMEOUT).
func (g *Guest) Processes() int { return g.exec.running() }

// at is the present instant on the endpoint's clock.
func (g *Guest) at(perBoot bool) time.Duration {
	if perBoot {
		return g.Uptime()
	}
	return g.host.Now() - g.opts.Origin
}

// refresh brings every endpoint to the step in force and arms the timers for
// the next ones. Requests do the same for their endpoint, so nothing depends
// on whether a request or this timer comes first at one instant.
func (g *Guest) refresh() {
	if !g.Answers() {
		return
	}
	for _, e := range g.endpoints {
		g.advance(e)
	}
	g.followAgent()
	for _, e := range g.endpoints {
		g.hint(e)
	}
	g.armSteps()
}

func (g *Guest) advance(e *endpoint) {
	if e.advance(g.at(e.perBoot)) && g.opts.OnStep != nil {
		g.opts.OnStep(e.name, e.step().stepName())
	}
}

func (g *Guest) armSteps() {
	var run, boot time.Duration
	var haveRun, haveBoot bool
	for _, e := range g.endpoints {
		at, ok := e.nextAt()
		if !ok {
			continue
		}
		if e.perBoot {
			if !haveBoot || at < boot {
				boot, haveBoot = at, true
			}
		} else if !haveRun || at < run {
			run, haveRun = at, true
		}
	}
	if g.runTimer != nil {
		g.runTimer()
		g.runTimer = nil
	}
	if haveRun {
		g.runTimer = g.host.At(run+g.opts.Origin, func() { g.runTimer = nil; g.refresh() })
	}
	g.clock.stop(g.bootTimer)
	g.bootTimer = nil
	if haveBoot {
		g.bootTimer = g.clock.at(boot+g.bootAt, g.refresh)
	}
}

// take uses one reply of the endpoint for what was seen.
func (g *Guest) take(e *endpoint) pick {
	g.advance(e)
	p, exhausted := e.take()
	if exhausted {
		g.host.Log(Record{
			At: g.Uptime(), Endpoint: e.name, Step: p.step.stepName(), Exhausted: true,
			Note: "the script has no reply left; the last one is repeated",
		})
	}
	return p
}

// hint tells a host whose kernel accepts by itself what comes next.
func (g *Guest) hint(e *endpoint) {
	h, ok := g.host.(PortHinter)
	if !ok || e.spec.Port == 0 {
		return
	}
	next := Refuse
	if p := e.peek(); p != nil {
		next = p.reply.Connect
	}
	if !g.Answers() {
		next = Blackhole
	}
	h.Hint(e.spec.Port, next)
}

// log records one thing seen and what is done about it.
func (g *Guest) log(e *endpoint, p pick, seen, note string) {
	g.host.Log(g.recordOf(e, p, seen, note))
}

func (g *Guest) recordOf(e *endpoint, p pick, seen, note string) Record {
	r := Record{At: g.Uptime(), Endpoint: e.name, Seen: seen, Note: note, Step: p.step.stepName()}
	if p.prepared != nil {
		r.Did = p.reply
	} else {
		r.Did = refusing.reply
	}
	return r
}

// violation records that the peer did what the script forbids.
func (g *Guest) violation(e *endpoint, p pick, seen, note string) {
	g.host.Log(Record{
		At: g.Uptime(), Endpoint: e.name, Step: p.step.stepName(), Seen: seen, Note: note, Violation: true,
	})
}
