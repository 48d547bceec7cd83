package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vmprobe/vmprobe/conformance/wall/rundir"
)

// Supported tells whether this system has what a keeper needs.
const Supported = true

// keeperName is what a keeper is called as a process.
const keeperName = "vmprobe-libvirt-keeper"

// idle is after how many seconds without a client a daemon ends that has lost
// its keeper as well.
const idle = 5

// order is what a keeper has to do, in its argument.
type order struct {
	Dir     string
	Program string
	Who     *owner `json:",omitempty"`
}

// keeper is the command that starts a keeper.
func keeper(self, dir, program string, who *owner) *exec.Cmd {
	text, err := json.Marshal(order{dir, program, who})
	if err != nil { // numbers and strings
		panic(err)
	}
	return &exec.Cmd{
		Path: self, Args: []string{keeperName, string(text)},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // ctrl-C is for the program
	}
}

// Keep makes this process a keeper if it was started as one; then it does not
// return. Every program that calls Start calls it first of all.
func Keep() {
	if len(os.Args) != 2 || os.Args[0] != keeperName {
		return
	}
	var o order
	err := json.Unmarshal([]byte(os.Args[1]), &o)
	if err == nil {
		err = o.keep()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// keep runs the daemon until the program has gone, or the daemon.
func (o *order) keep() error {
	runtime.LockOSThread()
	lock, err := rundir.Hold(o.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of detached processes: %w", err)
	}
	_ = syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{}) // a QEMU that aborts leaves nothing
	pid, err := o.run()
	if err != nil {
		return fmt.Errorf("start %s: %w", o.Program, err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the program
		for {
			if killChildren() == 0 {
				return
			}
		}
	}()
	died := reap(pid)
	defer func() { _ = rundir.Remove(o.Dir) }() // the next sweep takes what is left
	if died == nil {
		return nil
	}
	return fmt.Errorf("%s has ended: %w%s", filepath.Base(o.Program), died, lastWords(filepath.Join(o.Dir, logName)))
}

const logName = "daemon.log"

// run starts the daemon.
func (o *order) run() (pid int, err error) {
	log, err := os.OpenFile(filepath.Join(o.Dir, logName), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	sys := &syscall.SysProcAttr{}
	if o.Who != nil {
		sys.Credential = &syscall.Credential{Uid: o.Who.UID, Gid: o.Who.GID}
	}
	return syscall.ForkExec(o.Program,
		[]string{o.Program, "--timeout", strconv.Itoa(idle), "-f", filepath.Join(o.Dir, "daemon.conf")},
		&syscall.ProcAttr{
			Dir: o.Dir,
			Env: []string{
				"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=" + o.Dir, "TMPDIR=" + o.Dir,
				"XDG_RUNTIME_DIR=" + filepath.Join(o.Dir, "run"), "XDG_CONFIG_HOME=" + filepath.Join(o.Dir, "c"),
				"XDG_CACHE_HOME=" + filepath.Join(o.Dir, "k"), "XDG_DATA_HOME=" + filepath.Join(o.Dir, "d"),
			},
			Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
			Sys:   sys,
		})
}

// reap waits for every process that becomes a child of this one, until none is
// left. It returns how the daemon ended, if that was not by a kill of ours.
func reap(daemon int) (died error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil: // no child is left
			return died
		case pid == daemon && status.Signaled():
			if !leashed() {
				break
			}
			died = fmt.Errorf("signal %v", status.Signal())
			killChildren()
		case pid == daemon:
			died = fmt.Errorf("exit code %d", status.ExitStatus())
			killChildren()
		case died != nil:
			killChildren() // its children are ours now
		}
	}
}

// leashed tells whether the program is there.
func leashed() bool {
	p := []unix.PollFd{{Fd: 0}}
	n, err := unix.Poll(p, 0)
	return err != nil || n == 0
}

// killChildren kills every child, and tells how many there were.
func killChildren() (n int) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	me := strconv.Itoa(os.Getpid())
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(fields) < 2 || fields[1] != me {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			n++
		}
	}
	return n
}

// lastWords is the last line of a log.
func lastWords(name string) string {
	text, _ := os.ReadFile(name)
	text = bytes.TrimSpace(text)
	line := text[bytes.LastIndexByte(text, '\n')+1:]
	if len(line) == 0 {
		return ""
	}
	return "; its last words: " + string(line[:min(len(line), 300)])
}
