package guestd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
)

// serial is a guest that is asked over the network and reports on a console.
type serial struct {
	t     *testing.T
	url   string
	lines chan guestlog.Report
	did   chan string
	d     *daemon
}

func startConsole(t *testing.T) *serial {
	t.Helper()
	b := bench{make(chan string, 4)}
	d := newDaemon(b, "/nonexistent")
	d.agent, d.alone = newAgent(d, t.TempDir()), true
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out, console := io.Pipe()
	s := &serial{t: t, url: "http://" + l.Addr().String(), lines: make(chan guestlog.Report, 100), did: b.did, d: d}
	go func() { _ = newConsole(d, console).serve(l) }()
	go func() {
		for x := bufio.NewScanner(out); x.Scan(); {
			if r, ok := guestlog.Parse(x.Bytes()); ok && r.Event != guestlog.EventLate {
				s.lines <- r
			}
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		if d.ground != nil {
			d.thread.Lock()
			d.guest.Close()
			d.thread.Unlock()
			d.ground.Close()
		}
	})
	return s
}

func (s *serial) ask(r Request) Message {
	s.t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.Post(s.url, "application/json", bytes.NewReader(data))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var m Message
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		s.t.Fatalf("%s: %v", resp.Status, err)
	}
	return m
}

// next is the next report, which must be of that kind.
func (s *serial) next(event string) guestlog.Report {
	s.t.Helper()
	select {
	case r := <-s.lines:
		if r.Event != event {
			s.t.Fatalf("reported %+v, want %s", r, event)
		}
		return r
	case <-time.After(10 * time.Second):
		s.t.Fatalf("no %s was reported", event)
	}
	return guestlog.Report{}
}

// TestConsole: a guest that is told what it is, and what time it is, reports
// from then on; it says how far its script has come, and of the power button.
func TestConsole(t *testing.T) {
	s := startConsole(t)
	zero := time.Now().Add(-time.Minute)
	offset := time.Minute - s.ask(Request{Op: OpClock}).Clock
	boot := Request{
		Op: OpBoot, Offset: offset,
		Load: &Load{Address: "127.66.3.12", Program: server(18081, status(0, 200, 1))},
		Boot: &Boot{At: 50 * time.Second, Number: 2, Zero: &zero},
	}
	for range 2 { // an answer that was lost is asked for again
		if m := s.ask(boot); m.Error != "" {
			t.Fatal(m.Error)
		}
	}
	hello := s.next(guestlog.EventHello)
	if hello.Container != 2 || hello.Seq != 1 || hello.At < time.Minute || hello.At > 2*time.Minute {
		t.Errorf("hello %+v", hello)
	}
	if d := hello.Wall.Sub(zero) - hello.At; d != 0 {
		t.Errorf("wall time and run time differ by %v", d)
	}
	s.next(guestlog.EventBoot)
	s.next(guestlog.EventStep)
	if code := get(t, "http://127.66.3.12:18081/"); code != 200 {
		t.Errorf("answer %d", code)
	}
	saw := s.next(guestlog.EventSaw)
	if saw.Did == nil || len(saw.Progress) != 1 || saw.Progress[0].Endpoint != "http/18081" {
		t.Errorf("saw %+v", saw)
	}
	s.d.thread.Lock()
	s.d.tell(Message{Event: EventPress, At: s.d.thread.Now()})
	s.d.thread.Unlock()
	s.next(guestlog.EventTerm)
	if m := s.ask(Request{Op: OpClock}); m.Boot != 2 {
		t.Errorf("it says that it is at boot %d", m.Boot)
	}
	boot.Boot = &Boot{Number: 3, Zero: &zero}
	if m := s.ask(boot); !strings.Contains(m.Error, "boot 2") {
		t.Errorf("a second boot: %+v", m)
	}
}

// TestConsoleAlone: where no host stops the processors, the guest hangs by
// itself; and a crash is told before.
func TestConsoleAlone(t *testing.T) {
	for do, want := range map[fakevm.PowerAction]string{fakevm.Hang: "hung", fakevm.Crash: "crashed"} {
		s := startConsole(t)
		p := server(18082)
		p.Power = []fakevm.PowerStep{{At: 10 * time.Millisecond, Do: do}}
		zero := time.Now()
		m := s.ask(Request{
			Op: OpBoot, Offset: -s.ask(Request{Op: OpClock}).Clock,
			Load: &Load{Address: "127.66.3.13", Program: p}, Boot: &Boot{Number: 1, Zero: &zero},
		})
		if m.Error != "" {
			t.Fatal(m.Error)
		}
		for {
			if r := <-s.lines; r.Event == guestlog.EventPower {
				if r.Power != want {
					t.Errorf("power %+v, want %s", r, want)
				}
				break
			}
		}
		did := <-s.did
		if did == "mute" {
			did = <-s.did
		}
		if did != string(do) {
			t.Errorf("%s: did %s", do, did)
		}
	}
}

// TestConsoleRefuses: what is no request, and a boot that misses something, is
// refused.
func TestConsoleRefuses(t *testing.T) {
	s := startConsole(t)
	if m := s.ask(Request{Op: OpBoot, Boot: &Boot{Number: 1}}); !strings.Contains(m.Error, "nothing to load") {
		t.Errorf("%+v", m)
	}
	resp, err := http.Post(s.url, "application/json", strings.NewReader("?"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Error(resp.Status)
	}
}
