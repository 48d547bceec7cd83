package machine

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// spawner starts processes that die with this one, however it ends. The kernel
// sends the signal when the thread that forked ends, so one thread forks them
// all, and lives as long as the process.
type spawner struct {
	once sync.Once
	work chan func()
}

func (s *spawner) start(cmd *exec.Cmd) error {
	s.once.Do(func() {
		s.work = make(chan func())
		go func() {
			runtime.LockOSThread()
			for fn := range s.work {
				fn()
			}
		}()
	})
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	s.work <- func() { started <- cmd.Start() }
	return <-started
}

// close lets the thread go; every process has to be over.
func (s *spawner) close() {
	s.once.Do(func() { s.work = make(chan func()) })
	close(s.work)
}

// Supported tells whether this system can keep QEMUs from outliving it.
const Supported = true
