package guestd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// agentBinary is the real guest agent in the image.
const agentBinary = "/usr/sbin/qemu-ga"

// agent runs the real qemu-ga.
type agent struct {
	daemon *daemon
	dir    string // of its log, its state, and of the socket of commands
	states chan wanted
	asked  time.Duration // when the agent read its last guest-exec; 0: its program has begun
	cmd    *exec.Cmd
	over   chan struct{} // closed when cmd has ended
	frozen bool
}

// wanted is a state that the agent has to be in since an instant of the
// machine's clock.
type wanted struct {
	state fakevm.AgentState
	since time.Duration
}

func newAgent(d *daemon, dir string) *agent {
	return &agent{daemon: d, dir: dir, states: make(chan wanted, 1<<10)}
}

// begin serves the agent's log and the commands that it runs.
func (a *agent) begin() error {
	pipe := filepath.Join(a.dir, "agent.log")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return fmt.Errorf("%s: %w", pipe, err)
	}
	log, err := os.OpenFile(pipe, os.O_RDWR, 0) // never at its end
	if err != nil {
		return err
	}
	commands, err := net.Listen("unix", CommandSocket)
	if err != nil {
		return err
	}
	go a.read(log)
	go a.serveCommands(commands)
	go func() {
		for w := range a.states {
			a.follow(w.state)
			a.daemon.thread.Lock()
			a.daemon.thread.tooLate(a.daemon.clock() - w.since)
			a.daemon.thread.Unlock()
		}
	}()
	return nil
}

// keep brings the agent into a state, soon and in order.
func (a *agent) keep(s fakevm.AgentState) { a.states <- wanted{s, a.daemon.clock()} }

func (a *agent) follow(s fakevm.AgentState) {
	var err error
	switch s {
	case fakevm.AgentDown:
		a.stop()
	case fakevm.AgentUp, fakevm.AgentHung:
		if a.cmd == nil {
			err = a.start()
		}
		if err == nil {
			a.opened()
			a.freeze(s == fakevm.AgentHung)
		}
	}
	if err != nil {
		a.daemon.tell(Message{Event: EventSaw, Record: &fakevm.Record{Endpoint: string(fakevm.Agent), Note: "qemu-ga: " + err.Error()}})
	}
	a.daemon.tell(Message{Event: EventAgent})
}

func (a *agent) start() error {
	cmd := exec.Command(agentBinary, "-m", "virtio-serial", "-p", a.daemon.agentPort,
		"-t", a.dir, "-v", "-l", filepath.Join(a.dir, "agent.log"))
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}
	if err := cmd.Start(); err != nil {
		return err
	}
	a.cmd, a.over, a.frozen = cmd, make(chan struct{}), false
	go func() {
		defer close(a.over)
		_ = cmd.Wait() // it is stopped, never ends well
	}()
	return nil
}

// stop ends the agent; one that is frozen cannot end by itself.
func (a *agent) stop() {
	if a.cmd == nil {
		return
	}
	signal := syscall.SIGTERM
	if a.frozen {
		signal = syscall.SIGKILL
	}
	_ = a.cmd.Process.Signal(signal)
	select {
	case <-a.over:
	case <-time.After(time.Second):
		_ = a.cmd.Process.Kill()
		<-a.over
	}
	a.cmd = nil
}

func (a *agent) freeze(on bool) {
	if a.frozen == on {
		return
	}
	signal := syscall.SIGCONT
	if on {
		signal = syscall.SIGSTOP
	}
	a.frozen = on
	_ = a.cmd.Process.Signal(signal)
}

// opened waits until the agent has its port: a hung agent is one that began.
func (a *agent) opened() {
	fds := fmt.Sprintf("/proc/%d/fd", a.cmd.Process.Pid)
	for range 200 {
		list, _ := os.ReadDir(fds)
		for _, e := range list {
			if to, _ := os.Readlink(filepath.Join(fds, e.Name())); to == a.daemon.agentPort {
				return
			}
		}
		select {
		case <-a.over:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// rehearse starts the agent and stops it, so that it is in memory.
func (a *agent) rehearse() error {
	if a.daemon.guest != nil {
		return errors.New("agent: the guest has booted")
	}
	if err := a.start(); err != nil {
		return err
	}
	a.opened()
	a.stop()
	return nil
}

// executes finds the name of a command in the agent's log.
func executes() *regexp.Regexp { return regexp.MustCompile(`"execute"\s*:\s*"([^"]*)"`) }

// read tells the guest of each command that the agent has read.
func (a *agent) read(log io.Reader) {
	name := executes()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), "read data") {
			continue
		}
		for _, m := range name.FindAllStringSubmatch(lines.Text(), -1) {
			a.daemon.thread.Lock()
			if a.daemon.guest != nil {
				a.daemon.guest.AgentSaw(m[1])
			}
			if m[1] == "guest-exec" {
				a.asked = a.daemon.clock()
			}
			a.daemon.thread.Unlock()
		}
	}
}

// CommandSocket is where a program that the real agent started asks what it
// has to do.
const CommandSocket = "/run/vmprobe.sock"

func (a *agent) serveCommands(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go a.command(c)
	}
}

func (a *agent) command(c net.Conn) {
	defer func() { _ = c.Close() }()
	var argv []string
	if json.NewDecoder(c).Decode(&argv) != nil || len(argv) == 0 {
		return
	}
	a.daemon.thread.Lock()
	if a.asked > 0 {
		a.daemon.thread.tooLate(a.daemon.clock() - a.asked)
		a.asked = 0
	}
	a.daemon.thread.Unlock()
	_ = json.NewEncoder(c).Encode(a.daemon.run(argv)) // a command that hangs waits here
}

// install makes the programs that probes run: links to this one.
func (a *agent) install(commands []string) error {
	for _, name := range commands {
		path := name
		if !strings.Contains(name, "/") {
			path = "/usr/bin/" + name
		}
		if _, err := os.Lstat(path); err == nil || !filepath.IsAbs(path) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("/init", path); err != nil {
			return err
		}
	}
	return nil
}

// RunAsCommand is what a program does that the real agent started.
func RunAsCommand(argv []string, stdout io.Writer) (exit int) {
	return RunCommandAt(CommandSocket, argv, stdout)
}

// RunCommandAt is RunAsCommand where the script answers at another socket.
func RunCommandAt(socket string, argv []string, stdout io.Writer) (exit int) {
	const failed = 126
	c, err := net.Dial("unix", socket)
	if err != nil {
		return failed
	}
	defer func() { _ = c.Close() }()
	var o Outcome
	if json.NewEncoder(c).Encode(argv) != nil || json.NewDecoder(c).Decode(&o) != nil || o.Missing {
		return failed
	}
	if _, err := stdout.Write(o.Output); err != nil {
		return failed
	}
	if o.Signal != 0 {
		_ = syscall.Kill(os.Getpid(), syscall.Signal(o.Signal))
		time.Sleep(time.Second)
	}
	return int(o.Exit)
}
