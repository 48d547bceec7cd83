package lockstep

import (
	"slices"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
)

// liveInstant is how long an instant takes in real time, for the guard against
// a livelock: more than maxRounds of the prober's making in a second are one.
const liveInstant = time.Second

// live tells the prober what happens when time is real. The world does not
// wait for it: what happens while it thinks waits for the next message, whose
// now is the moment at which it is sent. So a slow prober is late, and not the
// harness. The lock of the world guards everything.
type live struct {
	lock  sync.Locker
	queue []protocol.Event // not told yet
	begun bool             // the clock runs
	lives int              // of the prober
	poke  chan struct{}    // there is something to say
	quit  chan struct{}
	done  sync.WaitGroup
}

// enterLive is enter on real ground. The conversation lasts until hangUp.
func enterLive(g *simbed.Ground, peer Peer, open *protocol.Request) (*session, error) {
	s, err := enter(g, peer, open)
	if err != nil {
		return nil, err
	}
	l := &live{lock: g.Outside(), poke: make(chan struct{}, 1), quit: make(chan struct{})}
	s.live, s.Later = l, true
	// The prober must not begin before the clock does.
	g.Kernel().Set(g.Kernel().NewTimer(g.Kernel().Name("door"), func() {
		l.begun = true
		l.post(nil)
	}), 0)
	l.done.Go(s.converse)
	return s, nil
}

// post puts events into the next message.
func (l *live) post(events []protocol.Event) {
	l.queue = append(l.queue, events...)
	if !l.begun {
		return
	}
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// forget drops the answer of a try that was cancelled.
func (l *live) forget(id int64) {
	l.queue = slices.DeleteFunc(l.queue, func(e protocol.Event) bool { return e.Event == protocol.Answer && e.ID == id })
}

// restart drops what nobody lives to hear, and what the dead one says.
func (l *live) restart() {
	l.queue = nil
	l.lives++
}

// converse speaks with the prober, one message after the other.
func (s *session) converse() {
	for {
		select {
		case <-s.live.poke:
		case <-s.live.quit:
			return
		}
		s.live.lock.Lock()
		r, lives := s.message(), s.live.lives
		s.live.lock.Unlock()
		if r == nil {
			return
		}
		reply, err := s.peer.Call(r)
		s.live.lock.Lock()
		s.hear(r, reply, err, lives == s.live.lives)
		s.live.lock.Unlock()
	}
}

// hear takes an answer. What a prober says that was restarted meanwhile does not
// count. The lock is held.
func (s *session) hear(r *protocol.Request, reply *protocol.Reply, err error, lives bool) {
	switch {
	case err != nil:
		s.fail(err)
		return
	case s.g.Over():
		return
	case lives:
		s.obey(r, reply)
	}
	for i := range r.Events {
		if e := &r.Events[i]; e.Event == protocol.ContainerStarted && !s.over {
			s.Silent(e.VM, e.Instance)
		}
	}
}

// message is the next one; nil: there is none any more. Until the answer has
// come the alarm is off.
func (s *session) message() *protocol.Request {
	if s.over || s.g.Over() {
		return nil
	}
	s.g.Kernel().Stop(s.wake)
	r := &protocol.Request{Op: protocol.Step, NowNs: int64(s.now()), Events: s.live.queue}
	s.live.queue = nil
	return r
}

// hangUp ends the conversation after the end of the run, and says whether the
// prober broke the protocol, were it with its last word.
func (s *session) hangUp() error {
	close(s.live.quit)
	s.live.done.Wait()
	return s.broken
}
