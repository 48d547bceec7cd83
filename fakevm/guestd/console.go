package guestd

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
)

const (
	// ConsoleArgument of the kernel makes a guest that is asked over its network
	// and reports on its serial console.
	ConsoleArgument = "vmprobe.guest=console"
	// ConsolePort is the TCP port at which it is asked: a Request by POST has a
	// Message for an answer.
	ConsolePort = 29199
	// ConsoleAddress is the address of such a guest: the one that KubeVirt has for
	// every VM behind its masquerade.
	ConsoleAddress = "10.0.2.2"
	consoleGateway = "10.0.2.1"
)

// console is the host of a daemon that has none: it passes requests on, and
// makes reports of what the daemon tells.
type console struct {
	daemon *daemon
	teller guestlog.Teller
	zero   time.Time
	at     time.Duration // of the report that is being made
	hello  bool          // was told
	boots  chan Boot

	mu     sync.Mutex
	booted int // number of the boot; 0: it has not
}

func newConsole(d *daemon, out io.Writer) *console {
	c := &console{daemon: d, boots: make(chan Boot, 1)}
	c.teller = guestlog.Teller{
		Out:  out,
		Now:  func() time.Duration { return c.at },
		Wall: func() time.Time { return c.zero.Add(c.at) },
	}
	return c
}

// serve answers requests until the listener breaks.
func (c *console) serve(l net.Listener) error {
	go c.report()
	s := http.Server{Handler: c, ReadHeaderTimeout: consoleTimeout, ReadTimeout: consoleTimeout}
	return s.Serve(l)
}

const (
	consoleTimeout = 10 * time.Second
	// maxRequest bounds a request, in bytes.
	maxRequest = 16 << 20
)

// ServeHTTP implements http.Handler.
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var ask Request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&ask); err != nil {
		http.Error(w, "no request: "+err.Error(), http.StatusBadRequest)
		return
	}
	answer := c.answer(&ask)
	answer.Clock = c.daemon.clock()
	c.mu.Lock()
	answer.Boot = c.booted
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone asks again
}

// answer does what is asked. A boot brings what is to be loaded, and is done once,
// however often it is asked for: its answer may have been lost.
func (c *console) answer(r *Request) Message {
	if r.Op != OpBoot {
		return c.daemon.answer(r)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.Boot == nil || r.Load == nil || r.Boot.Number < 1 || r.Boot.Zero == nil:
		return Message{ID: r.ID, Error: "boot: nothing to load, no number, or nothing says when the run began"}
	case c.booted == r.Boot.Number:
		return Message{ID: r.ID}
	case c.booted > 0:
		return Message{ID: r.ID, Error: fmt.Sprintf("boot: this is boot %d", c.booted)}
	}
	if m := c.daemon.answer(&Request{ID: r.ID, Op: OpLoad, Load: r.Load}); m.Error != "" {
		return m
	}
	c.boots <- *r.Boot // before anything is told of it
	m := c.daemon.answer(r)
	if m.Error == "" {
		c.booted = r.Boot.Number
	}
	return m
}

// lateness is how often the guest tells how late it was, and tolerable what it
// does not tell.
const (
	lateness  = time.Second
	tolerable = 100 * time.Millisecond
)

// report makes lines of what the daemon tells, from its boot on.
func (c *console) report() {
	tick := time.NewTicker(lateness)
	defer tick.Stop()
	for {
		select {
		case m := <-c.daemon.out:
			c.heard(&m)
		case <-tick.C:
			c.late()
		}
	}
}

// begin says hello when the guest has booted.
func (c *console) begin() {
	select {
	case b := <-c.boots:
		c.zero, c.teller.Container, c.hello = *b.Zero, b.Number, true
		c.teller.Tell(guestlog.Report{Event: guestlog.EventHello})
	default:
	}
}

func (c *console) late() {
	c.daemon.thread.Lock()
	by, now := c.daemon.thread.takeLate(), c.daemon.thread.Now()
	c.daemon.thread.Unlock()
	if c.hello && by > tolerable {
		c.at = now
		c.teller.Tell(guestlog.Report{Event: guestlog.EventLate, Late: by})
	}
}

// heard tells what the daemon did. What comes before the boot is about devices.
func (c *console) heard(m *Message) {
	c.at = m.At
	if !c.hello {
		c.begin()
	}
	if !c.hello {
		if m.Record != nil && m.Record.Note != "" {
			_, _ = fmt.Fprintf(c.teller.Out, "vmprobe: %s\n", m.Record.Note)
		}
		return
	}
	switch m.Event {
	case EventBoot:
		c.teller.Tell(guestlog.Report{Event: guestlog.EventBoot})
	case EventStep:
		c.teller.Tell(guestlog.Report{Event: guestlog.EventStep, Endpoint: m.Endpoint, As: m.As})
	case EventPress:
		c.teller.Tell(guestlog.Report{Event: guestlog.EventTerm})
	case EventPower:
		c.teller.Tell(guestlog.Report{Event: guestlog.EventPower, Power: powerWord(m.Power)})
	case EventSaw:
		if m.Record != nil && !curious(m.Record) {
			r := guestlog.Saw(*m.Record)
			r.Progress = m.Progress
			c.teller.Tell(r)
		}
	}
}

// curious tells whether a record is of a command that no probe sends: virt-launcher
// asks the agent for much.
func curious(r *fakevm.Record) bool {
	probed := []string{"", "guest-ping", "guest-sync", "guest-sync-delimited", "guest-exec", "guest-exec-status"}
	return r.Endpoint == string(fakevm.Agent) && !slices.Contains(probed, r.Seen)
}

// powerWord is what reports call a thing that a guest did to itself.
func powerWord(a fakevm.PowerAction) string {
	switch a {
	case fakevm.Crash:
		return "crashed"
	case fakevm.PowerOff:
		return "poweroff"
	case fakevm.Reboot:
		return "rebooting"
	case fakevm.Hang:
		return "hung"
	case fakevm.Suspend:
		return "suspended"
	case fakevm.Resume:
		return "resumed"
	case fakevm.Starve:
		return "watchdog"
	}
	return string(a)
}
