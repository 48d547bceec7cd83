// Package daemon runs a libvirt daemon of its own: a session daemon without
// privileges, in a directory of its own, that is gone without a trace when the
// program ends, however it ends.
//
// Between program and daemon stands a keeper: this program again, started under
// another name. QEMUs detach themselves from the daemon and become its
// children; it reaps them, without which libvirt takes each for alive and waits
// for seconds. When the program has gone the keeper kills what is left and
// removes the directory. It cannot be the program itself: one that reaps
// everything takes the children of others.
//
//	daemon.go        the program's side
//	keeper_linux.go  the keeper
package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/wall/rundir"
)

// ErrMissing says that something has to be installed first; the text says what.
var ErrMissing = errors.New("the libvirt testbed is not there")

// dirPrefix is how the directories of daemons are called. It is short: libvirt
// puts sockets deep below.
const dirPrefix = "vp-lv-"

// longest is how long the path of the directory may be: a socket has 107 bytes.
const longest = 34

// patience is how long a daemon may take to answer.
const patience = 20 * time.Second

// Daemon is a libvirt daemon that runs.
type Daemon struct {
	// Dir is where VMs may have their files; daemon and VMs can write there.
	Dir string

	cmd   *exec.Cmd
	leash io.WriteCloser // the keeper lives as long as it is open
	ended chan struct{}
	words bytes.Buffer // of the keeper, when ended
	once  sync.Once
}

// Sweep removes the directories whose keepers were killed: their daemons have
// ended by themselves, or are about to.
func Sweep() { rundir.Sweep(filepath.Join(os.TempDir(), dirPrefix+"*")) }

// Start starts a daemon as an ordinary user: as nobody, when the caller is
// root.
func Start(ctx context.Context) (*Daemon, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	Sweep()
	dir, err := os.MkdirTemp("", dirPrefix)
	if err != nil {
		return nil, err
	}
	d := &Daemon{Dir: dir, ended: make(chan struct{})}
	if err := d.start(ctx, program, who); err != nil {
		_ = d.Close()
		os.RemoveAll(dir)
		return nil, fmt.Errorf("libvirt: %w", err)
	}
	return d, nil
}

// daemons are the programs that can be it. The first one is that of all
// drivers.
func daemons() []string { return []string{"libvirtd", "virtqemud"} }

func find() (string, error) {
	if !Supported {
		return "", fmt.Errorf("%w: it runs on Linux only", ErrMissing)
	}
	for _, name := range daemons() {
		for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%w: neither %s is on the path; install it (Debian: apt-get install --no-install-recommends libvirt-daemon libvirt-daemon-driver-qemu qemu-system-x86)",
		ErrMissing, strings.Join(daemons(), " nor "))
}

// owner is a user whom a process runs as.
type owner struct{ UID, GID uint32 }

// unprivileged is who the daemon is; nil: the caller.
func unprivileged() (*owner, error) {
	if os.Getuid() != 0 {
		if _, err := user.LookupId(strconv.Itoa(os.Getuid())); err != nil {
			return nil, fmt.Errorf("libvirt starts no VM for a user without an entry in /etc/passwd: %w", err)
		}
		return nil, nil //nolint:nilnil // the caller is the one
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("libvirt: as root the daemon runs as nobody: %w", err)
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &owner{uint32(uid), uint32(gid)}, nil
}

// start lays the files out and starts the keeper.
func (d *Daemon) start(ctx context.Context, program string, who *owner) error {
	if len(d.Dir) > longest {
		return fmt.Errorf("%s is too long for sockets: set TMPDIR to a path of at most %d characters", d.Dir, longest-len(dirPrefix)-11)
	}
	if err := layOut(d.Dir, who); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	d.cmd = keeper(self, d.Dir, program, who)
	d.cmd.Stdout, d.cmd.Stderr = &d.words, &d.words
	if d.leash, err = d.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait() // how it ended is in its words
	}()
	return d.await(ctx)
}

// daemonConf is the configuration of the daemon. Calls to agents that do not
// answer wait in it, each with a worker of its own: with the five requests of a
// client that are its default, six of them would stop everything else.
const daemonConf = `log_outputs = "3:stderr"
max_client_requests = 1000
max_workers = 200
`

// layOut makes the directories and the configuration.
func layOut(dir string, who *owner) error {
	for _, name := range []string{"c/libvirt", "run", "vm"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"c/libvirt/qemu.conf": "stdio_handler = \"file\"\nsecurity_driver = \"none\"\n",
		"daemon.conf":         daemonConf,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if who == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(who.UID), int(who.GID))
	})
}

// socket is the daemon's, by the name of its program.
func (d *Daemon) socket(program string) string {
	name := "libvirt-sock"
	if program != daemons()[0] {
		name = program + "-sock"
	}
	return filepath.Join(d.Dir, "run", "libvirt", name)
}

// await waits for the socket.
func (d *Daemon) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if d.URI() != "" {
			return nil
		}
		select {
		case <-d.ended:
			return errors.New(d.Words())
		case <-ctx.Done():
			return fmt.Errorf("the daemon does not answer: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// URI is the address of the daemon for libvirt's clients; empty while it does
// not answer.
func (d *Daemon) URI() string {
	for _, program := range daemons() {
		path := d.socket(program)
		if c, err := net.Dial("unix", path); err == nil {
			_ = c.Close()
			return "qemu+unix:///session?socket=" + path
		}
	}
	return ""
}

// Pids is the process of the daemon, as its own file tells; empty while it does
// not.
func (d *Daemon) Pids() []int {
	for _, program := range daemons() {
		text, err := os.ReadFile(filepath.Join(d.Dir, "run", "libvirt", program+".pid"))
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && pid > 1 {
			return []int{pid}
		}
	}
	return nil
}

// Ended is closed when the daemon has ended, and all of its VMs.
func (d *Daemon) Ended() <-chan struct{} { return d.ended }

// Words are what the keeper said about the end of the daemon; empty while it
// runs.
func (d *Daemon) Words() string {
	select {
	case <-d.ended:
		return strings.TrimSpace(d.words.String())
	default:
		return ""
	}
}

// Close ends the daemon and every VM of it, and removes its files. It may be
// called more than once.
func (d *Daemon) Close() error {
	d.once.Do(func() {
		if d.leash == nil {
			return
		}
		_ = d.leash.Close()
		if d.cmd.Process != nil {
			<-d.ended
		}
	})
	return rundir.Remove(d.Dir)
}
