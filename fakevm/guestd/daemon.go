package guestd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
)

// machine is what the daemon does to the VM that it runs in.
type machine interface {
	// Network gives the VM its address, of a /24.
	Network(address string) error
	// Crash ends the kernel in a panic; PowerOff and Reset are orderly.
	Crash()
	PowerOff()
	Reset()
	// Hang stops everything but the devices, for good. Mute comes before: nobody
	// is told of a panic any more.
	Hang()
	Mute() error
	// FeedWatchdog opens the watchdog's device and feeds it; off: once more, and
	// then no more.
	FeedWatchdog(on bool, timeout time.Duration) error
}

// daemon answers the host.
type daemon struct {
	machine   machine
	thread    *thread
	clock     func() time.Duration
	out       chan Message
	agentPort string // device
	agent     *agent
	ground    *ground // nil before the guest boots
	guest     *fakevm.Guest
	// alone: no host stops the processors of a guest that hangs.
	alone bool
}

func newDaemon(m machine, agentPort string) *daemon {
	start := time.Now()
	d := &daemon{machine: m, agentPort: agentPort, out: make(chan Message, 1<<12)}
	d.clock = func() time.Duration { return time.Since(start) }
	d.thread = newThread(d.clock)
	return d
}

// tell queues an event. The order of messages is that of the calls.
func (d *daemon) tell(m Message) {
	m.Clock = d.clock()
	d.out <- m
}

// serve answers requests until the port breaks.
func (d *daemon) serve(port io.ReadWriter) error {
	failed := make(chan error, 1)
	go func() {
		e := json.NewEncoder(port)
		for m := range d.out {
			if err := e.Encode(m); err != nil {
				failed <- err
				return
			}
		}
	}()
	d.tell(Message{Event: EventReady})
	lines := bufio.NewScanner(port)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r Request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			d.tell(Message{ID: -1, Error: "no request: " + err.Error()})
			continue
		}
		if r.Op == OpRun && d.guest != nil {
			go func() {
				o := d.run(r.Argv)
				d.tell(Message{ID: r.ID, Outcome: &o})
			}()
			continue
		}
		answer := d.answer(&r)
		if r.Op == OpClock {
			d.thread.Lock()
			answer.Late = d.thread.takeLate()
			d.thread.Unlock()
		}
		d.tell(answer)
	}
	select {
	case err := <-failed:
		return err
	default:
		return lines.Err()
	}
}

// answer does what is asked.
func (d *daemon) answer(r *Request) Message {
	m := Message{ID: r.ID}
	if err := d.do(r); err != nil {
		m.Error = err.Error()
	}
	return m
}

// run runs a command as the script says, and waits for its end.
func (d *daemon) run(argv []string) Outcome {
	ended := make(chan Outcome, 1)
	d.thread.Lock()
	d.guest.RunCommand(argv, func(exit int64, signal int, out []byte, err error) {
		ended <- Outcome{exit, signal, out, err != nil}
	})
	d.thread.Unlock()
	return <-ended
}

func (d *daemon) do(r *Request) error {
	switch r.Op {
	case OpClock:
		return nil
	case OpLoad:
		if r.Load == nil || d.guest != nil {
			return errors.New("load: nothing to load, or a VM that has a guest")
		}
		return d.load(r.Load)
	case OpBoot:
		d.thread.Lock()
		defer d.thread.Unlock()
		if r.Boot == nil || d.guest == nil || d.ground.booted >= 0 {
			return errors.New("boot: no guest, or one that has booted")
		}
		d.thread.adjust(r.Offset)
		d.ground.booted = r.Boot.At
		d.guest.Restore(r.Boot.Progress)
		d.guest.Boot(r.Boot.At)
		return nil
	case OpAdjust:
		d.thread.Lock()
		defer d.thread.Unlock()
		if r.Paused && d.guest != nil {
			d.guest.Pause()
			defer d.guest.Unpause()
		}
		d.thread.adjust(r.Offset)
		return nil
	case OpAgent:
		return d.agent.rehearse()
	}
	return fmt.Errorf("%q: unknown; known are %s", r.Op, strings.Join([]string{OpClock, OpLoad, OpBoot, OpAdjust, OpRun, OpAgent}, ", "))
}

// load makes the guest. It opens its ports when it begins.
func (d *daemon) load(l *Load) error {
	if net.ParseIP(l.Address).To4() == nil {
		return fmt.Errorf("load: %q is no IPv4 address", l.Address)
	}
	if err := d.machine.Network(l.Address); err != nil {
		return fmt.Errorf("load: network: %w", err)
	}
	if err := d.agent.install(l.Commands); err != nil {
		return fmt.Errorf("load: commands: %w", err)
	}
	if hangs := func(p fakevm.PowerStep) bool { return p.Do == fakevm.Hang }; (d.alone || l.Program.Watchdog != nil) &&
		slices.ContainsFunc(slices.Concat(l.Program.Power, l.EveryBoot.Power), hangs) {
		if err := d.machine.Mute(); err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	d.thread.Lock()
	defer d.thread.Unlock()
	g := &ground{daemon: d, thread: d.thread, agentPort: d.agentPort, load: l, booted: -1}
	g.Host = oshost.New(oshost.Config{Address: l.Address, Thread: d.thread, Log: g.log})
	guest, err := fakevm.New(g, l.Program, fakevm.Options{
		EveryBoot: l.EveryBoot, Power: g,
		OnBoot: func(int) { d.tell(Message{Event: EventBoot, At: d.thread.Now()}) },
		OnStep: func(endpoint, as string) {
			d.tell(Message{Event: EventStep, At: d.thread.Now(), Endpoint: endpoint, As: as})
		},
	})
	if err != nil {
		return err
	}
	d.ground, d.guest = g, guest
	return nil
}
