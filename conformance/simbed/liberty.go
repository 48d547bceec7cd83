package simbed

import (
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// Liberty is what the law leaves to a prober, decided: the ground of the legal
// population, as a Deviation is that of mutants. Every field is optional; the
// zero value leaves all decisions to the seed. A Liberty is only read, so runs
// may share it. Whether what it decides is legal is the business of its author.
type Liberty struct {
	// Prober decides about phases, jitter and the slowness of the host.
	Prober *prober.Freedom
	// Young makes the prober begin with the run (TIM-START-JITTER).
	Young bool
	// Tries of an attempt that errors; 0: the profile's (TIM-RETRY).
	Tries int32
	// Syncs are instants of pod syncs, of every VM, ascending (TIM-READY-MANUAL),
	// and Restarts of restarts of the prober (PROBER-RESTART).
	Syncs, Restarts []time.Duration
	// Races tells of a try that was answered before it asked whether it
	// fails (HTTP-SERVER-SPEAKS-FIRST).
	Races func(*prober.Request) bool
}

// noLiberty is the Liberty of a Bed that has none.
var noLiberty Liberty //nolint:gochecknoglobals // a constant

func (b Bed) liberty() *Liberty {
	if b.Liberty == nil {
		return &noLiberty
	}
	return b.Liberty
}

// tries is how often an attempt that errors is tried.
func (w *world) tries() int32 {
	if w.liberty.Tries > 0 {
		return w.liberty.Tries
	}
	return w.c.Profile.Tries
}

// age is for how long the prober has run at the start.
func (w *world) age() time.Duration {
	if w.liberty.Young {
		return 0
	}
	return w.c.ProberAge
}

// free arms what the prober does beside the story.
func (w *world) free() {
	l := w.liberty
	if len(l.Syncs)+len(l.Restarts) == 0 {
		return
	}
	for _, t := range l.Restarts {
		w.at(w.kernel.Name("liberty"), t, w.driver.Restart)
	}
	syncs, sync := w.kernel.Name(nameOfSyncs), func() {
		for _, v := range w.vms {
			v.platform.Sync()
		}
	}
	for _, t := range l.Syncs {
		w.at(syncs, t, sync)
	}
}

// nameOfSyncs is the actor of a prober's syncs.
const nameOfSyncs = "syncs"

// nextSync is the instant of the sync that comes next.
func (w *world) nextSync() time.Duration {
	now := w.kernel.Now()
	next := w.liberty.sync(now)
	if next == now { // perhaps this is what happens now
		_, next = w.kernel.Pending(func(c sim.Circle) bool { return c == ofSyncs })
	}
	return next
}

// sync is the instant of the first sync that does not come before t; Forever when
// there is none.
func (l *Liberty) sync(t time.Duration) time.Duration {
	if n := len(l.Syncs); n == 0 || l.Syncs[n-1] < t {
		return sim.Forever // most probers have few
	}
	i, _ := slices.BinarySearch(l.Syncs, t)
	return l.Syncs[i]
}

// race lets a try lose its race against a server that does not wait for the
// request.
func (w *world) race(req *prober.Request, reply *fakevm.Reply, r probes.Result) probes.Result {
	early := reply != nil && reply.HTTP != nil && reply.HTTP.NoDrain
	if early && r.Class == probes.Success && w.liberty.Races != nil && w.liberty.Races(req) {
		r.Class, r.Message = probes.Failure, "readLoopPeekFailLocked: unsolicited response"
	}
	return r
}
