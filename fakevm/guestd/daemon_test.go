package guestd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// bench is a machine that only notes what is done to it.
type bench struct{ did chan string }

func (b bench) Network(address string) error {
	if address == "127.9.9.9" {
		return errors.New("no such interface")
	}
	return nil
}
func (b bench) Crash() { b.did <- "crash" }
func (b bench) Hang()  { b.did <- "hang" }
func (b bench) Mute() error {
	b.did <- "mute"
	return nil
}

func (b bench) FeedWatchdog(on bool, timeout time.Duration) error {
	b.did <- fmt.Sprintf("feed %t %s", on, timeout)
	return nil
}
func (b bench) PowerOff() { b.did <- "poweroff" }
func (b bench) Reset()    { b.did <- "reset" }

// host is the other end of the control port.
type host struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Scanner
	last  int64
	heard []Message // events so far
	did   chan string
}

func start(t *testing.T) *host {
	t.Helper()
	mine, theirs := net.Pipe()
	b := bench{make(chan string, 4)}
	d := newDaemon(b, "/nonexistent")
	d.agent = newAgent(d, t.TempDir())
	over := make(chan error, 1)
	go func() { over <- d.serve(theirs) }()
	h := &host{t: t, conn: mine, lines: bufio.NewScanner(mine), did: b.did}
	t.Cleanup(func() {
		_ = mine.Close()
		<-over
		if d.ground != nil {
			d.thread.Lock()
			d.guest.Close()
			d.thread.Unlock()
			d.ground.Close()
		}
	})
	if m := h.next(); m.Event != EventReady {
		t.Fatalf("the first message is %+v", m)
	}
	return h
}

func (h *host) next() (m Message) {
	h.t.Helper()
	_ = h.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if !h.lines.Scan() {
		h.t.Fatalf("the guest is silent: %v", h.lines.Err())
	}
	if err := json.Unmarshal(h.lines.Bytes(), &m); err != nil {
		h.t.Fatal(err)
	}
	return m
}

// ask asks and gives the answer; events that come before it are kept.
func (h *host) ask(r Request) Message {
	h.t.Helper()
	h.last++
	r.ID = h.last
	if err := json.NewEncoder(h.conn).Encode(r); err != nil {
		h.t.Fatal(err)
	}
	for {
		m := h.next()
		if m.ID == r.ID {
			return m
		}
		h.heard = append(h.heard, m)
	}
}

// await gives the first event of a kind.
func (h *host) await(event string) Message {
	h.t.Helper()
	for {
		for i, m := range h.heard {
			if m.Event == event {
				h.heard = append(h.heard[:i], h.heard[i+1:]...)
				return m
			}
		}
		h.heard = append(h.heard, h.next())
	}
}

func server(port uint16, steps ...fakevm.Step) fakevm.Program {
	return fakevm.Program{Endpoints: []fakevm.Endpoint{{Kind: fakevm.HTTP, Port: port, Steps: steps}}}
}

func status(at time.Duration, code, times int) fakevm.Step {
	list := []fakevm.Counted{{Reply: fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: code}}, Times: times}}
	if times > 0 {
		list = append(list, fakevm.Counted{Reply: fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: 299}}})
	}
	return fakevm.Step{At: at, Replies: list}
}

// boot loads a guest and lets it begin at the instant 0 of a run, now.
func (h *host) boot(l Load, progress ...fakevm.Progress) {
	h.t.Helper()
	if m := h.ask(Request{Op: OpLoad, Load: &l}); m.Error != "" {
		h.t.Fatal(m.Error)
	}
	now := h.ask(Request{Op: OpClock}).Clock
	if m := h.ask(Request{Op: OpBoot, Offset: -now, Boot: &Boot{Progress: progress}}); m.Error != "" {
		h.t.Fatal(m.Error)
	}
	if m := h.await(EventBoot); m.At < 0 || m.At > time.Second {
		h.t.Errorf("booted at %v", m.At)
	}
}

func get(t *testing.T, url string) int {
	t.Helper()
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	return r.StatusCode
}

// TestServe: a guest that was loaded serves after its boot, tells what it saw
// with the time of the run, and how far its script has come.
func TestServe(t *testing.T) {
	h := start(t)
	h.boot(Load{Address: "127.9.1.1", Program: server(18080, status(0, 201, 3))}, fakevm.Progress{Endpoint: "http/18080", Used: 1})
	for _, want := range []int{201, 201, 299} { // one of three was used before
		if got := get(t, "http://127.9.1.1:18080/"); got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	}
	for used := 2; used <= 3; used++ {
		m := h.await(EventSaw)
		if m.Record == nil || m.Record.Endpoint != "http/18080" || m.Record.Did == nil || m.At <= 0 {
			t.Errorf("saw %+v", m)
		}
		if want := fmt.Sprint([]fakevm.Progress{{Endpoint: "http/18080", Used: used}}); fmt.Sprint(m.Progress) != want {
			t.Errorf("progress %v, want %s", m.Progress, want)
		}
	}
}

// TestAdjust: timers follow the clock of the run when it is corrected.
func TestAdjust(t *testing.T) {
	h := start(t)
	h.boot(Load{Address: "127.9.1.2", Program: server(18080, status(0, 201, 0), status(time.Hour, 202, 0))})
	now := h.ask(Request{Op: OpClock}).Clock
	h.await(EventStep)
	if m := h.ask(Request{Op: OpAdjust, Offset: time.Hour - now}); m.Error != "" {
		t.Fatal(m.Error)
	}
	if m := h.await(EventStep); m.At < time.Hour || m.At > time.Hour+2*time.Second {
		t.Errorf("the second step came at %v", m.At)
	}
	if got := get(t, "http://127.9.1.2:18080/"); got != 202 {
		t.Errorf("status %d", got)
	}
}

// TestPower: what the script does to the machine is done, and told before.
func TestPower(t *testing.T) {
	for do, want := range map[fakevm.PowerAction]string{fakevm.Crash: "crash", fakevm.PowerOff: "poweroff", fakevm.Reboot: "reset", fakevm.Hang: ""} {
		t.Run(string(do), func(t *testing.T) {
			h := start(t)
			length := time.Duration(0)
			if do == fakevm.Reboot || do == fakevm.Hang {
				length = 7 * time.Second
			}
			h.boot(Load{Address: "127.9.1.3", EveryBoot: fakevm.Program{
				Power: []fakevm.PowerStep{{At: 10 * time.Millisecond, Do: do, For: length}},
			}})
			if do != fakevm.Crash {
				m := h.await(EventPower)
				if m.Power != do || m.For != length {
					t.Errorf("told %+v", m)
				}
			}
			if want == "" {
				return
			}
			select {
			case did := <-h.did:
				if did != want {
					t.Errorf("did %s, want %s", did, want)
				}
			case <-time.After(5 * time.Second):
				t.Error("nothing was done")
			}
		})
	}
}

// TestRun: a command of the container asks the script.
func TestRun(t *testing.T) {
	h := start(t)
	h.boot(Load{Address: "127.9.1.4", Program: fakevm.Program{Endpoints: []fakevm.Endpoint{{Kind: fakevm.Exec, Steps: []fakevm.Step{
		{Replies: []fakevm.Counted{{Reply: fakevm.Reply{Exec: &fakevm.ExecReply{Exit: 3, Output: "ill"}}}}},
	}}}}})
	m := h.ask(Request{Op: OpRun, Argv: []string{"check"}})
	if m.Outcome == nil || m.Outcome.Exit != 3 || string(m.Outcome.Output) != "ill" {
		t.Errorf("%+v", m)
	}
}

// TestMistakes: what a host asks wrongly is refused, and the guest goes on.
func TestMistakes(t *testing.T) {
	h := start(t)
	if _, err := h.conn.Write([]byte("garbage\n")); err != nil {
		t.Fatal(err)
	}
	if m := h.next(); m.ID != -1 || !strings.Contains(m.Error, "no request") {
		t.Errorf("garbage: %+v", m)
	}
	for name, c := range map[string]struct {
		ask  Request
		want string
	}{
		"unknown":  {Request{Op: "bot"}, `"bot": unknown; known are clock, load, boot, adjust, run, agent`},
		"no load":  {Request{Op: OpLoad}, "nothing to load"},
		"no guest": {Request{Op: OpBoot, Boot: &Boot{}}, "no guest"},
		"address":  {Request{Op: OpLoad, Load: &Load{Address: "localhost"}}, `"localhost" is no IPv4 address`},
		"network":  {Request{Op: OpLoad, Load: &Load{Address: "127.9.9.9"}}, "no such interface"},
		"program":  {Request{Op: OpLoad, Load: &Load{Address: "127.9.1.5", Program: server(0)}}, "port"},
	} {
		if m := h.ask(c.ask); !strings.Contains(m.Error, c.want) {
			t.Errorf("%s: %q, want %q", name, m.Error, c.want)
		}
	}
	h.boot(Load{Address: "127.9.1.5", Program: server(18080, status(0, 204, 0))})
	if m := h.ask(Request{Op: OpBoot, Boot: &Boot{}}); !strings.Contains(m.Error, "has booted") {
		t.Errorf("a second boot: %q", m.Error)
	}
}
