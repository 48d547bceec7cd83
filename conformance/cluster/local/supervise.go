//go:build linux

package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vmprobe/vmprobe/conformance/cluster"
)

// supervisor starts processes and waits for all children of this process, also
// for those that only came to it when their parents died: in the namespaces of
// a node it is process 1.
type supervisor struct {
	dir   string
	mu    sync.Mutex
	some  *sync.Cond
	units map[int]*unit // by process id
	list  []cluster.Component
	ended chan error // the first unit that was to stay and did not
}

// unit is one process.
type unit struct {
	name string
	argv []string
	env  []string
	// short: the process is to end, with exit code 0, and over tells of it.
	short bool
	over  chan error
}

func newSupervisor(dir string) *supervisor {
	s := &supervisor{dir: dir, units: map[int]*unit{}, ended: make(chan error, 1)}
	s.some = sync.NewCond(&s.mu)
	return s
}

// start starts a process that is killed when the calling thread ends: call it
// from a goroutine that is locked to its thread for ever.
func (s *supervisor) start(u *unit) error {
	name := s.log(u.name)
	log, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	u.over = make(chan error, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := os.StartProcess(u.argv[0], u.argv, &os.ProcAttr{
		Dir: s.dir, Env: append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + s.dir}, u.env...),
		Files: []*os.File{null, log, log},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", u.name, err)
	}
	s.units[p.Pid] = u
	s.some.Broadcast()
	if u.short {
		return nil
	}
	s.list = append(s.list, cluster.Component{Name: u.name, PID: p.Pid, Log: name})
	text, err := json.Marshal(s.list)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, "components.json"), text, 0o600)
}

// run starts a short process and waits for its end.
func (s *supervisor) run(name string, argv ...string) error {
	u := &unit{name: name, argv: argv, short: true}
	if err := s.start(u); err != nil {
		return err
	}
	return <-u.over
}

// reap waits for children, for ever.
func (s *supervisor) reap() {
	for {
		s.wait()
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			s.ended <- fmt.Errorf("wait for processes: %w", err)
			return
		}
		s.bury(pid, status)
	}
}

// bury tells of the end of a process.
func (s *supervisor) bury(pid int, status unix.WaitStatus) {
	s.mu.Lock()
	u := s.units[pid]
	delete(s.units, pid)
	s.mu.Unlock()
	switch {
	case u == nil: // an orphan
	case u.short && status.Exited() && status.ExitStatus() == 0:
		u.over <- nil
	default:
		end := fmt.Errorf("%s ended with %s:\n%s", u.name, describe(status), lastLines(s.log(u.name)))
		if u.short {
			u.over <- end
			return
		}
		select {
		case s.ended <- end:
		default:
		}
	}
}

// wait sleeps until there is a child to wait for.
func (s *supervisor) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.units) == 0 {
		s.some.Wait()
	}
}

func (s *supervisor) log(name string) string {
	return filepath.Join(s.dir, "logs", name+".log")
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("signal %d (%s)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}

// lastLines is the end of a log.
func lastLines(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	const most = 8
	return "  " + strings.Join(lines[max(0, len(lines)-most):], "\n  ") + "\n  (" + name + ")"
}

// components reads what a supervisor has written.
func components(dir string) []cluster.Component {
	var list []cluster.Component
	if text, err := os.ReadFile(filepath.Join(dir, "components.json")); err == nil {
		_ = json.Unmarshal(text, &list) // half a file: nothing yet
	}
	return list
}
