package simbed

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// taskEnv is what a try sees of the simulated world: the clock, the network
// and locks, all through its task. It is an attempt.Env and a guestagent.Env.
type taskEnv struct {
	task *sim.Task
	from *network.Host
	last dialed

	dials int    // connections asked for
	port  uint16 // of the last of them; 0: it had none
	proxy string
}

// Proxy is what HTTP_PROXY of the prober's environment names. No lawful try
// asks for it (HTTP-NO-PROXY).
func (e *taskEnv) Proxy() string { return e.proxy }

// dialed is the last address that was dialed, parsed: nearly always the next
// one too.
type dialed struct {
	text   string
	parsed netip.AddrPort
}

func (e *taskEnv) Now() time.Time { return sim.Epoch.Add(e.task.Now()) }

func (e *taskEnv) SleepUntil(t time.Time) { e.task.SleepUntil(t.Sub(sim.Epoch)) }

func (e *taskEnv) Dial(address string, deadline time.Time) (net.Conn, error) {
	until := deadline.Sub(sim.Epoch)
	e.dials++
	e.port = e.from.NextPort()
	defer func() {
		if e.from.NextPort() == e.port {
			e.port = 0 // nobody is there to dial
		}
	}()
	if address != e.last.text {
		parsed, err := netip.ParseAddrPort(address)
		if err != nil { // the name of a host
			return e.from.Dial(e.task, address, until)
		}
		e.last = dialed{address, parsed}
	}
	return e.from.DialAddr(e.task, e.last.parsed, until)
}

func (e *taskEnv) Mutex() guestagent.Mutex { return &lock{kernel: e.task.Kernel()} }

func (e *taskEnv) Go(fn func(guestagent.Env)) {
	from := e.from
	e.task.Kernel().Go(e.task.Actor(), func(t *sim.Task) { fn(&taskEnv{task: t, from: from}) })
}

// lock is a FIFO lock that one task may take and another open: what
// guestagent.Mutex asks for beyond sim.Mutex.
type lock struct {
	kernel  *sim.Kernel
	held    bool
	waiters []*waiter
}

type waiter struct {
	task    *sim.Task
	granted bool
}

// Lock implements guestagent.Mutex.
func (l *lock) Lock(deadline time.Time) bool {
	if !l.held {
		l.held = true
		return true
	}
	w := &waiter{task: l.kernel.Current()}
	l.waiters = append(l.waiters, w)
	defer func() { l.waiters = slices.DeleteFunc(l.waiters, func(o *waiter) bool { return o == w }) }()
	w.task.Park(deadline.Sub(sim.Epoch))
	return w.granted
}

// Unlock implements guestagent.Mutex.
func (l *lock) Unlock() {
	if len(l.waiters) == 0 {
		l.held = false
		return
	}
	next := l.waiters[0]
	l.waiters = l.waiters[1:]
	next.granted = true
	next.task.Unpark()
}
