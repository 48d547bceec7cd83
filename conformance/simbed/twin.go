package simbed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/truth"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// ErrInexpressible says that the byte-free twin cannot run a case: what a try
// comes to hangs on more than the scripted reply.
var ErrInexpressible = errors.New("not expressible without bytes")

// Twin runs a case without bytes: the same world, but each try is answered by
// the truth table from the reply that the guest is scripted to give. Where it
// can run a case its trace is that of Run, but for what the guest saw. It
// returns ErrInexpressible (wrapped, with the reason) where it cannot.
func (b Bed) Twin(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	if reason := bytesMatter(c); reason != "" {
		return nil, fmt.Errorf("%w: %s", ErrInexpressible, reason)
	}
	var recorder trace.Recorder
	kernel := sim.New(seed)
	w := &world{c: c, kernel: kernel, net: network.New(kernel), sink: WithoutRequests(&recorder), deviation: &none, liberty: b.liberty()}
	defer w.kernel.Close()
	w.tryer = &table{world: w, sync: make([]truth.SyncState, len(c.VMs))}
	w.findings()
	if !rejected(c) {
		if err := w.build(); err != nil {
			return nil, err
		}
		if err := w.run(ctx); err != nil {
			return nil, fmt.Errorf("twin of %s with seed %d: %w", c.ID(), seed, err)
		}
	}
	return recorder.Trace(b.header(c, seed)), nil
}

// decide asks the truth table.
func (t *table) decide(p *probes.Probe, a truth.Answer, address string) (truth.Verdict, bool) {
	net := truth.Simulated()
	net.Address = address
	return truth.Of(p, &t.world.c.Profile, a, net)
}

// WithoutRequests keeps a sink from what guests saw, of which only bytes can
// tell.
func WithoutRequests(s trace.Sink) trace.Sink { return requestFilter{s} }

type requestFilter struct{ trace.Sink }

func (f requestFilter) Record(e trace.Event) {
	if e.Kind != trace.GuestSaw {
		f.Sink.Record(e)
	}
}

// table answers tries from the truth table.
type table struct {
	world *world
	sync  []truth.SyncState // by VM: what libvirt knows of the channel
	idle  []*query
}

// Try implements prober.Tryer. The reply counts that is in force when the
// request reaches the guest; whether an agent is connected is known at once.
func (t *table) Try(req prober.Request, done func(probes.Result)) {
	start := t.world.kernel.Now()
	if class, ok := t.neverSent(&req); ok {
		t.finish(&req, probes.Result{Class: class}, done)
		return
	}
	reach := start + truth.Simulated().OneWay
	if req.Probe.Handler == probes.GuestAgentPing {
		reach = start
	}
	q := t.query()
	q.req, q.start, q.done = req, start, done
	t.at(&q.reach, &req, reach)
}

// query is a try under way. It is used again when it is over: a population
// makes millions.
type query struct {
	table      *table
	req        prober.Request
	start      time.Duration
	done       func(probes.Result)
	verdict    truth.Verdict
	reply      *fakevm.Reply
	boots      int
	stopped    bool // the agent
	reach, end sim.Timer
}

func (t *table) query() *query {
	if n := len(t.idle); n > 0 {
		q := t.idle[n-1]
		t.idle = t.idle[:n-1]
		return q
	}
	q := &query{table: t}
	k := t.world.kernel
	k.Init(&q.reach, 0, q.reached)
	k.Init(&q.end, 0, q.ended)
	return q
}

// reached: the request is with the guest.
func (q *query) reached() {
	t := q.table
	var err error
	if q.verdict, q.reply, err = t.answer(&q.req); err != nil {
		t.halt(err)
		return
	}
	guest := t.world.vms[q.req.VM].fake
	q.boots, q.stopped = guest.Boots(), q.req.Probe.Handler == probes.GuestAgentPing && guest.AgentStopped()
	t.at(&q.end, &q.req, q.start+q.verdict.Min)
}

// ended: the try has its result.
func (q *query) ended() {
	t, guest := q.table, q.table.world.vms[q.req.VM].fake
	if q.verdict.Min > 0 && (!guest.Answers() || guest.Boots() != q.boots) {
		t.halt(fmt.Errorf("%w: a guest that ends with a request unanswered", ErrInexpressible))
		return
	}
	if q.stopped && !guest.AgentStopped() {
		t.halt(fmt.Errorf("%w: an agent that goes on while it is asked", ErrInexpressible))
		return
	}
	req, reply, done, class := q.req, q.reply, q.done, q.verdict.Classes.Only()
	t.idle = append(t.idle, q)
	t.finish(&req, t.world.race(&req, reply, probes.Result{Class: class}), done)
}

// neverSent tells tries that end before anything is sent: a port without a
// number, a header that must not be.
func (t *table) neverSent(req *prober.Request) (probes.Class, bool) {
	if req.Probe.Handler != probes.HTTPGet && req.Probe.Handler != probes.TCPSocket {
		return probes.NoClass, false
	}
	v, ok := t.decide(req.Probe, truth.Answer{Kind: fakevm.HTTP}, "")
	return v.Classes.Only(), ok && v.Exact && v.Max == 0
}

// halt ends the run.
func (t *table) halt(err error) {
	t.world.failure = err
	t.world.kernel.Halt(err)
}

// at fires a timer at an instant, which may be now: then at once.
func (t *table) at(timer *sim.Timer, req *prober.Request, instant time.Duration) {
	k := t.world.kernel
	k.Assign(timer, req.Actor)
	if instant <= k.Now() {
		timer.Fire()
		return
	}
	k.Set(timer, instant)
}

// finish ends a try; virt-launcher tells of a failed ping itself (GA-EVENT).
func (t *table) finish(req *prober.Request, r probes.Result, done func(probes.Result)) {
	if req.Probe.Handler == probes.GuestAgentPing && r.Class == probes.Failure && t.world.c.Profile.PauseAnnotation {
		(&domain{t.world.vms[req.VM], req.Instance}).PingFailed("")
	}
	done(r)
}

func (t *table) answer(req *prober.Request) (truth.Verdict, *fakevm.Reply, error) {
	if req.Probe.HTTP.Host != "" || req.Probe.TCP.Host != "" {
		return truth.Verdict{}, nil, fmt.Errorf("%w: a probe that names a host", ErrInexpressible)
	}
	v := t.world.vms[req.VM]
	if !v.fake.Answers() || req.Probe.Handler == probes.Exec {
		return truth.Verdict{}, nil, fmt.Errorf("%w: %s probe of a guest that is away or runs commands", ErrInexpressible, req.Probe.Handler)
	}
	a := truth.Answer{Kind: fakevm.Agent, Sync: t.sync[req.VM]}
	port := uint16(0)
	switch req.Probe.Handler {
	case probes.HTTPGet:
		a.Kind, port = fakevm.HTTP, uint16(req.Probe.HTTP.Port.Number)
	case probes.TCPSocket:
		a.Kind, port = fakevm.TCP, uint16(req.Probe.TCP.Port.Number)
	default:
		if a.Sync == truth.SyncUnknown {
			a.Sync = truth.OutOfSync
		}
	}
	if reply, kind, ok := v.fake.Take(a.Kind, port); ok {
		a.Reply, a.Kind = reply, kind
	}
	verdict, ok := t.decide(req.Probe, a, v.pod(req.Instance).addr)
	if !ok || !verdict.Exact || outlives(req.Probe, &t.world.c.Profile, verdict) {
		return truth.Verdict{}, nil, fmt.Errorf("%w: what a reply comes to", ErrInexpressible)
	}
	t.note(req, a.Reply, verdict)
	return verdict, a.Reply, nil
}

// outlives tells whether the launcher goes on with the ping after the kubelet
// has given up, so that its own event comes later (GA-TIMEOUT-KUBELET).
func outlives(p *probes.Probe, profile *probes.Profile, v truth.Verdict) bool {
	return p.Handler == probes.GuestAgentPing && profile.AgentInner > 0 && v.Min >= p.Timeout+profile.ExecOuterExtra
}

// note follows the state of the agent's channel. An error is an answer: it
// leaves the channel in step (GA-SYNC).
func (t *table) note(req *prober.Request, r *fakevm.Reply, v truth.Verdict) {
	if req.Probe.Handler != probes.GuestAgentPing {
		return
	}
	t.sync[req.VM] = truth.OutOfSync
	plainError := r != nil && r.Agent != nil && r.Agent.ErrorClass != "" &&
		*r.Agent == (fakevm.AgentReply{ErrorClass: r.Agent.ErrorClass, ErrorDesc: r.Agent.ErrorDesc})
	if plainError || v.Classes.Only().Passed() {
		t.sync[req.VM] = truth.InSync
	}
}
