package simbed

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Memory remembers, over the runs of one case, what tries came to, so that a
// population of probers costs little: a try that begins in the same state of
// the world as an earlier one, and during which nothing else happens, comes to
// the same. Its bytes need not travel again. The trace is that of a run
// without memory, tie keys included.
//
// A Memory must not be used by two goroutines at a time, nor for two cases,
// nor with a Deviation, a Door or an Outside.
type Memory struct {
	episodes map[situation]*episode
	cast     *cast
	// Recalled and Made count the tries that were remembered and those that
	// were made.
	Recalled, Made int
}

// maxEpisodes bounds a memory; what comes later is made each time.
const maxEpisodes = 1 << 14

// NewMemory is an empty memory.
func NewMemory() *Memory { return &Memory{episodes: map[situation]*episode{}} }

// situation is the state of the world as far as the outcome of a try hangs on
// it, while nothing moves but the try.
type situation struct {
	probe    *probes.Probe
	address  string
	instance int32
	history  uint64 // of what has happened to guests, domains and network
	guests   uint64 // their footprints
	status   guestagent.Status
	channel  guestagent.ChannelState
}

// episode is what a try came to, with all that it left behind.
type episode struct {
	took   time.Duration
	result probes.Result
	events []trace.Event // T counts from the start; the last ones may follow the end
	did    *fakevm.Reply // what the guest did last; nil: nothing
	didAt  time.Duration
	places []move
	keys   []spent // up to its end
	tail   spent   // after it
	ports  ports
}

// ports are the local ports of the connections of a try, of which errors tell.
type ports struct {
	first uint16
	n     int
}

// in is a message as it reads when the first port is another one.
func (p ports) in(message string, first uint16) string {
	if first == p.first || !strings.Contains(message, "->") {
		return message
	}
	for i := range p.n {
		message = strings.Replace(message, p.local(p.first, i), p.local(first, i), 1)
	}
	return message
}

func (p ports) local(first uint16, i int) string { return ":" + strconv.Itoa(int(first)+i) + "->" }

// move is how a guest moved on in its scripts.
type move struct {
	vm       int
	from, to *fakevm.Place
}

// spent are tie keys that an actor was given.
type spent struct {
	actor sim.Actor
	keys  uint64
}

// settling is how long after a try the last packet of its connection is gone.
const settling = time.Millisecond

// recall answers the tries of one run from memory where it can.
type recall struct {
	w      *world
	memory *Memory
	actor  sim.Actor
	groups []group
	free   *late
}

// group is a VM with its workers. No try at one VM is in the way of one at
// another, unless a probe or a guest sends it there: then all are one group.
type group struct {
	r    *recall
	vms  []int
	mine func(sim.Actor) bool // acts in the group

	history uint64
	loose   int // what makes answers hang on more than a situation
	flying  int // tries that are made
	lesson  *lesson
	held    recalled // a try whose outcome is known and not told yet
}

// recalled is a try that waits for the instant at which its outcome is known.
type recalled struct {
	active bool
	req    prober.Request
	done   func(probes.Result)
	e      *episode
	start  time.Duration
	port   uint16
	timer  sim.Timer
}

func newRecall(w *world, m *Memory) *recall {
	if m.cast == nil {
		m.cast = newCast(w.c)
	}
	r := &recall{w: w, memory: m, actor: w.kernel.Name("memory")}
	r.groups = make([]group, len(m.cast.groups))
	for i := range r.groups {
		g := &r.groups[i]
		g.r, g.vms, g.mine = r, m.cast.groups[i], m.cast.inGroup[i]
		w.kernel.Init(&g.held.timer, r.actor, g.tell)
		for _, vm := range g.vms {
			// Freezes begin and end by the clock alone.
			g.loose += len(w.c.VMs[vm].Program.Freezes) + len(w.c.VMs[vm].EveryBoot.Freezes)
		}
	}
	return r
}

func (r *recall) group(vm int) *group { return &r.groups[r.memory.cast.of[vm]] }

// Try implements prober.Tryer.
func (r *recall) Try(req prober.Request, done func(probes.Result)) {
	g, k := r.group(req.VM), r.w.kernel
	g.release()
	g.lesson = nil // this one comes too soon to tell the effects apart
	_, next := k.Pending(g.mine)
	next = min(next, r.w.c.Until) // where runs end, tries end unseen
	if g.flying > 0 || g.loose > 0 || next <= k.Now()+settling || k.Busy(g.mine) > 0 {
		g.make(req, done, nil)
		return
	}
	s := g.situation(&req)
	e := r.memory.episodes[s]
	switch {
	case e == nil && len(r.memory.episodes) < maxEpisodes:
		g.make(req, done, g.begin(s, &req, next))
	case e == nil || next <= k.Now()+e.took+settling:
		g.make(req, done, nil)
	default:
		g.hold(req, done, e)
	}
}

// situation is the state of the world now.
func (g *group) situation(req *prober.Request) situation {
	w := g.r.w
	v := w.vms[req.VM]
	s := situation{probe: req.Probe, address: v.pod(req.Instance).addr, instance: req.Instance, history: g.history}
	all := mixed(0)
	for _, vm := range g.vms {
		all.number(w.vms[vm].fake.Footprint())
	}
	s.guests = uint64(all)
	if req.Probe.Handler == probes.GuestAgentPing || req.Probe.Handler == probes.Exec {
		s.status = (&domain{v, req.Instance}).Status()
		if ch := v.pod(req.Instance).channel; ch != nil {
			s.channel = ch.State()
		}
	}
	return s
}

// make makes a try with bytes, and learns from it if there is a lesson.
func (g *group) make(req prober.Request, done func(probes.Result), l *lesson) {
	g.r.memory.Made++
	g.flying++
	g.lesson = l
	if l == nil {
		g.r.w.Try(req, func(result probes.Result) {
			g.flying--
			done(result)
		})
		return
	}
	g.r.w.Try(req, func(result probes.Result) {
		g.flying--
		if g.lesson == l {
			l.ended(result)
		}
		done(result)
		if g.lesson == l {
			l.told()
		}
	})
}

// hold waits for the instant at which the try ends.
func (g *group) hold(req prober.Request, done func(probes.Result), e *episode) {
	w, h := g.r.w, &g.held
	g.r.memory.Recalled++
	h.active, h.req, h.done, h.e, h.start = true, req, done, e, w.kernel.Now()
	h.port = w.prober.NextPort()
	w.prober.SkipPorts(e.ports.n)
	w.kernel.Set(&h.timer, h.start+e.took)
}

// release makes a try with bytes after all, when another begins at the very
// instant: each may be in the other's way.
func (g *group) release() {
	h, w := &g.held, g.r.w
	if !h.active {
		return
	}
	if h.start != w.kernel.Now() {
		w.fail("memory: a try at %s began within another at %s", w.kernel.Now(), h.start)
	}
	h.active = false
	g.r.memory.Recalled--
	w.kernel.Stop(&h.timer)
	g.make(h.req, h.done, nil)
}

// tell ends a try as it ended before.
func (g *group) tell() {
	h, w := &g.held, g.r.w
	h.active = false
	e := h.e
	for _, s := range e.keys {
		w.kernel.Spend(s.actor, s.keys)
	}
	for _, m := range e.places {
		w.vms[m.vm].fake.GoTo(m.from, m.to)
	}
	for _, event := range e.events {
		event.T += h.start
		if event.T <= w.kernel.Now() {
			w.sink.Record(event)
		} else {
			g.r.after(event)
		}
	}
	result := e.result
	result.Message = e.ports.in(result.Message, h.port)
	if e.did != nil {
		v := w.vms[h.req.VM]
		v.host.did, v.host.didAt = e.did, h.start+e.didAt
		result = w.race(&h.req, e.did, result)
	}
	done := h.done
	done(result)
	w.kernel.Spend(e.tail.actor, e.tail.keys)
}

// late is an event that follows the end of a try.
type late struct {
	timer sim.Timer
	event trace.Event
	next  *late // among those that are done
}

// after records an event when its time has come.
func (r *recall) after(e trace.Event) {
	l := r.free
	if l == nil {
		l = new(late)
		r.w.kernel.Init(&l.timer, r.actor, func() {
			r.w.sink.Record(l.event)
			l.next, r.free = r.free, l
		})
	} else {
		r.free = l.next
	}
	l.event = e
	r.w.kernel.Set(&l.timer, e.T)
}

// diary is the sink of a world that remembers.
type diary struct {
	trace.Sink
	r *recall
}

// Record implements trace.Sink.
func (d diary) Record(e trace.Event) {
	all := e.VM == ""
	for i := range d.r.groups {
		g := &d.r.groups[i]
		if all || slices.ContainsFunc(g.vms, func(vm int) bool { return d.r.w.c.VMs[vm].Name == e.VM }) {
			g.note(&e)
		}
	}
	d.Sink.Record(e)
}

// note follows what happens to guests, domains and network. What the prober
// does and what follows from it alone changes no answer.
func (g *group) note(e *trace.Event) {
	if g.lesson != nil {
		g.lesson.saw(e)
	}
	switch e.Kind {
	case trace.TryStarted, trace.TryFinished, trace.AttemptFinished, trace.ProbeState, trace.LivenessFailed,
		trace.Trigger, trace.Ready, trace.Endpoint, trace.GuestSaw, trace.Violation, trace.ClusterEvent, trace.Finding:
		return
	case trace.FaultStarted:
		g.draws(e, 1)
	case trace.FaultEnded:
		g.draws(e, -1)
	default:
	}
	h := mixed(g.history)
	h.text(string(e.Kind))
	h.text(e.VM)
	h.text(e.Value)
	h.text(e.Msg)
	h.number(uint64(e.Instance))
	if e.OK {
		h.number(1)
	}
	g.history = uint64(h)
}

func (g *group) draws(e *trace.Event, n int) {
	if e.Msg == string(scenarios.Loss) {
		g.loose += n
	}
}

// mixed is an FNV-1a digest.
type mixed uint64

func (m *mixed) number(n uint64) { *m = (*m ^ mixed(n)) * 1099511628211 }

func (m *mixed) text(s string) {
	for i := range len(s) {
		m.number(uint64(s[i]))
	}
	m.number(1 << 8)
}
