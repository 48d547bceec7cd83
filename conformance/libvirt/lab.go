package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/libvirt/daemon"
	"github.com/vmprobe/vmprobe/conformance/libvirt/virt"
	"github.com/vmprobe/vmprobe/conformance/qemu"
	"github.com/vmprobe/vmprobe/conformance/qemu/image"
	"github.com/vmprobe/vmprobe/conformance/qemu/machine"
	"github.com/vmprobe/vmprobe/conformance/wall/rundir"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
)

// lab makes domains. It implements qemu.AgentLab.
type lab struct {
	cfg      Config
	image    *image.Image
	accel    string
	daemon   *daemon.Daemon // nil: the user's own
	conn     virt.Conn
	dir      string      // of the files of domains
	own      *rundir.Dir // that, where there is no daemon of our own
	starting chan struct{}

	mu      sync.Mutex
	last    int
	domains map[string]*domain

	watched func() error // provides the image for VMs with a watchdog, once
}

var (
	_ qemu.AgentLab    = (*lab)(nil)
	_ qemu.WatchdogLab = (*lab)(nil)
)

func newLab(cfg Config, img *image.Image) *lab {
	accel := machine.TCG
	if os.Getenv(machine.AccelVariable) == machine.KVM {
		accel = machine.KVM
	}
	l := &lab{
		cfg: cfg, image: img, accel: accel, domains: map[string]*domain{},
		starting: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	l.watched = sync.OnceValue(func() error {
		i, err := image.FindWatchdog()
		if err != nil {
			return err
		}
		return l.provide(i, watchedPrefix)
	})
	return l
}

// open connects to libvirt and puts the image where it can be read.
func (l *lab) open(ctx context.Context) (err error) {
	uri := l.cfg.URI
	if uri == "" {
		if l.daemon, err = daemon.Start(ctx); err != nil {
			return err
		}
		uri, l.dir = l.daemon.URI(), filepath.Join(l.daemon.Dir, "vm")
	} else {
		if err := here(uri); err != nil {
			return err
		}
		if l.own, err = rundir.New("", "vmprobe-vm-"); err != nil {
			return err
		}
		l.dir = l.own.Path
	}
	// QEMU may be another user.
	if err := os.Chmod(l.dir, 0o755); err != nil {
		return err
	}
	if err := l.provide(l.image, ""); err != nil {
		return err
	}
	if l.conn, err = virt.Open(uri, l.event); err != nil {
		return fmt.Errorf("libvirt: %w", virt.Explain(uri, err))
	}
	go func() {
		<-l.conn.Closed()
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, d := range l.domains {
			d.end()
		}
	}()
	return nil
}

// provide puts an image where QEMU can read it.
func (l *lab) provide(i *image.Image, prefix string) error {
	for name, from := range map[string]string{image.Kernel: i.Kernel(), image.Initrd: i.Initrd()} {
		if err := copyFile(filepath.Join(l.dir, prefix+name), from); err != nil {
			return err
		}
	}
	return nil
}

// here says why a case cannot have its VMs on a user's libvirt: their network
// cards and control ports end in this process.
func here(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		return fmt.Errorf("libvirt: %q is no URI of libvirt: write one such as qemu:///system", uri)
	}
	if driver, _, _ := strings.Cut(u.Scheme, "+"); driver != "qemu" {
		return fmt.Errorf("libvirt: %s: the VMs of a case are QEMUs: write a URI such as qemu:///system", uri)
	}
	if u.Hostname() != "" && u.Hostname() != "localhost" {
		return fmt.Errorf("libvirt: %s: the VMs of a case must run on this machine: run vmprobe on %s", uri, u.Hostname())
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // QEMU may be another user
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// place says where the domains are.
func (l *lab) place() string {
	if l.daemon == nil {
		return l.cfg.URI
	}
	return "a daemon of its own"
}

// Close ends everything.
func (l *lab) Close() error {
	var errs []error
	if l.conn != nil && !l.gone() {
		errs = append(errs, l.conn.Close())
	}
	if l.daemon != nil {
		errs = append(errs, l.daemon.Close())
	}
	if l.own != nil {
		errs = append(errs, l.own.Close())
	}
	return errors.Join(errs...)
}

// gone tells whether the daemon has.
func (l *lab) gone() bool {
	select {
	case <-l.conn.Closed():
		return true
	default:
		return false
	}
}

// lost says that the daemon has gone, and why; nil: it has not.
func (l *lab) lost() error {
	if !l.gone() {
		return nil
	}
	if l.daemon == nil {
		return errors.New("the connection to " + l.cfg.URI + " is lost")
	}
	select {
	case <-l.daemon.Ended():
	case <-time.After(2 * time.Second):
	}
	return errors.New("the daemon has gone: " + l.daemon.Words())
}

// Prepare implements qemu.Lab: every domain boots by itself.
func (l *lab) Prepare(context.Context) error { return nil }

// bootPatience is for TCG on a busy machine.
const bootPatience = 2 * time.Minute

// Start implements qemu.Lab. Few domains start at a time.
func (l *lab) Start(ctx context.Context) (qemu.Machine, error) { return l.begin(ctx, "") }

// watchedPrefix begins the names of the files of the image for VMs with a
// watchdog.
const watchedPrefix = "watchdog-"

// Watchdogs implements qemu.WatchdogLab.
func (l *lab) Watchdogs() error {
	_, err := image.FindWatchdog()
	return err
}

// StartWatched implements qemu.WatchdogLab.
func (l *lab) StartWatched(ctx context.Context, action fakevm.WatchdogAction) (qemu.Machine, error) {
	if err := l.watched(); err != nil {
		return nil, fmt.Errorf("libvirt: %w", err)
	}
	return l.begin(ctx, action)
}

func (l *lab) begin(ctx context.Context, watchdog fakevm.WatchdogAction) (qemu.Machine, error) {
	select {
	case l.starting <- struct{}{}:
		defer func() { <-l.starting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := l.lost(); err != nil {
		return nil, fmt.Errorf("libvirt: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	d, err := l.create(ctx, watchdog)
	if err != nil {
		if lost := l.lost(); lost != nil {
			err = fmt.Errorf("%w; %w", lost, err)
		}
		return nil, fmt.Errorf("libvirt: start a domain: %w", err)
	}
	if err := d.boot(ctx); err != nil {
		err = fmt.Errorf("boot domain %s: %w%s", d.name, err, d.console())
		if lost := l.lost(); lost != nil {
			err = fmt.Errorf("%w; %w", lost, err)
		}
		err = fmt.Errorf("libvirt: %w", err)
		d.Kill()
		return nil, err
	}
	return d, nil
}

// Absent implements qemu.AgentLab.
func (l *lab) Absent() qemu.AgentMachine {
	name := l.prefix() + "0"
	return &domain{lab: l, name: name, Agent: virt.NewAgent(l.connection, name)}
}

func (l *lab) connection() virt.Conn { return l.conn }

// prefix begins the names of domains: short ones where nobody else has any.
func (l *lab) prefix() string {
	if l.daemon != nil {
		return "vp"
	}
	return fmt.Sprintf("vmprobe-%d-", os.Getpid())
}

// register gives a domain its name, so that its events find it.
func (l *lab) register(d *domain) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	d.name = fmt.Sprintf("%s%d", l.prefix(), l.last)
	d.Agent = virt.NewAgent(l.connection, d.name)
	l.domains[d.name] = d
}

func (l *lab) forget(d *domain) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.domains, d.name)
}

// event hands an event to its domain.
func (l *lab) event(e virt.Event) {
	l.mu.Lock()
	d := l.domains[e.Domain]
	l.mu.Unlock()
	if d != nil {
		d.event(e)
	}
}

// boot waits for the guest and lets it have its agent in memory, as a template
// of testbed qemu has.
func (d *domain) boot(ctx context.Context) error {
	if err := d.port.Ready(ctx, d.exited); err != nil {
		return err
	}
	if _, err := d.port.Call(ctx, guestd.Request{Op: guestd.OpAgent}); err != nil {
		return err
	}
	return d.port.Measure(ctx)
}
