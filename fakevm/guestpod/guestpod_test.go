package guestpod

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
)

// container runs Main as a container would.
type container struct {
	t       *testing.T
	term    chan os.Signal
	exit    chan int
	reports chan guestlog.Report
}

// program: healthy once, then ill; a command; it is ill from a second on.
func program() fakevm.Program {
	status := func(code, times int) fakevm.Counted {
		return fakevm.Counted{Reply: fakevm.Reply{HTTP: &fakevm.HTTPReply{Status: code}}, Times: times}
	}
	return fakevm.Program{
		ACPI: fakevm.ACPI{Delay: 50 * time.Millisecond},
		Endpoints: []fakevm.Endpoint{
			{Kind: fakevm.HTTP, Port: 18080, Steps: []fakevm.Step{{Replies: []fakevm.Counted{status(200, 1), status(500, 0)}}}},
			{Kind: fakevm.Exec, Steps: []fakevm.Step{{Replies: []fakevm.Counted{{Reply: fakevm.Reply{Exec: &fakevm.ExecReply{Exit: 3, Output: "ill"}}}}}}},
		},
	}
}

func start(t *testing.T, dir, address string, c Config) *container {
	t.Helper()
	text, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{ConfigVariable: text, AddressVariable: address, StateVariable: dir}
	x := &container{t: t, term: make(chan os.Signal, 1), exit: make(chan int, 1), reports: make(chan guestlog.Report, 100)}
	r, w := io.Pipe()
	go func() {
		x.exit <- Main(func(name string) string { return env[name] }, w, x.term)
		_ = w.Close()
	}()
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			report, ok := guestlog.Parse(lines.Bytes())
			if !ok {
				t.Errorf("no report: %s", lines.Text())
			}
			if report.Event != guestlog.EventLate {
				x.reports <- report
			}
		}
		close(x.reports)
	}()
	return x
}

// next is the next report, which must be of that kind.
func (c *container) next(event string) guestlog.Report {
	c.t.Helper()
	select {
	case r := <-c.reports:
		if r.Event != event {
			c.t.Fatalf("reported %+v, want %s", r, event)
		}
		return r
	case <-time.After(10 * time.Second):
		c.t.Fatalf("no %s was reported", event)
	}
	return guestlog.Report{}
}

func (c *container) get(address string) int {
	c.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + address + ":18080/")
	for end := time.Now().Add(5 * time.Second); errors.Is(err, syscall.ECONNREFUSED) && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // the port opens right after the step is told
		resp, err = client.Get("http://" + address + ":18080/")
	}
	if err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestLife: a container tells what it sees, obeys SIGTERM, and the next one of
// the pod goes on where it was.
func TestLife(t *testing.T) {
	const address = "127.66.3.9"
	dir := t.TempDir()
	config := Config{Program: program(), Commands: []string{filepath.Join(dir, "bin", "check")}}
	first := start(t, dir, address, config)
	first.next(guestlog.EventHello)
	if r := first.next(guestlog.EventBoot); r.Container != 1 || r.At < 0 || r.At > 5*time.Second {
		t.Errorf("boot: %+v", r)
	}
	first.next(guestlog.EventStep)
	first.next(guestlog.EventStep)
	if code := first.get(address); code != 200 {
		t.Errorf("first answer %d", code)
	}
	saw := first.next(guestlog.EventSaw)
	if saw.Endpoint != "http/18080" || saw.Did == nil || saw.Did.HTTP.Status != 200 || time.Since(saw.Wall) > time.Minute {
		t.Errorf("saw %+v", saw)
	}
	env := func(name string) string { return map[string]string{StateVariable: dir}[name] }
	var out bytes.Buffer
	if exit := RunAsCommand(env, []string{"check", "--now"}, &out); exit != 3 || out.String() != "ill" {
		t.Errorf("command: exit %d, %q", exit, &out)
	}
	if r := first.next(guestlog.EventSaw); r.Seen != "check --now" {
		t.Errorf("saw %+v", r)
	}
	if to, err := os.Readlink(config.Commands[0]); err != nil || to == "" {
		t.Errorf("the command is not there: %v", err)
	}
	first.term <- syscall.SIGTERM
	first.next(guestlog.EventTerm)
	if r := first.next(guestlog.EventPower); r.Power != "poweroff" {
		t.Errorf("power: %+v", r)
	}
	if code := <-first.exit; code != 0 {
		t.Errorf("exit %d", code)
	}

	second := start(t, dir, address, config)
	second.next(guestlog.EventHello)
	if r := second.next(guestlog.EventBoot); r.Container != 2 || r.At < saw.At {
		t.Errorf("boot: %+v", r)
	}
	if code := second.get(address); code != 500 {
		t.Errorf("the script began anew: %d", code)
	}
	second.term <- syscall.SIGTERM
	<-second.exit
}

// TestCrash: a scripted crash ends the process with an error.
func TestCrash(t *testing.T) {
	p := program()
	p.Power = []fakevm.PowerStep{{At: 50 * time.Millisecond, Do: fakevm.Crash}}
	c := start(t, t.TempDir(), "127.66.3.10", Config{Program: p})
	if code := <-c.exit; code != exitCrash {
		t.Errorf("exit %d", code)
	}
}

// TestRefused: what is wrong with the environment is told, all of it.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{nil, []string{AddressVariable, ConfigVariable}},
		{map[string]string{AddressVariable: "10.0.0.1", ConfigVariable: `{"delay": -1}`}, []string{"negative"}},
		{map[string]string{AddressVariable: "127.0.0.1", ConfigVariable: `{}`, StateVariable: "/nowhere"}, []string{"/nowhere"}},
	} {
		var out bytes.Buffer
		if exit := Main(func(name string) string { return c.env[name] }, &out, nil); exit != exitTrouble {
			t.Errorf("%v: exit %d", c.env, exit)
		}
		r, ok := guestlog.Parse(bytes.TrimSpace(out.Bytes()))
		if !ok || r.Event != guestlog.EventTrouble {
			t.Errorf("%v: %s", c.env, &out)
		}
		for _, w := range c.want {
			if !strings.Contains(r.Note, w) {
				t.Errorf("%v: %s, want %s", c.env, r.Note, w)
			}
		}
	}
	big := Config{Commands: []string{strings.Repeat("x", MaxConfig)}}
	if _, err := big.Encode(); err == nil {
		t.Error("a script that is too long is taken")
	}
}
