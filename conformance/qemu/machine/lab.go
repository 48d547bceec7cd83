// Package machine starts QEMU virtual machines: a template is booted once and
// kept on disk, and every machine begins where the template stood, in a
// fraction of a second.
//
//	lab.go        where machines are made
//	template.go   the template
//	accel.go      KVM or TCG
//	machine.go    one QEMU
//	control.go    the guest's control port
//	arguments.go  QEMU's command line
package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
	"github.com/vmprobe/vmprobe/conformance/wall/rundir"
)

// binary is the QEMU that can run the image.
const binary = "qemu-system-x86_64"

// dirPrefix is how the directories of labs are called, in that for temporary
// files. What a killed lab leaves is removed by the next one.
const dirPrefix = "vmprobe-qemu-"

// Lab makes machines. It is safe for concurrent use.
type Lab struct {
	qemu    string
	version string
	image   *image.Image
	cache   string
	dir     string // of the sockets of machines; short
	run     *rundir.Dir
	spawn   spawner
	kvm     kvm
	say     func(string) // notes for the user

	once     sync.Once
	template *template
	failed   error
	starting chan struct{} // a token for each machine that is being started
}

// ErrMissing says that something has to be installed first; the text says what.
var ErrMissing = errors.New("the QEMU testbed is not there")

// NewLab looks for QEMU and for the guest image. say gets notes for the user.
func NewLab(say func(string)) (*Lab, error) {
	if !Supported {
		return nil, fmt.Errorf("%w: QEMU VMs run on Linux only", ErrMissing)
	}
	if err := checkAccel(); err != nil {
		return nil, err
	}
	path, err := exec.LookPath(binary)
	if err != nil {
		return nil, fmt.Errorf("%w: no %s on the path; install it (Debian: apt-get install --no-install-recommends qemu-system-x86)", ErrMissing, binary)
	}
	img, err := image.Find()
	if errors.Is(err, image.ErrNone) {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err != nil {
		return nil, err
	}
	cache, err := image.Cache()
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", path, err)
	}
	version, _, _ := strings.Cut(string(out), "\n")
	run, err := rundir.New("", dirPrefix)
	if err != nil {
		return nil, err
	}
	if err := run.Fits(filepath.Join("1234567890", controlSocket)); err != nil {
		return nil, errors.Join(err, run.Close())
	}
	return &Lab{
		qemu: path, version: version, image: img, cache: cache, dir: run.Path, run: run, say: say, kvm: realKVM(),
		starting: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}, nil
}

// Close removes the sockets; every machine has to be killed before.
func (l *Lab) Close() error {
	l.spawn.close()
	return l.run.Close()
}

// Prepare makes the template if there is none. It is called by Start, too.
func (l *Lab) Prepare(ctx context.Context) error {
	l.once.Do(func() { l.template, l.failed = l.makeTemplate(ctx) })
	return l.failed
}

// Start starts a machine from the template. Few start at a time.
func (l *Lab) Start(ctx context.Context) (*Machine, error) {
	if err := l.Prepare(ctx); err != nil {
		return nil, err
	}
	select {
	case l.starting <- struct{}{}:
		defer func() { <-l.starting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	dir, err := os.MkdirTemp(l.dir, "")
	if err != nil {
		return nil, err
	}
	m, err := l.clone(ctx, dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("start a VM: %w", err)
	}
	return m, nil
}

// discard is where messages of QEMUs go that are not waited for.
func discard(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
