package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu/qmp"
)

// Machine is one QEMU process that runs.
type Machine struct {
	// QMP and Control are connected; Net carries the frames of the guest's
	// network card, each behind its length (4 bytes, big-endian).
	QMP     *qmp.Client
	Control *Control
	Net     net.Conn

	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
	events struct {
		sync.Mutex
		fn     func(qmp.Event)
		queued []qmp.Event
	}
}

// launch starts QEMU in a directory and connects to its sockets.
func (l *Lab) launch(ctx context.Context, dir string, args []string) (*Machine, error) {
	listener, err := net.Listen("unix", filepath.Join(dir, netSocket))
	if err != nil {
		return nil, err
	}
	defer func() { _ = listener.Close() }()
	m := &Machine{dir: dir, exited: make(chan struct{})}
	m.cmd = exec.Command(l.qemu, args...)
	log, err := os.Create(filepath.Join(dir, qemuLog))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := l.spawn.start(m.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", l.qemu, err)
	}
	go func() {
		defer close(m.exited)
		_ = m.cmd.Wait() // how it ended is in its log
	}()
	if err := m.connect(ctx, listener); err != nil {
		err = fmt.Errorf("%w%s", err, m.lastWords())
		m.Kill()
		return nil, err
	}
	return m, nil
}

// connect takes QEMU's connections as it makes them.
func (m *Machine) connect(ctx context.Context, listener net.Listener) error {
	conn, err := m.dial(ctx, qmpSocket)
	if err != nil {
		return err
	}
	if m.QMP, err = qmp.New(ctx, conn, m.event); err != nil {
		return err
	}
	if conn, err = m.dial(ctx, controlSocket); err != nil {
		return err
	}
	m.Control = NewControl(conn)
	if end, ok := ctx.Deadline(); ok {
		_ = listener.(*net.UnixListener).SetDeadline(end) //nolint:forcetypeassert // it listens on a unix socket
	}
	m.Net, err = listener.Accept()
	return err
}

// dial connects to a socket of QEMU that may not be there yet.
func (m *Machine) dial(ctx context.Context, name string) (net.Conn, error) {
	for {
		c, err := net.Dial("unix", filepath.Join(m.dir, name))
		if err == nil {
			return c, nil
		}
		select {
		case <-m.exited:
			return nil, errors.New("QEMU has ended")
		case <-ctx.Done():
			return nil, fmt.Errorf("QEMU's socket %s: %w", name, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// lastWords are what QEMU said before it ended.
func (m *Machine) lastWords() string {
	text, _ := os.ReadFile(filepath.Join(m.dir, qemuLog))
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return ""
	}
	return ": " + string(text[max(0, len(text)-500):])
}

// event keeps events until somebody listens.
func (m *Machine) event(e qmp.Event) {
	m.events.Lock()
	fn := m.events.fn
	if fn == nil {
		m.events.queued = append(m.events.queued, e)
	}
	m.events.Unlock()
	if fn != nil {
		fn(e)
	}
}

// Listen hands every event of QEMU to fn, in order. fn must not run commands.
func (m *Machine) Listen(fn func(qmp.Event)) {
	m.events.Lock()
	defer m.events.Unlock()
	for _, e := range m.events.queued {
		fn(e)
	}
	m.events.fn, m.events.queued = fn, nil
}

// AgentOpen tells whether the guest has the agent's port open.
func (m *Machine) AgentOpen(ctx context.Context) (bool, error) {
	data, err := m.QMP.Run(ctx, "query-chardev", nil)
	if err != nil {
		return false, err
	}
	var list []struct {
		Label string `json:"label"`
		Open  bool   `json:"frontend-open"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return false, err
	}
	for _, c := range list {
		if c.Label == agentChardev {
			return c.Open, nil
		}
	}
	return false, fmt.Errorf("QEMU has no chardev %s", agentChardev)
}

// DialAgent connects to the agent's port.
func (m *Machine) DialAgent() (*net.UnixConn, error) {
	c, err := net.Dial("unix", filepath.Join(m.dir, agentSocket))
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil //nolint:forcetypeassert // a unix socket gives nothing else
}

// Pid is QEMU's process id.
func (m *Machine) Pid() int { return m.cmd.Process.Pid }

// Exited is closed when QEMU has ended.
func (m *Machine) Exited() <-chan struct{} { return m.exited }

// Kill ends QEMU as a power cut does, and removes its directory. It may be
// called more than once, and for a QEMU that has ended.
func (m *Machine) Kill() {
	_ = m.cmd.Process.Kill()
	<-m.exited
	for _, c := range []interface{ Close() error }{m.Net, connOf(m.QMP), connOf(m.Control)} {
		if c != nil {
			_ = c.Close()
		}
	}
	os.RemoveAll(m.dir)
}

// closer of a part that may not have been made.
func connOf[T interface {
	*qmp.Client | *Control
	Close() error
}](part T) interface{ Close() error } {
	if part == nil {
		return nil
	}
	return part
}

// Close ends the connection.
func (c *Control) Close() error { return c.conn.Close() }
