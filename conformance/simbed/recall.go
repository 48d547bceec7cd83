package simbed

import (
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// recall answers the tries of a run from memory where it can.
type recall struct {
	w      *world
	memory *Memory
	groups []group
	free   *late
}

// group is a VM with its workers. No try at one VM is in the way of one at
// another, unless a probe or a guest sends it there: then all are one group.
type group struct {
	r   *recall
	vms []int
	// mine tells who may act in the group, answers who answers its tries and
	// does nothing that goes by the story or follows from a result.
	mine, answers func(sim.Circle) bool

	history uint64
	loose   int // what makes answers hang on more than a situation
	flying  int // tries that are made
	lesson  *lesson
	held    recalled // a try whose outcome is known and not told yet
	telling func()   // tells it
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

// recalls answers the tries of another run.
func (m *Memory) recalls(w *world) *recall {
	if m.recall == nil {
		m.recall = newRecall(m)
	}
	r := m.recall
	r.w = w
	w.kernel.Name(nameOfMemory)
	for i := range r.groups {
		g := &r.groups[i]
		g.history, g.loose, g.flying, g.lesson, g.held = 0, 0, 0, nil, recalled{}
		w.kernel.Init(&g.held.timer, actorOfMemory, g.telling)
		for _, vm := range g.vms {
			// Freezes begin and end by the clock alone.
			g.loose += len(w.c.VMs[vm].Program.Freezes) + len(w.c.VMs[vm].EveryBoot.Freezes)
		}
	}
	return r
}

func newRecall(m *Memory) *recall {
	r := &recall{memory: m, groups: make([]group, len(m.cast.groups))}
	for i := range r.groups {
		g := &r.groups[i]
		g.r, g.vms, g.telling = r, m.cast.groups[i], g.tell
		g.mine = func(c sim.Circle) bool { return c == 0 || c == answering(i) || c == acting(i) }
		g.answers = func(c sim.Circle) bool { return c == answering(i) }
	}
	return r
}

// nameOfMemory is the actor that acts for what is remembered.
const nameOfMemory = "memory"

var actorOfMemory = sim.ActorOf(nameOfMemory) //nolint:gochecknoglobals // a constant

func (r *recall) group(vm int) *group { return &r.groups[r.memory.cast.of[vm]] }

// Try implements prober.Tryer.
func (r *recall) Try(req prober.Request, done func(probes.Result)) {
	g, k := r.group(req.VM), r.w.kernel
	g.release()
	g.lesson = nil // this one comes too soon to tell the effects apart
	_, next := k.Pending(g.mine)
	next = min(next, r.w.c.Until) // where runs end, tries end unseen
	if sync := r.w.nextSync(); sync < next && g.heeds() {
		next = sync
	}
	if g.flying > 0 || g.loose > 0 || next <= k.Now()+settling || k.Busy(g.mine) > 0 {
		g.make(req, done, nil)
		return
	}
	s := g.situation(&req)
	e := r.memory.episode(&s, req.Slot)
	switch {
	case e == nil && !g.clouded() && r.memory.teachable(&s):
		g.make(req, done, g.begin(s, &req, next))
	case e == nil || min(next, r.w.liberty.sync(k.Now()+e.took)) <= k.Now()+e.took+settling:
		g.make(req, done, nil)
	default:
		g.hold(req, done, e)
	}
}

// heeds tells whether syncs come to anything, as long as nothing else happens.
func (g *group) heeds() bool {
	return slices.ContainsFunc(g.vms, func(vm int) bool { return g.r.w.vms[vm].platform.Heeds() })
}

// clouded tells of a prober from which nothing can be learned: what it makes
// of a result cannot be told from the result.
func (g *group) clouded() bool {
	l := g.r.w.liberty
	return l.Races != nil || l.Prober != nil && l.Prober.Result != nil
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
		s.account.Spend(s.keys)
	}
	for _, m := range e.places {
		w.vms[m.vm].fake.GoTo(m.from, m.to)
	}
	if e.channel != nil {
		w.vms[h.req.VM].channelOf(h.req.Instance).GoTo(*e.channel)
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
	e.tail.account.Spend(e.tail.keys)
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
		r.w.kernel.Init(&l.timer, actorOfMemory, func() {
			r.w.sink.Record(l.event)
			l.next, r.free = r.free, l
		})
	} else {
		r.free = l.next
	}
	l.event = e
	r.w.kernel.Set(&l.timer, e.T)
}
