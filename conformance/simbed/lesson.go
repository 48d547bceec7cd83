package simbed

import (
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// lesson watches a try that is made, to remember it. It is dropped when
// something else happened meanwhile, or when the try left more behind than an
// episode holds.
type lesson struct {
	g       *group
	s       situation
	req     prober.Request
	start   time.Duration
	next    time.Duration // before which nothing else was to happen
	places  []*fakevm.Place
	pending int
	keys    map[*sim.Account]uint64
	worker  *sim.Account // of the try
	port    uint16       // of the prober's next connection
	own     uint64       // keys of the try's actor when its task began
	env     *taskEnv     // of the try; nil: it has not begun
	dials   int          // of env before it
	over    bool
	after   uint64 // keys of the actor when its worker had its result
	e       episode
}

// begin starts a lesson at the start of a try.
func (g *group) begin(s situation, req *prober.Request, next time.Duration) *lesson {
	r := g.r
	k := r.w.kernel
	r.memory.vain[s]++ // until it settles
	l := &lesson{g: g, s: s, req: *req, start: k.Now(), next: next, port: r.w.prober.NextPort(), keys: map[*sim.Account]uint64{}, worker: k.Account(req.Actor)}
	for _, vm := range g.vms {
		l.places = append(l.places, r.w.vms[vm].fake.Place())
	}
	for _, a := range k.Accounts() {
		l.keys[a] = a.Spent()
	}
	l.pending, _ = k.Pending(g.answers)
	return l
}

// began: the task of a try runs.
func (g *group) began(t *try) {
	if l := g.lesson; l != nil && l.env == nil && t.req.Actor == l.req.Actor {
		l.env, l.dials, l.own = &t.env, t.env.dials, l.worker.Spent()
	}
}

// saw takes an event of the trace.
func (l *lesson) saw(e *trace.Event) {
	switch e.Kind {
	case trace.GuestSaw, trace.Violation:
	case trace.ClusterEvent:
		if l.over {
			return // the prober's own
		}
	default:
		return
	}
	event := *e
	event.T -= l.start
	l.e.events = append(l.e.events, event)
}

// ended takes the result; what is still under way gets some time to settle.
func (l *lesson) ended(result probes.Result) {
	g, r, k := l.g, l.g.r, l.g.r.w.kernel
	host := r.w.vms[l.req.VM].host
	if host.did != nil && host.didAt >= l.start {
		l.e.did, l.e.didAt = host.did, host.didAt-l.start
	}
	if g.history != l.s.history || k.Now()+settling >= min(l.next, r.w.liberty.sync(k.Now())) || !l.knowsPorts() {
		g.lesson = nil
		return
	}
	l.over, l.e.took, l.e.result = true, k.Now()-l.start, result
	l.e.ports = ports{l.port, l.env.dials - l.dials}
	// The key of the task's own start is not among those since it began.
	l.e.keys = append(l.e.keys, spent{l.worker, l.worker.Spent() - l.own + 1})
	k.Set(k.NewTimer(actorOfMemory, l.settled), k.Now()+settling)
}

// knowsPorts tells whether the try had the first ports since its start: no other
// VM was dialed before its last connection.
func (l *lesson) knowsPorts() bool {
	if l.env == nil {
		return false
	}
	own := l.env.dials - l.dials
	return own == 0 || int(l.env.port) == int(l.port)+own-1
}

// told: the worker has its result, and what follows at once has happened.
func (l *lesson) told() { l.after = l.worker.Spent() }

// settled remembers the try if the world is again as it was.
func (l *lesson) settled() {
	g, r, k := l.g, l.g.r, l.g.r.w.kernel
	if g.lesson != l {
		return
	}
	g.lesson = nil
	pending, _ := k.Pending(g.answers)
	after := g.situation(&l.req)
	if g.flying > 0 || k.Busy(g.mine) > 0 || after.history != l.s.history || !after.follows(&l.s) ||
		pending != l.pending {
		return
	}
	for i, vm := range g.vms {
		to := r.w.vms[vm].fake.Place()
		if !to.Same(l.places[i]) {
			l.e.places = append(l.e.places, move{vm, l.places[i], to})
		}
	}
	for _, a := range k.Accounts() {
		if n := a.Spent(); n > l.keys[a] && g.answers(a.Circle()) {
			l.e.keys = append(l.e.keys, spent{a, n - l.keys[a]})
		}
	}
	if after.channel != l.s.channel {
		l.e.channel = &after.channel
	}
	l.e.tail = spent{l.worker, l.worker.Spent() - l.after}
	r.memory.episodes[l.s] = &l.e
	delete(r.memory.vain, l.s)
}
