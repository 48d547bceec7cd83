package lockstep

import (
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/roster"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// maxRounds is how many rounds of its own making a prober may need at one
// instant.
const maxRounds = 1000

// Peer is a prober that answers.
type Peer interface {
	// Call sends a request, whose Seq it sets, and gives the checked reply.
	Call(r *protocol.Request) (*protocol.Reply, error)
}

// session is the prober of one case: a simbed.Prober behind a Peer.
type session struct {
	roster.Roster
	g    *simbed.Ground
	peer Peer
	wake *sim.Timer

	tries  map[int64]*try
	counts map[place]*count
	over   bool // the run has ended in an error
	broken error
	at     time.Duration
	rounds int // of the prober's making, at that instant

	live *live // how the prober is told when time is real; nil: it is virtual
}

// door returns the way of the peer into a world. open is called first, with
// the ground of the case.
func door(peer Peer, open *protocol.Request) simbed.Door {
	return func(g *simbed.Ground) (simbed.Prober, error) { return enter(g, peer, open) }
}

func enter(g *simbed.Ground, peer Peer, open *protocol.Request) (*session, error) {
	s := &session{g: g, peer: peer, tries: map[int64]*try{}, counts: map[place]*count{}}
	s.Ground, s.Tell = g, s.tell
	s.wake = g.Kernel().NewTimer(g.Kernel().Name("prober"), s.wakened)
	reply, err := peer.Call(open)
	if err != nil {
		return nil, err
	}
	if len(reply.Do) > 0 {
		return nil, &protocol.Violation{Seq: open.Seq, Field: "do", What: "there is nothing to do at open", Fix: "wait for a step"}
	}
	s.arm(reply)
	return s, nil
}

// Restart implements simbed.Prober: the tries in flight are lost, attempts are
// counted anew, and the prober is told of what runs.
func (s *session) Restart() {
	s.g.Record(trace.Event{T: s.now(), Kind: trace.ProberRestarted})
	clear(s.tries)
	clear(s.counts)
	if s.live != nil {
		s.live.restart()
	}
	s.tell(s.Restarted()...)
}

func (s *session) now() time.Duration { return s.g.Kernel().Now() }

func (s *session) wakened() {
	if s.spins() {
		return
	}
	s.tell()
}

// spins counts a round of the prober's own making and ends a livelock.
func (s *session) spins() bool {
	if now := s.now(); now != s.at && (s.live == nil || now > s.at+liveInstant) {
		s.at, s.rounds = now, 0
	}
	if s.rounds++; s.rounds <= maxRounds {
		return false
	}
	s.fail(&protocol.Violation{
		What: fmt.Sprintf("livelock: %d rounds at instant %s and time does not move", maxRounds, s.at),
		Fix:  "ask with wakeAtNs for a later instant, or for none",
	})
	return true
}

func (s *session) fail(err error) {
	s.over, s.broken = true, err
	s.g.Kernel().Stop(s.wake)
	s.g.Fail(err)
}

// tell tells the prober what happened and does what it says.
func (s *session) tell(events ...protocol.Event) {
	if s.over {
		return
	}
	if s.live != nil {
		s.live.post(events)
		return
	}
	r := &protocol.Request{Op: protocol.Step, NowNs: int64(s.now()), Events: events}
	reply, err := s.peer.Call(r)
	if err != nil {
		s.fail(err)
		return
	}
	s.obey(r, reply)
}

// obey does what the prober says.
func (s *session) obey(r *protocol.Request, reply *protocol.Reply) {
	s.arm(reply)
	for i := range reply.Do {
		if s.over {
			return
		}
		if v := s.do(&reply.Do[i]); v != nil {
			v.Seq, v.Field = r.Seq, fmt.Sprintf("do[%d].%s", i, v.Field)
			s.fail(v)
		}
	}
}

// arm sets the alarm that a reply asks for.
func (s *session) arm(r *protocol.Reply) {
	if r.WakeAtNs == nil {
		s.g.Kernel().Stop(s.wake)
		return
	}
	s.g.Kernel().Set(s.wake, max(time.Duration(*r.WakeAtNs), s.now()))
}
