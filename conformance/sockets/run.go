package sockets

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/vmprobe/vmprobe/conformance/loopback"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/roster"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// run is one case with its prober: a simbed.Prober. The thread of the world
// guards it.
type run struct {
	roster.Roster
	id      int64
	open    *protocol.Request
	process *process   // that probes now
	next    []*process // that take over when it is restarted, in order

	started bool             // the clock runs
	early   []protocol.Event // that happened before
	over    bool             // nothing counts any more

	mu        sync.Mutex
	street    loopback.Street // nil until the world is built
	premature error           // what broke before

	lateness atomic.Int64 // of the machine, see watch; ns
}

// door is the way of the prober, which knows of the case, into its world.
func (r *run) door(street loopback.Street, g *simbed.Ground) (simbed.Prober, error) {
	r.Ground, r.Tell, r.AgentSocket = g, r.tell, street.AgentSocket
	r.mu.Lock()
	r.street = street
	err := r.premature
	r.mu.Unlock()
	g.Kernel().Set(g.Kernel().NewTimer(g.Kernel().Name("door"), r.start), 0)
	return r, err
}

// message makes a message of the run.
func (r *run) message(m protocol.Request) *protocol.Request {
	m.Run = r.id
	return &m
}

// start tells what happened while the world was built: the prober must not
// begin before the clock does.
func (r *run) start() {
	r.started = true
	if len(r.early) > 0 {
		r.tell(r.early...)
	}
	r.early = nil
}

// tell tells the prober what happens.
func (r *run) tell(events ...protocol.Event) {
	switch {
	case r.over:
	case !r.started:
		r.early = append(r.early, events...)
	default:
		now := int64(r.Ground.Kernel().Now())
		r.process.send(r.message(protocol.Request{Op: protocol.Step, NowNs: now, Events: events}), nil)
	}
}

// Restart implements simbed.Prober: the process is killed, its connections die
// with it, and the next one is told of what runs.
func (r *run) Restart() {
	r.Ground.Record(trace.Event{T: r.Ground.Kernel().Now(), Kind: trace.ProberRestarted})
	if len(r.next) == 0 {
		r.lost(fmt.Errorf("the story restarts the prober more often than it says"))
		return
	}
	r.process.kill()
	r.process, r.next = r.next[0], r.next[1:]
	if err := r.process.begin(r); err != nil {
		r.lost(err)
		return
	}
	m := *r.open
	m.ProberAgeNs = 0
	r.process.send(r.message(m), nil)
	r.tell(r.Restarted()...)
}

// fail ends the run: its prober broke the protocol, or is gone. It is called
// without the thread.
func (r *run) fail(err error) {
	r.mu.Lock()
	street := r.street
	if street == nil {
		r.premature = err
	}
	r.mu.Unlock()
	if street == nil {
		return
	}
	street.Lock()
	defer street.Unlock()
	r.lost(err)
}

func (r *run) lost(err error) {
	if !r.over && !r.street.Over() {
		r.over = true
		r.Ground.Fail(err)
	}
}

// take takes a report. What is wrong with it is wrong with this case alone.
func (r *run) take(report *protocol.Report, line []byte) {
	r.mu.Lock()
	street := r.street
	r.mu.Unlock()
	early := &protocol.Violation{Line: protocol.Excerpt(line), What: "nothing of the case has begun yet", Fix: "wait for containerStarted"}
	if street == nil {
		r.fail(early)
		return
	}
	street.Lock()
	defer street.Unlock()
	switch {
	case r.over || street.Over():
		return
	case !r.started:
		r.lost(early)
		return
	}
	for i := range report.Do {
		if v := r.do(&report.Do[i]); v != nil {
			v.Line, v.Field = protocol.Excerpt(line), fmt.Sprintf("do[%d].%s", i, v.Field)
			r.lost(v)
		}
		if r.over {
			return
		}
	}
}

// do does one action.
func (r *run) do(a *protocol.Action) *protocol.Violation {
	switch a.Do {
	case protocol.Ask:
		return r.ask(a)
	case protocol.Result:
		p, v := r.Place(a)
		if v != nil {
			return v
		}
		kind, _, v := p.Machine.Probe(a)
		if v == nil && !a.Panicked && !a.Retry {
			p.Machine.Unhealthy(a.Instance, kind, protocol.ClassOf(a.Class), a.Message)
		}
		return v
	default:
		return r.Transition(a)
	}
}

// ask answers what a prober cannot see by itself.
func (r *run) ask(a *protocol.Action) *protocol.Violation {
	p, v := r.Place(a)
	if v == nil && a.Exec != nil {
		v = r.MayExec()
	}
	if v != nil {
		return v
	}
	id, from := a.ID, r.process
	r.Ground.Go(p.Machine.Config.Actor, a.VM, a.Instance, func(s *simbed.Site) {
		e := protocol.Event{Event: protocol.Answer, ID: id}
		if a.Exec != nil {
			e.Exec = roster.Exec(s, a.Exec)
		} else {
			e.Domain = roster.Domain(s)
		}
		if r.process == from {
			r.tell(e)
		}
	})
	return nil
}

// close tells the prober that the case is over and waits until it knows.
func (r *run) close(ctx context.Context) error {
	_, err := r.process.ask(ctx, r.message(protocol.Request{Op: protocol.Close}))
	r.process.end(r)
	return err
}
