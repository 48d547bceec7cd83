package oshost

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// lingering bounds how long a closed session waits for its peer's FIN.
const lingering = 5 * time.Second

// An RST that comes together with the handshake is held back: the client's
// connect call would take it for its own failure, while the script means a
// connection that was there (TCP-POST-CONNECT-IRRELEVANT). A client that has
// sent something, or its FIN, knows that it is connected.
const (
	resetGrace   = 10 * time.Millisecond  // for a client that was heard
	unheardGrace = 500 * time.Millisecond // it may wait for a processor
)

// halfCloser is what *net.TCPConn and *net.UnixConn have in common.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// session is a fakevm.Session over a socket: a goroutine reads, another one
// writes what is queued.
type session struct {
	host      *Host
	c         halfCloser
	handler   fakevm.Handler
	queue     [][]byte
	pending   int
	wake      *sync.Cond
	heard     bool // the peer has sent bytes or its FIN
	resetting bool // an RST is due: nothing else counts
	held      bool // it waits for the end of a cut
	network   bool // what becomes of the network matters
	closing   bool // FIN when the queue is empty
	gone      bool // closed for good on this side
	since     time.Duration
	waits     time.Duration // since when its peer has to act; < 0: it has not
	over      func()        // called once when the session is gone
}

func newSession(h *Host, c halfCloser) *session {
	_, network := c.(*net.TCPConn)
	s := &session{host: h, c: c, wake: sync.NewCond(h.mu), since: h.Now(), waits: -1, network: network}
	h.conns[s] = struct{}{}
	return s
}

// serve starts both goroutines; a nil handler is a peer that never reads.
func (s *session) serve(handler func(fakevm.Session) fakevm.Handler) {
	if s.gone {
		return
	}
	if handler == nil {
		return
	}
	s.handler = handler(s)
	s.waits = s.host.Now()
	s.host.wg.Add(2)
	go s.read()
	go s.write()
}

func (s *session) read() {
	defer s.host.wg.Done()
	buf := make([]byte, 16<<10)
	for {
		n, err := s.c.Read(buf)
		s.host.mu.Lock()
		s.acted()
		for s.network && s.host.cut > 0 && !s.gone {
			s.wake.Wait()
		}
		if s.gone {
			s.host.mu.Unlock()
			return
		}
		if n > 0 && s.handler != nil {
			s.handler.OnData(buf[:n])
		}
		s.hear()
		if err != nil {
			s.peerLeft(err)
			s.host.mu.Unlock()
			return
		}
		s.host.mu.Unlock()
	}
}

// acted measures how long the peer took to act.
func (s *session) acted() {
	if s.waits >= 0 && s.network && !s.gone && s.host.cfg.Dallied != nil {
		s.host.cfg.Dallied(s.host.Now() - s.waits)
	}
	s.waits = -1
}

// hear notes that the peer knows of the connection: no RST waits for that.
func (s *session) hear() {
	if !s.heard {
		s.heard = true
		if s.resetting {
			s.Reset()
		}
	}
}

func (s *session) peerLeft(err error) {
	if s.handler != nil && !s.gone {
		if errors.Is(err, io.EOF) {
			s.handler.OnClose(nil)
		} else {
			s.handler.OnClose(err)
		}
	}
	if s.closing && len(s.queue) == 0 || !errors.Is(err, io.EOF) {
		s.abort()
	}
}

func (s *session) write() {
	defer s.host.wg.Done()
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	for {
		for (len(s.queue) == 0 && !s.closing || s.muted()) && !s.gone {
			s.wake.Wait()
		}
		if s.gone {
			return
		}
		if len(s.queue) == 0 { // closing
			_ = s.c.CloseWrite()
			s.waits = s.host.Now()
			s.host.linger(s)
			return
		}
		b := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.host.mu.Unlock()
		_, err := s.c.Write(b)
		s.host.mu.Lock()
		s.pending -= len(b)
		if s.gone {
			return
		}
		if err != nil {
			s.queue, s.pending = nil, 0
			if s.handler != nil {
				s.handler.OnClose(err)
			}
			s.abort()
			return
		}
		if s.pending == 0 && s.handler != nil {
			s.handler.OnDrained()
		}
	}
}

// muted tells whether the peer must not hear the guest now.
func (s *session) muted() bool { return s.network && s.host.cut+s.host.mute > 0 }

// linger closes a session whose peer does not answer the FIN.
func (h *Host) linger(s *session) {
	h.At(h.Now()+lingering, s.abort)
}

// Send queues bytes.
func (s *session) Send(b []byte) {
	if s.gone || s.closing || s.resetting || len(b) == 0 {
		return
	}
	s.queue = append(s.queue, b)
	s.pending += len(b)
	s.wake.Broadcast()
}

// Pending is what the kernel has not taken yet; what it holds for the peer
// cannot be seen.
func (s *session) Pending() int { return s.pending }

// Close sends FIN after what is queued and goes on reading, so that unread
// data does not turn it into an RST.
func (s *session) Close() {
	if s.resetting {
		return
	}
	s.closing = true
	s.wake.Broadcast()
}

// Reset sends an RST.
func (s *session) Reset() {
	if s.gone {
		return
	}
	if s.network && s.host.cut > 0 && !s.host.closed {
		s.handler, s.queue, s.pending, s.resetting, s.held = nil, nil, 0, true, true
		return
	}
	if t, ok := s.c.(*net.TCPConn); ok {
		at := s.since + unheardGrace
		if s.heard {
			at = s.since + resetGrace
		}
		if s.host.Now() < at && !s.host.closed {
			s.handler, s.queue, s.pending, s.resetting = nil, nil, 0, true
			s.host.At(at, s.Reset)
			return
		}
		_ = t.SetLinger(0)
	}
	s.abort()
}

// Remote is the peer's address.
func (s *session) Remote() string { return s.c.RemoteAddr().String() }

// abort closes the socket as it is.
func (s *session) abort() {
	if s.gone {
		return
	}
	s.gone = true
	s.queue, s.pending = nil, 0
	_ = s.c.Close()
	delete(s.host.conns, s)
	s.wake.Broadcast()
	if s.over != nil {
		s.over()
		s.over = nil
	}
}
