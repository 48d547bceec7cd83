package attempt_test

import (
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

const podIP = "10.0.0.2"

// step is something a scripted peer does, after a pause.
type step struct {
	after time.Duration
	data  string
	err   error // io.EOF: FIN; syscall.ECONNRESET: RST
}

// server is a scripted peer: what it does with a connection and a request.
type server struct {
	dial  error         // refuses
	delay time.Duration // of the handshake
	early bool          // does not wait for the request
	play  func(request string) []step
}

// world is an Env of virtual time on one goroutine.
type world struct {
	now      time.Time
	servers  map[string]*server
	dials    []string
	requests []string
	closed   int
}

func newWorld() *world {
	return &world{now: time.Unix(1_700_000_000, 0), servers: map[string]*server{}}
}

func (w *world) Now() time.Time { return w.now }

func (w *world) SleepUntil(t time.Time) {
	if t.After(w.now) {
		w.now = t
	}
}

func (w *world) Dial(address string, deadline time.Time) (net.Conn, error) {
	w.dials = append(w.dials, address)
	s := w.servers[address]
	if s == nil {
		return nil, syscall.ECONNREFUSED
	}
	if at := w.now.Add(s.delay); !at.Before(deadline) {
		w.SleepUntil(deadline)
		return nil, os.ErrDeadlineExceeded
	}
	w.SleepUntil(w.now.Add(s.delay))
	if s.dial != nil {
		return nil, s.dial
	}
	c := &scripted{world: w, server: s}
	if s.early {
		c.begin("")
	}
	return c, nil
}

// scripted is a connection to a server.
type scripted struct {
	world    *world
	server   *server
	request  strings.Builder
	begun    bool
	at       time.Time // when the head of steps happens
	steps    []step
	deadline time.Time
}

func (c *scripted) begin(request string) {
	c.begun, c.at = true, c.world.now
	c.steps = c.server.play(request)
	if len(c.steps) > 0 {
		c.at = c.at.Add(c.steps[0].after)
	}
}

func (c *scripted) Write(b []byte) (int, error) {
	c.request.Write(b)
	if !c.begun && strings.Contains(c.request.String(), "\r\n\r\n") {
		c.world.requests = append(c.world.requests, c.request.String())
		c.begin(c.request.String())
	}
	return len(b), nil
}

func (c *scripted) Read(b []byte) (int, error) {
	if len(c.steps) == 0 || c.at.After(c.deadline) {
		c.world.SleepUntil(c.deadline)
		return 0, os.ErrDeadlineExceeded
	}
	c.world.SleepUntil(c.at)
	s := &c.steps[0]
	if s.data == "" && s.err != nil {
		return 0, s.err
	}
	n := copy(b, s.data)
	s.data = s.data[n:]
	if s.data == "" && s.err == nil {
		c.steps = c.steps[1:]
		if len(c.steps) > 0 {
			c.at = c.at.Add(c.steps[0].after)
		}
	}
	return n, nil
}

func (c *scripted) Close() error                       { c.world.closed++; return syscall.EIO }
func (c *scripted) SetDeadline(t time.Time) error      { c.deadline = t; return nil }
func (c *scripted) SetReadDeadline(t time.Time) error  { c.deadline = t; return nil }
func (c *scripted) SetWriteDeadline(t time.Time) error { return nil }
func (c *scripted) LocalAddr() net.Addr                { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000} }

func (c *scripted) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 8080} }

// Ends of a scripted response.
var (
	fin   = step{err: io.EOF}
	reset = step{err: syscall.ECONNRESET}
)

// respond plays bytes and an end to every request.
func respond(data string, end ...step) *server {
	return &server{play: func(string) []step { return append([]step{{data: data}}, end...) }}
}

func get(path string) *probes.Probe {
	return &probes.Probe{
		Handler: probes.HTTPGet, Timeout: time.Second,
		HTTP: probes.HTTPRequest{Scheme: "HTTP", Port: probes.Port{Number: 8080}, Path: path},
	}
}

func profile(name probes.ProfileName) *probes.Profile {
	p, ok := probes.LookupProfile(name)
	if !ok {
		panic(name)
	}
	return &p
}

func target(p *probes.Probe) *attempt.Target {
	return &attempt.Target{Probe: p, Profile: profile(probes.Kubernetes), Address: podIP}
}
