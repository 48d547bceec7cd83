package kernel

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
)

// Env is the world of a try or a worker. It is valid until that returns.
type Env struct {
	// Address is the IP address of the pod, Profile the dialect of the case.
	Address string
	Profile *probes.Profile

	run      *runner
	task     *sim.Task
	life     *life // nil: of a try
	vm       string
	instance int32
}

var _ http.RoundTripper = (*Env)(nil)

// Now is the present instant; the clock of all deadlines.
func (e *Env) Now() time.Time { return sim.Epoch.Add(e.task.Now()) }

// Sleep waits for so long, or until the deadline of ctx, or the end of the
// container of a worker.
func (e *Env) Sleep(ctx context.Context, d time.Duration) error {
	until, cut := e.Now().Add(max(d, 0)), false
	if by, ok := ctx.Deadline(); ok && by.Before(until) {
		until, cut = by, true
	}
	if e.life == nil {
		e.run.wait(func() { e.task.SleepUntil(until.Sub(sim.Epoch)) })
	} else if err := e.nap(until.Sub(sim.Epoch)); err != nil {
		return err
	}
	if cut {
		return context.DeadlineExceeded
	}
	return nil
}

// nap is a sleep that ends with the container.
func (e *Env) nap(until time.Duration) error {
	if e.life.ended {
		return context.Canceled
	}
	e.life.sleeping = e.task
	defer func() { e.life.sleeping = nil }()
	e.run.wait(func() { e.task.Park(until) })
	return e.life.Err()
}

// WithTimeout is context.WithTimeout in virtual time: the deadline of dials,
// round trips and sleeps. Nothing has to be cancelled.
func (e *Env) WithTimeout(ctx context.Context, d time.Duration) context.Context {
	at := e.Now().Add(d)
	if by, ok := ctx.Deadline(); ok && by.Before(at) {
		at = by
	}
	return deadline{ctx, e, at}
}

// DialAgent connects to the port of the guest agent, as door.Probe.DialAgent
// does.
func (e *Env) DialAgent(ctx context.Context) (net.Conn, error) { return e.dialAgent(ctx, e.instance) }

func (e *Env) dialAgent(ctx context.Context, instance int32) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: err}
	}
	port := e.run.g.AgentPort(e.vm, instance)
	if port == nil {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.ENOENT)}
	}
	return waiting{port.Conn(e.task), e.run}, nil
}

// DialContext connects to "address:port" on the simulated network.
func (e *Env) DialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	if network != "tcp" && network != "tcp4" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	by := sim.Forever
	if t, ok := ctx.Deadline(); ok {
		by = t.Sub(sim.Epoch)
	}
	e.run.wait(func() { conn, err = e.run.g.Host().Dial(e.task, address, by) })
	if err != nil {
		return nil, err
	}
	return waiting{conn, e.run}, nil
}

// waiting is a connection whose waits are no work of the try.
type waiting struct {
	net.Conn
	run *runner
}

func (w waiting) Read(b []byte) (n int, err error) {
	w.run.wait(func() { n, err = w.Conn.Read(b) })
	return n, err
}

func (w waiting) Write(b []byte) (n int, err error) {
	w.run.wait(func() { n, err = w.Conn.Write(b) })
	return n, err
}

// RoundTrip implements http.RoundTripper: HTTP/1.1 on a connection of its own,
// without verification of certificates, up to the deadline of the request's
// context.
func (e *Env) RoundTrip(req *http.Request) (*http.Response, error) {
	port := req.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[req.URL.Scheme]
	}
	ctx := req.Context()
	conn, err := e.DialContext(ctx, "tcp", net.JoinHostPort(req.URL.Hostname(), port))
	if err != nil {
		return nil, err
	}
	if by, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(by); err != nil {
			return nil, err
		}
	}
	resp, err := exchange(e.secure(conn, req), req)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	resp.Body = body{resp.Body, conn}
	return resp, nil
}

func (e *Env) secure(conn net.Conn, req *http.Request) net.Conn {
	if req.URL.Scheme != "https" {
		return conn
	}
	return tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // probes verify nothing (HTTP-TLS-NOVERIFY)
		ServerName:         req.URL.Hostname(), Time: e.Now,
	})
}

func exchange(conn net.Conn, req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Close = true
	if err := out.Write(conn); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(in, req)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// body closes the connection with the body.
type body struct {
	io.ReadCloser
	conn net.Conn
}

func (b body) Close() error {
	err := b.ReadCloser.Close()
	_ = b.conn.Close()
	return err
}

// deadline is a context that ends in virtual time. It wakes nobody: its Done
// is nil.
type deadline struct {
	context.Context
	e  *Env
	at time.Time
}

func (d deadline) Deadline() (time.Time, bool) { return d.at, true }

func (d deadline) Err() error {
	if d.e.Now().Before(d.at) {
		return d.Context.Err()
	}
	return context.DeadlineExceeded
}
