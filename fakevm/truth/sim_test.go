package truth_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/truth"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// ground is a guest on the simulated network, for one try at a time: the
// truth must say what the real code does there.
type ground struct {
	k      *sim.Kernel
	net    *network.Network
	vm     *network.Host
	prober *network.Host
	ch     *network.Channel
	agent  *guestagent.Channel
	guest  *fakevm.Guest
}

var _ fakevm.Host = (*ground)(nil)

func newGround(t *testing.T, seed uint64, p fakevm.Program) *ground {
	t.Helper()
	g := &ground{k: sim.New(seed)}
	g.net = network.New(g.k)
	g.vm, g.prober = g.net.AddHost("vm"), g.net.AddHost("prober")
	g.ch = network.NewChannel(g.k, "vm")
	g.agent = guestagent.NewChannel(env{k: g.k})
	g.ch.OnChange(func(open bool) {
		if open {
			g.agent.Connect(&line{k: g.k, ch: g.ch})
		} else {
			g.agent.Disconnect()
		}
	})
	guest, err := fakevm.New(g, p, fakevm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g.guest = guest
	t.Cleanup(g.k.Close)
	return g
}

func (g *ground) Now() time.Duration { return g.k.Now() }

func (g *ground) At(at time.Duration, fn func()) func() {
	timer := g.k.NewTimer(g.vm.Actor(), fn)
	g.k.Set(timer, at)
	return func() { g.k.Stop(timer) }
}

func (g *ground) Listen(port uint16, gate fakevm.Gate) (func(), error) {
	return g.vm.Listen(port, func(remote string) network.Decision {
		d := gate(remote)
		out := network.Decision{Connect: network.Connect(d.Connect), Delay: d.Delay}
		if d.Handler != nil {
			out.Handler = func(s network.Session) network.Handler { return d.Handler(s) }
		}
		return out
	})
}

func (g *ground) AgentChannel(handler func(fakevm.Session) fakevm.Handler) (fakevm.Session, error) {
	return g.ch.Open(func(s network.Session) network.Handler { return handler(s) })
}

func (g *ground) Blocking(s fakevm.Session, fn func(fakevm.BlockingConn)) fakevm.Handler {
	return network.Blocking(g.k, g.vm.Actor(), s, func(c net.Conn) { fn(c) })
}

func (g *ground) Log(fakevm.Record) {}

// line is the agent's channel as libvirt holds it: whichever task runs now
// reads and writes it.
type line struct {
	k               *sim.Kernel
	ch              *network.Channel
	view            net.Conn
	closed          bool
	readBy, writeBy time.Time
}

func (l *line) Buffered() int { return l.ch.Buffered() }

func (l *line) open() (net.Conn, error) {
	if l.closed {
		return nil, net.ErrClosed
	}
	l.view = l.ch.Conn(l.k.Current())
	return l.view, errors.Join(l.view.SetReadDeadline(l.readBy), l.view.SetWriteDeadline(l.writeBy))
}

func (l *line) Read(b []byte) (int, error) {
	c, err := l.open()
	if err != nil {
		return 0, err
	}
	return c.Read(b)
}

func (l *line) Write(b []byte) (int, error) {
	c, err := l.open()
	if err != nil {
		return 0, err
	}
	return c.Write(b)
}

func (l *line) Close() error {
	l.closed = true
	if l.view != nil {
		return l.view.Close()
	}
	return nil
}

func (l *line) LocalAddr() net.Addr                { return &net.UnixAddr{} }
func (l *line) RemoteAddr() net.Addr               { return &net.UnixAddr{} }
func (l *line) SetReadDeadline(t time.Time) error  { l.readBy = t; return nil }
func (l *line) SetWriteDeadline(t time.Time) error { l.writeBy = t; return nil }
func (l *line) SetDeadline(t time.Time) error      { l.readBy, l.writeBy = t, t; return nil }

// env is the world of a try.
type env struct {
	k    *sim.Kernel
	task *sim.Task
	from *network.Host
}

func (e env) Now() time.Time { return sim.Epoch.Add(e.k.Now()) }
func (e env) Dial(address string, deadline time.Time) (net.Conn, error) {
	return e.from.Dial(e.task, address, deadline.Sub(sim.Epoch))
}
func (e env) SleepUntil(t time.Time)  { e.task.SleepUntil(t.Sub(sim.Epoch)) }
func (e env) Mutex() guestagent.Mutex { return &mutex{} }
func (e env) Go(fn func(guestagent.Env)) {
	e.k.Go(e.from.Actor(), func(t *sim.Task) { t.Daemon(); fn(env{e.k, t, e.from}) })
}

// mutex is a lock that is never contended: one try at a time.
type mutex struct{ held bool }

func (m *mutex) Lock(time.Time) bool { m.held = true; return true }
func (m *mutex) Unlock()             { m.held = false }

// domain is one that runs.
type domain struct{}

func (domain) Name() string { return "default_vm" }
func (domain) Status() guestagent.Status {
	return guestagent.Status{Exists: true, Active: true, State: guestagent.Running}
}
func (domain) PingFailed(string) {}

// container runs commands of the guest in its container.
type container struct {
	g    *ground
	task *sim.Task
}

func (c container) Exec(argv []string, deadline time.Time) (int, []byte, error) {
	var done bool
	var exit int
	var failed error
	c.g.guest.RunCommand(argv, func(code int64, _ int, _ []byte, err error) {
		done, exit, failed = true, int(code), err
		c.task.Unpark()
	})
	if !done && !c.task.Park(deadline.Sub(sim.Epoch)) {
		return 0, nil, os.ErrDeadlineExceeded
	}
	return exit, nil, failed
}

// try runs one try on the real code.
func (g *ground) try(p *probes.Probe, prof *probes.Profile) (c probes.Class, took time.Duration, err error) {
	g.k.Go(g.prober.Actor(), func(task *sim.Task) {
		began := g.k.Now()
		e := env{g.k, task, g.prober}
		var r probes.Result
		switch p.Handler {
		case probes.GuestAgentPing, probes.Exec:
			r = guestagent.Try(e, domain{}, g.agent, &guestagent.Target{
				Probe: p, Profile: prof, Container: container{g, task},
			})
		default:
			r = attempt.Try(e, &attempt.Target{Probe: p, Profile: prof, Address: g.vm.Addr().String()})
		}
		c, took = r.Class, g.k.Now()-began
	})
	err = g.k.Run(g.k.Now() + 60*time.Second)
	return c, took, err
}

// check compares the truth with the real code for one answer, under several
// orders of what happens at one instant.
func check(t *testing.T, p *probes.Probe, prof *probes.Profile, a truth.Answer) (v truth.Verdict, c probes.Class, took time.Duration) {
	t.Helper()
	seeds := uint64(4)
	if p.Handler == probes.HTTPGet || large(a) {
		seeds = 1
	}
	for seed := range seeds {
		v, c, took = checkSeed(t, seed, p, prof, a)
	}
	return v, c, took
}

// large tells whether the answer is megabytes.
func large(a truth.Answer) bool {
	r := a.Reply
	return r != nil && (r.Agent != nil && r.Agent.RawBytes > 1<<20 || r.Exec != nil && r.Exec.OutputBytes > 1<<20)
}

func checkSeed(t *testing.T, seed uint64, p *probes.Probe, prof *probes.Profile, a truth.Answer) (truth.Verdict, probes.Class, time.Duration) {
	t.Helper()
	program := programOf(p, a)
	g := newGround(t, seed, program)
	g.guest.Boot(0)
	model := truth.Simulated()
	model.Address = g.vm.Addr().String()
	v, ok := truth.Of(p, prof, a, model)
	if a.Sync == truth.InSync { // a healthy ping comes before
		ping := &probes.Probe{Handler: probes.GuestAgentPing, Timeout: 2 * time.Second}
		if c, _, err := g.try(ping, prof); c != probes.Success || err != nil {
			t.Fatalf("the ping that synchronises: %v, %v", c, err)
		}
	}
	class, took, err := g.try(p, prof)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if !ok {
		return v, class, took
	}
	if !v.Classes.Has(class) || took < v.Min || took > v.Max || v.Exact && (v.Classes.Only() != class || took != v.Min) {
		t.Errorf("%s %s: truth says %s in [%s, %s] exact=%v by %s, the code says %c after %s",
			prof.Name, p.Handler, v.Classes, v.Min, v.Max, v.Exact, v.Rule, class.Letter(), took)
	}
	return v, class, took
}

// programOf makes the guest that gives the answer.
func programOf(p *probes.Probe, a truth.Answer) fakevm.Program {
	var program fakevm.Program
	add := func(kind fakevm.EndpointKind, port uint16, r *fakevm.Reply) {
		if r == nil {
			return
		}
		replies := []fakevm.Counted{{Reply: *r}}
		if kind == fakevm.Agent && a.Sync == truth.InSync {
			replies = append([]fakevm.Counted{{Times: 1}}, replies...)
		}
		program.Endpoints = append(program.Endpoints, fakevm.Endpoint{Kind: kind, Port: port, Steps: []fakevm.Step{{
			Replies: replies,
		}}})
	}
	switch p.Handler {
	case probes.GuestAgentPing:
		add(fakevm.Agent, 0, a.Reply)
	case probes.Exec:
		add(fakevm.Exec, 0, a.Reply)
		agent := a.Agent
		if agent == nil {
			agent = &fakevm.Reply{Agent: &fakevm.AgentReply{Down: a.AgentDown}}
		}
		add(fakevm.Agent, 0, agent)
	case probes.HTTPGet, probes.TCPSocket, probes.NoHandler:
		add(a.Kind, 80, a.Reply)
	}
	return program
}
