package reference

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/sim"
)

// conversation is what one try asks of the suite.
type conversation struct {
	p       *Prober
	id      int64
	waiting *sim.Task
	answer  *protocol.Event
}

// take takes the answer to what was asked last.
func (c *conversation) take(e *protocol.Event) {
	c.answer = e
	if c.waiting != nil {
		c.waiting.Unpark()
	}
}

// ask asks and does not wait.
func (c *conversation) ask(a protocol.Action) {
	a.Do, a.ID = protocol.Ask, c.id
	c.answer = nil
	c.p.actions = append(c.p.actions, a)
}

// wait waits for the answer until an instant; nil: it did not come before.
func (c *conversation) wait(t *sim.Task, until time.Duration) *protocol.Event {
	c.waiting = t
	for c.answer == nil && t.Park(until) {
	}
	c.waiting = nil
	if t.Now() >= until {
		return nil // at the same instant the caller's patience ends first
	}
	return c.answer
}

// env is the world of a try: an attempt.Env, attempt.Exchanger and
// guestagent.Env.
type env struct {
	task *sim.Task
	c    *conversation
}

func (e *env) Now() time.Time          { return sim.Epoch.Add(e.task.Now()) }
func (e *env) SleepUntil(t time.Time)  { e.task.SleepUntil(t.Sub(sim.Epoch)) }
func (e *env) Mutex() guestagent.Mutex { panic("reference: locks are the suite's") }
func (e *env) Go(fn func(guestagent.Env)) {
	c := e.c
	e.task.Kernel().Go(e.task.Actor(), func(t *sim.Task) {
		t.Daemon()
		fn(&env{t, c})
	})
}

// Proxy is what the environment of the prober names; the law does not ask.
func (e *env) Proxy() string { return e.c.p.proxy }

// left is how long it is until a deadline.
func (e *env) left(deadline time.Time) int64 { return max(int64(deadline.Sub(e.Now())), 1) }

// target splits an address for the suite.
func target(address string) (host string, port int) {
	host, text, _ := net.SplitHostPort(address)
	port, _ = strconv.Atoi(text)
	return host, port
}

// Dial connects and gives a connection that is good for nothing but closing.
func (e *env) Dial(address string, deadline time.Time) (net.Conn, error) {
	host, port := target(address)
	e.c.ask(protocol.Action{TCP: &protocol.TCPRequest{Host: host, Port: port, TimeoutNs: e.left(deadline)}})
	switch e.c.wait(e.task, sim.Forever).Connect {
	case protocol.OK:
		return closed{}, nil
	case protocol.Refused:
		return nil, syscall.ECONNREFUSED
	case protocol.Reset:
		return nil, syscall.ECONNRESET
	case protocol.Timeout:
		return nil, os.ErrDeadlineExceeded
	default:
		return nil, syscall.EHOSTUNREACH
	}
}

// closed is a connection that was opened and closed by the suite.
type closed struct{ net.Conn }

// Close implements net.Conn.
func (closed) Close() error { return nil }

// Exchange implements attempt.Exchanger.
func (e *env) Exchange(r *attempt.Request, deadline time.Time) attempt.Response {
	host, port := target(r.Address)
	h := &protocol.HTTPRequest{
		Host: host, Port: port, TLS: r.TLS, ServerName: r.ServerName, TimeoutNs: e.left(deadline),
		BodyLimitBytes: r.BodyLimit, RedirectLimitBytes: r.RedirectLimit,
	}
	lines := strings.Split(strings.TrimSuffix(string(r.Raw), "\r\n\r\n"), "\r\n")
	h.Method, h.Target, _ = strings.Cut(strings.TrimSuffix(lines[0], " HTTP/1.1"), " ")
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		h.Headers = append(h.Headers, [2]string{name, value})
	}
	e.c.ask(protocol.Action{HTTP: h})
	return response(e.c.wait(e.task, sim.Forever), h.TLS)
}

// response reads the answer to a request.
func response(a *protocol.Event, tls bool) attempt.Response {
	r := attempt.Response{Failed: attempt.Complete}
	fail := func(part attempt.Part) attempt.Response {
		r.Failed, r.Err = part, errors.New(a.HTTP.Error)
		return r
	}
	switch {
	case a.Connect != protocol.OK:
		return fail(attempt.Connecting)
	case tls && a.HTTP.TLS != protocol.OK:
		return fail(attempt.Handshake)
	case a.HTTP.Head != protocol.OK:
		return fail(attempt.Head)
	}
	r.Status, r.Proto, r.Header = a.HTTP.Status, a.HTTP.Proto, http.Header{}
	for _, f := range a.HTTP.Headers {
		r.Header[f[0]] = append(r.Header[f[0]], f[1])
	}
	if r.Text = a.HTTP.Base64; r.Text == nil {
		r.Text = []byte(a.HTTP.Text)
	}
	switch a.HTTP.Body {
	case protocol.OK:
	case protocol.Limit:
		r.Cut = true
	default:
		return fail(attempt.Body)
	}
	return r
}

// Begin implements guestagent.Commander.
func (c *conversation) Begin(env guestagent.Env, command string, inner time.Duration, limit time.Time) guestagent.Pending {
	r := &protocol.AgentRequest{Command: command, TimeoutNs: int64(inner)}
	if limit.Before(guestagent.Far()) {
		r.LimitNs = max(int64(limit.Sub(env.Now())), 1)
	}
	c.ask(protocol.Action{Agent: r})
	return c
}

// Wait implements guestagent.Pending.
func (c *conversation) Wait(e guestagent.Env, until time.Time) (reply []byte, err *guestagent.Error, done bool) {
	task := e.(*env).task //nolint:forcetypeassert // Try makes no other
	limit := sim.Forever
	if until.Before(guestagent.Far()) {
		limit = until.Sub(sim.Epoch)
	}
	a := c.wait(task, limit)
	switch {
	case a == nil:
		return nil, nil, false
	case a.Agent.Code != 0:
		return nil, &guestagent.Error{Code: guestagent.Code(a.Agent.Code), Text: a.Agent.Error}, true
	case a.Agent.Base64 != nil:
		return a.Agent.Base64, nil, true
	}
	return []byte(a.Agent.Text), nil, true
}

// remoteDomain is the domain as the last answer told.
type remoteDomain struct {
	c        *conversation
	name, vm string
	instance int32
}

// look asks for the present state.
func (d *remoteDomain) look(e *env) {
	d.c.ask(protocol.Action{Domain: &protocol.DomainRequest{}})
	d.c.wait(e.task, sim.Forever)
}

// Name implements guestagent.Domain.
func (d *remoteDomain) Name() string { return d.name }

// Status implements guestagent.Domain.
func (d *remoteDomain) Status() guestagent.Status {
	if d.c.answer == nil || d.c.answer.Domain == nil {
		return guestagent.Status{}
	}
	a := d.c.answer.Domain
	s := guestagent.Status{
		Exists: a.Exists, Active: a.Active, Migrating: a.Migrating, ProbesPaused: a.ProbesPaused,
		Reason: guestagent.PauseReason(a.Reason),
	}
	switch a.State {
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
func (d *remoteDomain) PingFailed(message string) {
	d.c.p.actions = append(d.c.p.actions, protocol.Action{
		Do: protocol.TellEvent, VM: d.vm, Instance: d.instance, Reason: "GuestAgentPingFailed", Message: message,
	})
}

// container runs commands through the suite.
type container struct{ e *env }

// Exec implements guestagent.Container.
func (c container) Exec(argv []string, deadline time.Time) (exit int, output []byte, err error) {
	c.e.c.ask(protocol.Action{Exec: &protocol.ExecRequest{Argv: argv, TimeoutNs: c.e.left(deadline)}})
	a := c.e.c.wait(c.e.task, sim.Forever).Exec
	if output = a.Base64; output == nil {
		output = []byte(a.Text)
	}
	switch a.Outcome {
	case protocol.OK:
		return a.Exit, output, nil
	case protocol.Timeout:
		return 0, nil, os.ErrDeadlineExceeded
	default:
		return 0, nil, errors.New(a.Error)
	}
}
