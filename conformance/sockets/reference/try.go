package reference

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/loopback"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/probes/realtime"
)

// try is a realtime.Try over real connections.
func (w *worker) try(ctx context.Context, _, _ int32) probes.Result {
	instance, address, lost := w.attempt()
	if lost {
		panic("the story asks for it")
	}
	m := w.pod.machine
	u := m.run
	env := u.env()
	var r probes.Result
	switch w.probe.Handler {
	case probes.HTTPGet, probes.TCPSocket:
		r = attempt.Try(env, &attempt.Target{Probe: w.probe, Profile: &u.profile, Address: address, Rules: u.dev.Attempt})
	default:
		at := &place{run: u, machine: m, instance: instance}
		t := &guestagent.Target{Probe: w.probe, Profile: &u.profile, Container: container{at, ctx}, Rules: u.dev.Agent}
		r = guestagent.Try(env, at, m.wire.channel(env), t)
	}
	if u.dev.Result != nil {
		u.dev.Result(w.probe, &r)
	}
	return r
}

// env is the world until the case is closed: a command for the agent may
// outlive its try.
func (u *run) env() *realtime.Env {
	return realtime.NewEnv(u.ctx, func(fn func(guestagent.Env)) { u.after.Go(func() { fn(u.env()) }) })
}

// place is libvirt's view of one container. It implements guestagent.Domain.
type place struct {
	run      *run
	machine  *machine
	instance int32
}

func (p *place) action() protocol.Action {
	return protocol.Action{VM: p.machine.name, Instance: p.instance}
}

// Name implements guestagent.Domain.
func (p *place) Name() string { return p.machine.domain }

// Status implements guestagent.Domain.
func (p *place) Status() guestagent.Status {
	a := p.action()
	a.Domain = &protocol.DomainRequest{}
	e := p.run.ask(p.run.ctx, a)
	if e == nil || e.Domain == nil {
		return guestagent.Status{}
	}
	d := e.Domain
	s := guestagent.Status{
		Exists: d.Exists, Active: d.Active, Migrating: d.Migrating, ProbesPaused: d.ProbesPaused,
		Reason: guestagent.PauseReason(d.Reason),
	}
	switch d.State {
	case "running":
		s.State = guestagent.Running
	case "paused":
		s.State = guestagent.Paused
	case "shutoff":
		s.State = guestagent.ShutOff
	case "pmsuspended":
		s.State = guestagent.PMSuspended
	}
	return s
}

// PingFailed implements guestagent.Domain.
func (p *place) PingFailed(message string) {
	a := p.action()
	a.Do, a.Reason, a.Message = protocol.TellEvent, "GuestAgentPingFailed", message
	p.run.report(a)
}

// container runs commands through the suite.
type container struct {
	at  *place
	ctx context.Context //nolint:containedctx // of the try
}

// Exec implements guestagent.Container.
func (c container) Exec(argv []string, deadline time.Time) (exit int, output []byte, err error) {
	a := c.at.action()
	a.Exec = &protocol.ExecRequest{Argv: argv, TimeoutNs: max(int64(time.Until(deadline)), 1)}
	e := c.at.run.ask(c.ctx, a)
	if e == nil || e.Exec == nil {
		return 0, nil, os.ErrDeadlineExceeded
	}
	if output = e.Exec.Base64; output == nil {
		output = []byte(e.Exec.Text)
	}
	switch e.Exec.Outcome {
	case protocol.OK:
		return e.Exec.Exit, output, nil
	case protocol.Timeout:
		return 0, nil, os.ErrDeadlineExceeded
	default:
		return 0, nil, errors.New(e.Exec.Error)
	}
}

// wire is libvirt's end of the guest agent of a VM: one connection, made when
// the agent has its port open and kept until the agent closes it.
type wire struct {
	mu     sync.Mutex
	socket string
	open   *guestagent.Channel
	conn   net.Conn
}

// move names the socket of the agent.
func (w *wire) move(socket string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.socket = socket
}

// channel is the channel as it is now.
func (w *wire) channel(env guestagent.Env) *guestagent.Channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open = guestagent.NewChannel(env)
	}
	if w.conn != nil && gone(w.conn) {
		w.open.Disconnect()
		w.conn = nil
	}
	if w.conn == nil && w.socket != "" {
		if c, err := loopback.DialAgent(w.socket); err == nil {
			w.conn = c
			w.open.Connect(c)
		}
	}
	return w.open
}

// hangUp ends the connection.
func (m *machine) hangUp() {
	m.wire.mu.Lock()
	defer m.wire.mu.Unlock()
	if m.wire.conn != nil {
		m.wire.open.Disconnect()
		m.wire.conn = nil
	}
}
