package guestagent_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// bubble is an Env of goroutines in the virtual time of testing/synctest.
type bubble struct{}

func (bubble) Now() time.Time               { return time.Now() }
func (bubble) SleepUntil(t time.Time)       { time.Sleep(time.Until(t)) }
func (b bubble) Go(fn func(guestagent.Env)) { go fn(b) }
func (bubble) Mutex() guestagent.Mutex      { return make(lock, 1) }

type lock chan struct{}

func (l lock) Lock(deadline time.Time) bool {
	select {
	case l <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case l <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

func (l lock) Unlock() { <-l }

// port is libvirt's end of the agent's serial port.
type port struct {
	toGuest, toHost chan string
	left            string
	closed          chan struct{}
	once            sync.Once
	fails           error // what a read says once closed; default io.EOF
	deadline        time.Time
}

func newPort() *port {
	return &port{toGuest: make(chan string, 1000), toHost: make(chan string, 100_000), closed: make(chan struct{}), fails: io.EOF}
}

func (p *port) Buffered() int { return len(p.left) + len(p.toHost) }

func (p *port) Read(b []byte) (int, error) {
	if !time.Now().Before(p.deadline) {
		return 0, os.ErrDeadlineExceeded // before the data, as package net does
	}
	for p.left == "" {
		select {
		case p.left = <-p.toHost:
			continue
		default:
		}
		wait := time.Until(p.deadline)
		if wait <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(wait)
		select {
		case p.left = <-p.toHost:
		case <-p.closed:
			timer.Stop()
			return 0, p.fails
		case <-timer.C:
			return 0, os.ErrDeadlineExceeded
		}
		timer.Stop()
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

func (p *port) Write(b []byte) (int, error) {
	select {
	case <-p.closed:
		return 0, net.ErrClosed
	case p.toGuest <- string(b):
		return len(b), nil
	}
}

func (p *port) Close() error                       { p.once.Do(func() { close(p.closed) }); return nil }
func (p *port) SetDeadline(t time.Time) error      { p.deadline = t; return nil }
func (p *port) SetReadDeadline(t time.Time) error  { p.deadline = t; return nil }
func (p *port) SetWriteDeadline(t time.Time) error { return nil }
func (p *port) LocalAddr() net.Addr                { return nil }
func (p *port) RemoteAddr() net.Addr               { return nil }

// request is what the agent got.
type request struct {
	Execute   string `json:"execute"`
	Arguments struct {
		ID   json.Number `json:"id"`
		Path string      `json:"path"`
		Arg  []string    `json:"arg"`
		Pid  int         `json:"pid"`
	} `json:"arguments"`
}

// agent is a scripted guest agent: answer gives the bytes for a request, and
// what happens in between with pauses. Its requests are kept.
type agent struct {
	port   *port
	answer func(a *agent, r request)
	seen   []string
	execs  []request
}

func (a *agent) say(s string) { a.port.toHost <- s }

// serve answers one request after the other until the port is closed.
func (a *agent) serve() {
	for {
		select {
		case line := <-a.port.toGuest:
			var r request
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				panic("the agent got " + line)
			}
			a.seen = append(a.seen, r.Execute)
			a.answer(a, r)
		case <-a.port.closed:
			return
		}
	}
}

// healthy answers like qemu-ga.
func healthy(a *agent, r request) {
	switch r.Execute {
	case "guest-sync":
		a.say(`{"return": ` + r.Arguments.ID.String() + "}\n")
	case "guest-ping":
		a.say(`{"return": {}}` + "\n")
	default:
		a.say(`{"error": {"class": "CommandNotFound", "desc": "The command ` + r.Execute + ` has not been found"}}` + "\n")
	}
}

// pinged syncs like a healthy agent and answers pings with something else.
func pinged(with func(a *agent)) func(*agent, request) {
	return func(a *agent, r request) {
		if r.Execute == "guest-sync" {
			healthy(a, r)
			return
		}
		with(a)
	}
}

func silent(*agent, request) {}

// domain is a domain whose status is set by the test.
type domain struct {
	status guestagent.Status
	mu     sync.Mutex
	failed []string
}

func (d *domain) Name() string              { return "default_vm" }
func (d *domain) Status() guestagent.Status { return d.status }
func (d *domain) PingFailed(message string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = append(d.failed, message)
}

// events are the GuestAgentPingFailed events so far.
func (d *domain) events() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.failed)
}

func running() guestagent.Status {
	return guestagent.Status{Exists: true, Active: true, State: guestagent.Running}
}

// machine is a VM with an agent in a bubble.
type machine struct {
	t      *testing.T
	d      *domain
	ch     *guestagent.Channel
	a      *agent
	target *guestagent.Target
}

// inBubble runs a test with a running domain and a connected agent, in
// profile kubevirt.
func inBubble(t *testing.T, answer func(*agent, request), test func(m *machine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		profile, _ := probes.LookupProfile(probes.KubeVirt)
		m := &machine{t: t, d: &domain{status: running()}, ch: guestagent.NewChannel(bubble{})}
		m.target = &guestagent.Target{Profile: &profile, Probe: &probes.Probe{Handler: probes.GuestAgentPing, Timeout: 10 * time.Second}}
		m.connect(answer)
		test(m)
		m.ch.Disconnect()
		m.a.port.Close()
		time.Sleep(time.Minute) // what outlives the tries ends
	})
}

func (m *machine) connect(answer func(*agent, request)) {
	m.a = &agent{port: newPort(), answer: answer}
	go m.a.serve()
	m.ch.Connect(m.a.port)
}

// try makes one try and says what came of it and when.
func (m *machine) try() (probes.Result, time.Duration) {
	start := time.Now()
	r := guestagent.Try(bubble{}, m.d, m.ch, m.target)
	return r, time.Since(start)
}

// want makes one try and compares.
func (m *machine) want(name string, class byte, says string, after time.Duration) {
	m.t.Helper()
	r, took := m.try()
	if r.Class.Letter() != class || !strings.Contains(r.Message, says) || took != after {
		m.t.Errorf("%s: got %c %q after %v, want %c %q after %v", name, r.Class.Letter(), r.Message, took, class, says, after)
	}
}

func (m *machine) timeout(d time.Duration) *machine { m.target.Probe.Timeout = d; return m }

var errTest = errors.New("test")

// plainConn hides Buffered.
type plainConn struct{ net.Conn }

// answers changes what the agent does from the next request on.
func (m *machine) answers(answer func(*agent, request)) {
	synctest.Wait() // also for the race detector
	m.a.answer = answer
}
