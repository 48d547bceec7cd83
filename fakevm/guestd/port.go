package guestd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// unconnected is how long to wait before another read from a port on whose
// other side nobody is: such a read returns at once.
const unconnected = 5 * time.Millisecond

// findPort waits until the kernel shows the virtio-serial port with a name:
// its number is never the same.
func findPort(sys, name string, patience time.Duration) (device string, err error) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(sys, "*", "name"))
		if err != nil {
			return "", err
		}
		for _, f := range files {
			if text, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(text)) == name {
				return "/dev/" + filepath.Base(filepath.Dir(f)), nil
			}
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("no virtio-serial port is called %s", name)
		}
	}
}

// portReader reads from a port and takes an absent peer for silence.
type portReader struct{ f *os.File }

func (r portReader) Read(b []byte) (int, error) {
	for {
		n, err := r.f.Read(b)
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		time.Sleep(unconnected)
	}
}

// portSession is the guest's end of the agent's port while the scripted agent
// has it open. It implements fakevm.Session.
type portSession struct {
	ground  *ground
	f       *os.File
	handler fakevm.Handler
	queue   chan []byte
	pending int
	closed  bool
}

// maxQueued bounds the pieces that wait for the host; a guest sends the next
// piece only when the one before has been taken.
const maxQueued = 1 << 10

// openPort opens the agent's port for the scripted agent.
func (g *ground) openPort(handler func(fakevm.Session) fakevm.Handler) (fakevm.Session, error) {
	f, err := os.OpenFile(g.agentPort, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &portSession{ground: g, f: f, queue: make(chan []byte, maxQueued)}
	s.handler = handler(s)
	go s.read(handler)
	go s.write()
	g.daemon.tell(Message{Event: EventAgent})
	return s, nil
}

// read gives every host that connects a handler of its own.
func (s *portSession) read(handler func(fakevm.Session) fakevm.Handler) {
	b, fresh := make([]byte, 16<<10), true
	for {
		n, err := s.f.Read(b)
		if err != nil && !errors.Is(err, io.EOF) {
			return
		}
		s.ground.thread.Lock()
		switch {
		case s.closed:
			s.ground.thread.Unlock()
			return
		case n > 0:
			if s.handler == nil {
				s.handler = handler(s)
			}
			fresh = false
			s.handler.OnData(b[:n])
		case !fresh && s.handler != nil:
			s.handler.OnClose(nil)
			s.handler, fresh = nil, true
		}
		s.ground.thread.Unlock()
		if n == 0 {
			time.Sleep(unconnected)
		}
	}
}

func (s *portSession) write() {
	defer s.f.Close()
	for b := range s.queue {
		_, err := s.f.Write(b)
		s.ground.thread.Lock()
		s.pending -= len(b)
		if err == nil && s.pending == 0 && !s.closed && s.handler != nil {
			s.handler.OnDrained()
		}
		s.ground.thread.Unlock()
	}
	s.ground.daemon.tell(Message{Event: EventAgent})
}

// Send implements fakevm.Session.
func (s *portSession) Send(b []byte) {
	if s.closed || len(b) == 0 {
		return
	}
	select {
	case s.queue <- b:
		s.pending += len(b)
	default: // a host that takes nothing loses the rest
	}
}

// Pending implements fakevm.Session.
func (s *portSession) Pending() int { return s.pending }

// Close closes the port after what was sent.
func (s *portSession) Close() {
	if !s.closed {
		s.closed = true
		close(s.queue)
	}
}

// Reset is Close: a port has no reset.
func (s *portSession) Reset() { s.Close() }

// Remote implements fakevm.Session.
func (s *portSession) Remote() string { return AgentPort }
