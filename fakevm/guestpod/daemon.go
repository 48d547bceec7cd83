package guestpod

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
)

// Exit codes of the container.
const (
	exitClean   = 0
	exitCrash   = 1
	exitTrouble = 125
)

// Main is the life of the container. It returns the exit code of its process.
// term delivers SIGTERM.
func Main(env func(string) string, out io.Writer, term <-chan os.Signal) (exit int) {
	d, err := begin(env, out)
	if err != nil {
		t := guestlog.Teller{Out: out, Container: 1, Now: func() time.Duration { return 0 }, Wall: time.Now}
		t.Tell(guestlog.Report{Event: guestlog.EventTrouble, Note: err.Error()})
		return exitTrouble
	}
	defer d.host.Close()
	defer d.commands.Close() //nolint:errcheck // the process ends
	for {
		select {
		case <-term:
			d.host.Do(func() {
				d.Tell(guestlog.Report{Event: guestlog.EventTerm})
				d.guest.PowerButton()
			})
		case code := <-d.ended:
			return code
		}
	}
}

// daemon is one container. It is a fakevm.Power.
type daemon struct {
	guestlog.Teller
	settings
	state    state
	host     *oshost.Host
	guest    *fakevm.Guest
	commands net.Listener
	ended    chan int
}

var _ fakevm.Power = (*daemon)(nil)

// begin reads the environment, makes the guest and lets it boot.
func begin(env func(string) string, out io.Writer) (*daemon, error) {
	s, err := read(env)
	if err != nil {
		return nil, err
	}
	d := &daemon{settings: s, ended: make(chan int, 4)}
	if d.state, err = loadState(s.dir); err != nil {
		return nil, err
	}
	d.state.Containers++
	now := time.Now()
	if d.state.Start.IsZero() {
		d.state.Start = now
	}
	if err := d.state.save(s.dir); err != nil {
		return nil, err
	}
	// The monotonic clock runs on from what the wall clock says has passed.
	thread := oshost.NewThread(now.Add(-now.Round(0).Sub(d.state.Start.Round(0))))
	d.Teller = guestlog.Teller{Out: out, Container: d.state.Containers, Now: thread.Now, Wall: time.Now}
	agent := filepath.Join(s.dir, "agent") // nobody listens to it
	_ = os.Remove(agent)
	d.host = oshost.New(oshost.Config{Address: s.address, Thread: thread, Log: d.log, AgentSocket: agent, Dallied: d.dallied})
	d.host.Do(func() { err = d.make() })
	if err != nil {
		return nil, err
	}
	go d.watch()
	return d, nil
}

// make makes the guest, which boots now or after its delay.
func (d *daemon) make() error {
	d.Tell(guestlog.Report{Event: guestlog.EventHello})
	guest, err := fakevm.New(d.host, d.Program, fakevm.Options{
		EveryBoot: d.EveryBoot, Power: d,
		OnBoot: func(int) { d.Tell(guestlog.Report{Event: guestlog.EventBoot}) },
		OnStep: func(endpoint, as string) {
			d.Tell(guestlog.Report{Event: guestlog.EventStep, Endpoint: endpoint, As: as})
		},
	})
	if err != nil {
		return err
	}
	d.guest = guest
	guest.Restore(d.state.Progress)
	if err := d.serveCommands(); err != nil {
		return err
	}
	boot := func() { guest.Boot(max(d.Now(), 0)) }
	if d.Delay > 0 {
		d.host.At(d.Now()+d.Delay, boot)
	} else {
		boot()
	}
	return nil
}

func (d *daemon) log(r fakevm.Record) {
	d.Tell(guestlog.Saw(r))
	if d.guest == nil || r.Did == nil {
		return
	}
	d.state.Progress = d.guest.Progress()
	if err := d.state.save(d.dir); err != nil {
		d.Tell(guestlog.Report{Event: guestlog.EventTrouble, Note: err.Error()})
	}
}

// beat is how long the watchman sleeps.
const beat = 100 * time.Millisecond

// watch tells when the container was not let run: its answers say nothing
// about a prober then.
func (d *daemon) watch() {
	for {
		began := time.Now()
		time.Sleep(beat)
		if late := time.Since(began) - beat; late > beat {
			d.host.Do(func() { d.Tell(guestlog.Report{Event: guestlog.EventLate, Late: late}) })
		}
	}
}

// dallied tells of a kubelet that had no processor either.
func (d *daemon) dallied(by time.Duration) {
	if by > beat {
		d.Tell(guestlog.Report{Event: guestlog.EventLate, Late: by})
	}
}

// serveCommands makes the programs that probes run, and answers them.
func (d *daemon) serveCommands() error {
	socket := filepath.Join(d.dir, "commands")
	_ = os.Remove(socket) // of the container before
	l, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("commands: %w", err)
	}
	d.commands = l
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.command(c)
		}
	}()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("commands: %w", err)
	}
	for _, name := range d.Commands {
		if err := install(self, name); err != nil {
			return fmt.Errorf("command %s: %w", name, err)
		}
	}
	return nil
}

func (d *daemon) command(c net.Conn) {
	defer c.Close() //nolint:errcheck // the command is gone
	var argv []string
	if json.NewDecoder(c).Decode(&argv) != nil || len(argv) == 0 {
		return
	}
	ended := make(chan guestd.Outcome, 1)
	d.host.Do(func() {
		d.guest.RunCommand(argv, func(exit int64, signal int, out []byte, err error) {
			ended <- guestd.Outcome{Exit: exit, Signal: signal, Output: out, Missing: err != nil}
		})
	})
	_ = json.NewEncoder(c).Encode(<-ended) // a command that hangs waits here
}

// install makes a link to this program under the name of a command. What is
// in the image already stays.
func install(self, name string) error {
	path := name
	if !strings.Contains(name, "/") {
		path = "/usr/bin/" + name
	}
	if _, err := os.Lstat(path); err == nil || !filepath.IsAbs(path) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // anybody may run it
		return err
	}
	return os.Symlink(self, path)
}

// RunAsCommand is what the program does as a command that a probe runs.
func RunAsCommand(env func(string) string, argv []string, stdout io.Writer) (exit int) {
	dir := env(StateVariable)
	if dir == "" {
		dir = StateDirectory
	}
	return guestd.RunCommandAt(filepath.Join(dir, "commands"), argv, stdout)
}

func (d *daemon) power(what string) { d.Tell(guestlog.Report{Event: guestlog.EventPower, Power: what}) }

// flush is how long the last packets of a container have that ends.
const flush = 30 * time.Millisecond

func (d *daemon) end(code int) {
	time.AfterFunc(flush, func() { d.ended <- code })
}

// Crashed implements fakevm.Power, as the methods below do: the process ends.
func (d *daemon) Crashed() {
	d.power("crashed")
	d.ended <- exitCrash
}

// PoweredOff ends the process in order.
func (d *daemon) PoweredOff() {
	d.power("poweroff")
	d.end(exitClean)
}

// Rebooted leaves the container alone: the guest boots in it again.
func (d *daemon) Rebooted() { d.power("rebooting") }

// Hung means that nothing answers any more.
func (d *daemon) Hung() { d.power("hung") }

// Suspended is like Hung.
func (d *daemon) Suspended() { d.power("suspended") }

// WatchdogExpired comes before what it does; a pod's guest has no such device.
func (d *daemon) WatchdogExpired(fakevm.WatchdogAction) { d.power("watchdog") }

// Resumed ends both.
func (d *daemon) Resumed() { d.power("resumed") }
