package bubble

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// stream is an end of a connection whose calls never wait.
type stream interface {
	io.ReadWriteCloser
	Failed(op string, err error) error
}

// conn is a connection to the simulated world for goroutines of the bubble: any
// number of them, as with a real one.
type conn struct {
	w       *world
	c       *clock
	stream  stream
	tcp     *network.Stream // nil: of the guest agent
	residue time.Duration   // of the instant of the dial
	wake    *sim.Timer
	cond    *sync.Cond
	closed  bool
	read    deadline
	write   deadline
	local   net.Addr
	remote  net.Addr
}

// deadline wakes the waiters when it has come.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// dial connects; ctx ends the wait.
func (w *world) dial(ctx context.Context, proto, address string) (net.Conn, error) {
	switch proto {
	case "tcp", "tcp4":
	default:
		return nil, &net.OpError{Op: "dial", Net: proto, Err: net.UnknownNetworkError(proto)}
	}
	c := w.clock
	c.enter()
	defer c.leave()
	n, actor, err := w.newConn(proto)
	if err != nil {
		return nil, err
	}
	if n.tcp, err = w.g.Host().Open(actor, address, n.changed); err != nil {
		return nil, err
	}
	n.stream = n.tcp
	w.conns[n] = struct{}{}
	stop := context.AfterFunc(ctx, n.nudge)
	defer stop()
	for {
		err := n.tcp.Connected()
		switch {
		case err == nil:
			peer := n.tcp.Conn()
			n.local, n.remote = peer.LocalAddr(), peer.RemoteAddr()
			return n, nil
		case ctx.Err() != nil:
			err = n.stream.Failed("dial", gaveUp(ctx))
		case n.closed || c.over:
			err = n.stream.Failed("dial", net.ErrClosed)
		case errors.Is(err, network.ErrAgain):
			c.wait(n.cond)
			continue
		}
		_ = n.end()
		return nil, err
	}
}

// newConn begins a connection at the present instant.
func (w *world) newConn(proto string) (*conn, sim.Actor, error) {
	c := w.clock
	n := &conn{w: w, c: c, residue: c.k.Now() % Quantum, cond: sync.NewCond(&c.mu)}
	actor, dead := w.actorOf(n.residue)
	if dead || w.refuses() { // a process that was killed dials no more
		return nil, 0, &net.OpError{Op: "dial", Net: proto, Err: net.ErrClosed}
	}
	n.wake = c.k.NewTimer(actor, n.cond.Broadcast)
	return n, actor, nil
}

// dialAgent connects to the port of a guest agent.
func (w *world) dialAgent(ctx context.Context, vm string, instance int32) (net.Conn, error) {
	c := w.clock
	c.enter()
	defer c.leave()
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: gaveUp(ctx)}
	}
	n, _, err := w.newConn("unix")
	if err != nil {
		return nil, err
	}
	port := w.g.AgentPort(vm, instance)
	if port == nil {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.ENOENT)}
	}
	end := port.HostEnd(n.changed)
	n.stream, n.local, n.remote = end, &net.UnixAddr{Net: "unix"}, end.Addr()
	w.conns[n] = struct{}{}
	return n, nil
}

// gaveUp words the end of a context as package net does.
func gaveUp(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return context.Canceled
}

// changed wakes the waiters at an instant of their residue.
func (n *conn) changed() {
	if at := n.c.aligned(n.residue); at > n.c.k.Now() {
		n.c.k.Set(n.wake, at)
		return
	}
	n.cond.Broadcast()
}

// nudge makes the waiters look again.
func (n *conn) nudge() {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	n.cond.Broadcast()
}

// end closes the connection; with the lock held.
func (n *conn) end() error {
	if n.closed {
		return net.ErrClosed
	}
	n.closed = true
	delete(n.w.conns, n)
	for _, d := range [2]*deadline{&n.read, &n.write} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	n.cond.Broadcast()
	if n.c.over {
		return nil
	}
	return n.stream.Close()
}

// Read takes bytes that have arrived, or waits for them.
func (n *conn) Read(b []byte) (int, error) {
	return n.transfer("read", &n.read, b, n.stream.Read)
}

// Write sends b, and waits while the window is full.
func (n *conn) Write(b []byte) (int, error) {
	return n.transfer("write", &n.write, b, n.stream.Write)
}

func (n *conn) transfer(op string, d *deadline, b []byte, do func([]byte) (int, error)) (done int, err error) {
	n.c.enter()
	defer n.c.leave()
	for {
		switch {
		case n.closed || n.c.over || n.c.err != nil:
			return done, n.stream.Failed(op, net.ErrClosed)
		case d.passed():
			return done, n.stream.Failed(op, os.ErrDeadlineExceeded)
		}
		m, err := do(b[done:])
		done += m
		if !errors.Is(err, network.ErrAgain) {
			return done, err
		}
		n.c.wait(n.cond)
	}
}

// Close ends the connection as network.Conn.Close does.
func (n *conn) Close() error {
	n.c.enter()
	defer n.c.leave()
	if err := n.end(); err != nil {
		return n.stream.Failed("close", err)
	}
	return nil
}

// CloseWrite sends FIN.
func (n *conn) CloseWrite() error {
	n.c.enter()
	defer n.c.leave()
	switch {
	case n.closed || n.c.over:
		return n.stream.Failed("close", net.ErrClosed)
	case n.tcp == nil:
		return n.stream.Failed("close", errors.ErrUnsupported)
	}
	return n.tcp.Conn().CloseWrite()
}

// SetLinger is that of a net.TCPConn.
func (n *conn) SetLinger(sec int) error {
	n.c.enter()
	defer n.c.leave()
	if n.tcp == nil {
		return n.stream.Failed("set", errors.ErrUnsupported)
	}
	return n.tcp.Conn().SetLinger(sec)
}

func (n *conn) LocalAddr() net.Addr  { return n.local }
func (n *conn) RemoteAddr() net.Addr { return n.remote }

func (n *conn) SetDeadline(t time.Time) error { return n.set(t, &n.read, &n.write) }

func (n *conn) SetReadDeadline(t time.Time) error { return n.set(t, &n.read) }

func (n *conn) SetWriteDeadline(t time.Time) error { return n.set(t, &n.write) }

func (n *conn) set(t time.Time, list ...*deadline) error {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if n.closed {
		return n.stream.Failed("set", net.ErrClosed)
	}
	for _, d := range list {
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
		if d.at = t; !t.IsZero() {
			d.timer = time.AfterFunc(time.Until(t), n.nudge)
		}
	}
	n.cond.Broadcast()
	return nil
}
