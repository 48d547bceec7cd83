package libvirt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/conformance/qemu/machine"
	"github.com/vmprobe/vmprobe/conformance/qemu/qmp"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// domain is one domain. It implements qemu.AgentMachine.
type domain struct {
	*virt.Agent
	lab    *lab
	name   string
	dir    string
	lib    virt.Domain
	port   *machine.Control
	frames net.Conn
	watch  fakevm.WatchdogAction // of its watchdog; empty: it has none
	exited chan struct{}
	ended  sync.Once
	killed sync.Once

	mu     sync.Mutex
	fn     func(qmp.Event)
	queued []qmp.Event
	pid    int // of a QEMU that is stopped behind libvirt's back
}

// create starts a domain and connects to it.
func (l *lab) create(ctx context.Context, watchdog fakevm.WatchdogAction) (*domain, error) {
	d := &domain{lab: l, watch: watchdog, exited: make(chan struct{})}
	l.register(d)
	err := d.create(ctx)
	if err != nil {
		err = fmt.Errorf("%w%s", err, d.console())
		d.Kill()
		return nil, err
	}
	return d, nil
}

func (d *domain) create(ctx context.Context) (err error) {
	d.dir = filepath.Join(d.lab.dir, d.name)
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(d.dir, 0o777); err != nil { //nolint:gosec // QEMU, which makes a socket in it, may be another user
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	text, err := d.describe(listener.Addr().(*net.TCPAddr).Port) //nolint:forcetypeassert // it listens on TCP
	if err != nil {
		return err
	}
	if d.lib, err = d.lab.conn.Create(text); err != nil {
		return err
	}
	end, _ := ctx.Deadline()
	_ = listener.(*net.TCPListener).SetDeadline(end) //nolint:forcetypeassert // it listens on TCP
	if d.frames, err = listener.Accept(); err != nil {
		return err
	}
	conn, err := net.Dial("unix", d.control())
	if err != nil {
		return err
	}
	d.port = machine.NewControl(conn)
	return nil
}

func (d *domain) control() string { return filepath.Join(d.dir, "ctl") }
func (d *domain) serial() string  { return filepath.Join(d.dir, "serial") }

// console is the end of what the guest's kernel said.
func (d *domain) console() string {
	text, _ := os.ReadFile(d.serial())
	if text = text[max(0, len(text)-500):]; len(text) == 0 {
		return ""
	}
	return "; its console says: " + strings.TrimSpace(string(text))
}

// Port implements qemu.Machine.
func (d *domain) Port() *machine.Control { return d.port }

// Frames implements qemu.Machine.
func (d *domain) Frames() net.Conn { return d.frames }

// PowerButton implements qemu.Machine. Libvirt does not press that of a domain
// that is paused; it says so to KubeVirt's launcher, too, which goes on.
func (d *domain) PowerButton(context.Context) error {
	err := d.lib.PowerButton()
	if err != nil {
		if state, _, unknown := d.lib.State(); unknown == nil && state == guestagent.Paused {
			return nil
		}
	}
	return err
}

// Halt implements qemu.Machine: a guest that hangs is a QEMU that stands still,
// of which libvirt knows nothing.
func (d *domain) Halt(_ context.Context, hung bool) error {
	if !hung {
		return d.lib.Suspend()
	}
	if d.lab.daemon == nil {
		return errors.New("the process of a domain is out of reach")
	}
	pid, err := d.process()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pid = pid
	return syscall.Kill(pid, syscall.SIGSTOP)
}

// process is the QEMU of a domain at a daemon of our own.
func (d *domain) process() (int, error) {
	text, err := os.ReadFile(filepath.Join(d.lab.daemon.Dir, "run/libvirt/qemu/run", d.name+".pid"))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("libvirt's file for the process of %s holds %q", d.name, text)
	}
	return pid, nil
}

// Pids implements qemu.Machine.
func (d *domain) Pids() []int {
	if d.lab.daemon == nil {
		return nil
	}
	list := d.lab.daemon.Pids()
	if pid, err := d.process(); err == nil { // otherwise it has just ended
		list = append(list, pid)
	}
	return list
}

// GoOn implements qemu.Machine.
func (d *domain) GoOn(context.Context) error {
	if d.wake() {
		return nil
	}
	return d.lib.Resume()
}

// wake lets a QEMU go on that was stopped.
func (d *domain) wake() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pid == 0 {
		return false
	}
	_ = syscall.Kill(d.pid, syscall.SIGCONT)
	d.pid = 0
	return true
}

// Listen implements qemu.Machine.
func (d *domain) Listen(fn func(qmp.Event)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.queued {
		fn(e)
	}
	d.fn, d.queued = fn, nil
}

// event takes what libvirt tells, and tells it in QEMU's words. A guest that
// panics is told of as one that shuts itself down, too, in any order: what it
// was is known when the domain has stopped.
func (d *domain) event(e virt.Event) {
	if e.Kind == virt.Watchdog {
		d.tell(qmp.Event{Name: "WATCHDOG", Data: json.RawMessage(`{"action":"` + virt.WatchdogAction(e.Code) + `"}`)})
	}
	if e.Kind != virt.Lifecycle {
		return
	}
	switch {
	case e.Code == virt.Crashed, e.Code == virt.Stopped && e.Detail == virt.AfterCrash:
		d.tell(qmp.Event{Name: "GUEST_PANICKED"})
	case e.Code == virt.Stopped && e.Detail == virt.AfterShutdown:
		d.tell(qmp.Event{Name: "SHUTDOWN", Data: json.RawMessage(`{"reason":"guest-shutdown"}`)})
	}
	if e.Code == virt.Stopped {
		d.end()
	}
}

func (d *domain) tell(e qmp.Event) {
	d.mu.Lock()
	fn := d.fn
	if fn == nil {
		d.queued = append(d.queued, e)
	}
	d.mu.Unlock()
	if fn != nil {
		fn(e)
	}
}

func (d *domain) end() { d.ended.Do(func() { close(d.exited) }) }

// Exited implements qemu.Machine.
func (d *domain) Exited() <-chan struct{} { return d.exited }

// patience is how long a domain may take to end: libvirt waits ten seconds
// before it kills.
const patience = 15 * time.Second

// Kill implements qemu.Machine.
func (d *domain) Kill() {
	d.killed.Do(func() {
		d.wake()
		if d.lib != nil {
			if err := d.lib.Destroy(); err == nil {
				select {
				case <-d.exited:
				case <-time.After(patience):
				}
			}
			d.lib.Close()
		}
		d.end()
		d.lab.forget(d)
		if d.frames != nil {
			_ = d.frames.Close()
		}
		if d.port != nil {
			_ = d.port.Close()
		}
		os.RemoveAll(d.dir)
	})
	<-d.exited
}

// String implements qemu.Machine.
func (d *domain) String() string {
	if err := d.lab.lost(); err != nil {
		return fmt.Sprintf("libvirt: %v; domain %s", err, d.name)
	}
	return "libvirt's domain " + d.name
}
