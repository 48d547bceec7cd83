package simbed

import (
	"crypto/tls"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Memory remembers, over the runs of one case, what tries came to, so that a
// population of probers costs little: a try that begins in the same state of
// the world as an earlier one, and during which nothing else happens, comes to
// the same. Its bytes need not travel again. The trace is that of a run
// without memory, tie keys included.
//
// A Memory must not be used by two goroutines at a time, nor for two cases,
// nor with a Deviation, a Door or an Outside. It must be closed.
type Memory struct {
	episodes map[situation]*episode
	// vain counts, by situation, the lessons that came to nothing.
	vain map[situation]int
	// recent are episodes that were asked for last, by the slot of their probe:
	// most situations are the one before.
	recent [4]struct {
		situation
		*episode
	}
	cast *cast
	// blueprints are those of the guests.
	blueprints map[*scenarios.VM]*fakevm.Blueprint
	// targets are those of the tries, and replies describe what guests do.
	targets map[aim]*attempt.Target
	replies map[*fakevm.Reply]string
	// said is what guest agents say.
	said *guestagent.Replies
	// kernel is that of all runs, one after the other; nil before the first.
	kernel *sim.Kernel
	net    *network.Network
	used   used
	recall *recall
	// Recalled and Made count the tries that were remembered and those that
	// were made.
	Recalled, Made int
}

// maxEpisodes bounds a memory; what comes later is made each time.
const maxEpisodes = 1 << 14

// patience is how many lessons of one situation may come to nothing before no
// more are begun: what a try leaves behind there is more than an episode holds,
// and to watch it costs as much as to make it.
const patience = 32

// NewMemory is an empty memory.
func NewMemory() *Memory {
	return &Memory{
		episodes: map[situation]*episode{}, vain: map[situation]int{}, blueprints: map[*scenarios.VM]*fakevm.Blueprint{},
		targets: map[aim]*attempt.Target{}, replies: map[*fakevm.Reply]string{},
		said: guestagent.NewReplies(),
	}
}

// Close ends what is under way in the last run. The memory must not be used any
// more.
func (m *Memory) Close() {
	if m.kernel != nil {
		m.kernel.Close()
	}
}

// open gives kernel and network for another run of the case.
func (m *Memory) open(c *scenarios.Case, seed uint64) (*sim.Kernel, *network.Network) {
	if m.kernel != nil {
		m.kernel.Reset(seed)
		m.net.Reset()
		m.used.rewind()
		return m.kernel, m.net
	}
	m.kernel = sim.New(seed)
	m.net = network.New(m.kernel)
	m.cast = newCast(c)
	m.cast.mark(m.kernel, c)
	return m.kernel, m.net
}

// aim is what a target of tries is made for.
type aim struct {
	probe *probes.Probe
	vm    int
	pod   int32
}

// cheap is the key exchange of TLS that takes the least time; no secret crosses
// the simulated network. The guests know it.
var cheap = []tls.CurveID{tls.CurveP256} //nolint:gochecknoglobals // a constant

// target is that of the tries of a worker. What it renders for a request is the
// same in every run.
func (w *world) target(req *prober.Request) *attempt.Target {
	if w.recall == nil {
		return &attempt.Target{Probe: req.Probe, Profile: &w.c.Profile, Curves: cheap, Rules: w.deviation.Attempt}
	}
	targets, a := w.recall.memory.targets, aim{req.Probe, req.VM, req.Pod}
	if targets[a] == nil {
		targets[a] = &attempt.Target{Probe: req.Probe, Profile: &w.c.Profile, Curves: cheap}
	}
	return targets[a]
}

// replies is where replies are kept as the JSON that describes them.
func (w *world) replies() map[*fakevm.Reply]string {
	if w.recall == nil {
		return map[*fakevm.Reply]string{}
	}
	return w.recall.memory.replies
}

// said is where what guest agents say is kept; nil without memory.
func (w *world) said() *guestagent.Replies {
	if w.recall == nil {
		return nil
	}
	return w.recall.memory.said
}

// blueprint is that of the guest of a VM; nil without memory, and where the
// guest will say what is wrong with its programs.
func (w *world) blueprint(spec *scenarios.VM) *fakevm.Blueprint {
	if w.recall == nil {
		return nil
	}
	known := w.recall.memory.blueprints
	if known[spec] == nil {
		known[spec], _ = fakevm.NewBlueprint(spec.Program, spec.EveryBoot)
	}
	return known[spec]
}

// episode is what a try in a situation came to; nil: nobody knows.
func (m *Memory) episode(s *situation, slot int) *episode {
	last := &m.recent[slot%len(m.recent)]
	if last.episode == nil || last.situation != *s {
		last.situation, last.episode = *s, m.episodes[*s]
	}
	return last.episode
}

// teachable tells whether a try in a situation that is not remembered is worth
// a lesson.
func (m *Memory) teachable(s *situation) bool {
	return len(m.episodes) < maxEpisodes && m.vain[*s] < patience
}

// episode is what a try came to, with all that it left behind.
type episode struct {
	took    time.Duration
	result  probes.Result
	events  []trace.Event // T counts from the start; the last ones may follow the end
	did     *fakevm.Reply // what the guest did last; nil: nothing
	didAt   time.Duration
	places  []move
	channel *guestagent.ChannelState // in which it left the agent channel; nil: as it was
	keys    []spent                  // up to its end
	tail    spent                    // after it
	ports   ports
}

// ports are the local ports of the connections of a try, of which errors tell.
type ports struct {
	first uint16
	n     int
}

// in is a message as it reads when the first port is another one.
func (p ports) in(message string, first uint16) string {
	if first == p.first || !strings.Contains(message, "->") {
		return message
	}
	for i := range p.n {
		message = strings.Replace(message, p.local(p.first, i), p.local(first, i), 1)
	}
	return message
}

func (p ports) local(first uint16, i int) string { return ":" + strconv.Itoa(int(first)+i) + "->" }

// move is how a guest moved on in its scripts.
type move struct {
	vm       int
	from, to *fakevm.Place
}

// spent are tie keys that an actor was given.
type spent struct {
	account *sim.Account
	keys    uint64
}

// settling is how long after a try the last packet of its connection is gone.
const settling = time.Millisecond

// diary is the sink of a world that remembers.
type diary struct {
	trace.Sink
	r *recall
}

// Record implements trace.Sink.
func (d diary) Record(e trace.Event) {
	moves, all := movesTheWorld(e.Kind), e.VM == ""
	for i := range d.r.groups {
		g := &d.r.groups[i]
		if !moves && g.lesson == nil {
			continue // most events, and nobody looks
		}
		if all || slices.ContainsFunc(g.vms, func(vm int) bool { return d.r.w.c.VMs[vm].Name == e.VM }) {
			g.note(&e, moves)
		}
	}
	d.Sink.Record(e)
}

// movesTheWorld tells of an event of guests, domains or the network. What the
// prober does and what follows from it alone changes no answer.
func movesTheWorld(k trace.Kind) bool {
	switch k {
	case trace.TryStarted, trace.TryFinished, trace.AttemptFinished, trace.ProbeState, trace.LivenessFailed,
		trace.Trigger, trace.Ready, trace.Endpoint, trace.GuestSaw, trace.Violation, trace.ClusterEvent, trace.Finding:
		return false
	default:
		return true
	}
}

// note follows what happens to guests, domains and network.
func (g *group) note(e *trace.Event, moves bool) {
	if g.lesson != nil {
		g.lesson.saw(e)
	}
	if !moves {
		return
	}
	switch e.Kind {
	case trace.FaultStarted:
		g.draws(e, 1)
	case trace.FaultEnded:
		g.draws(e, -1)
	default:
	}
	h := mixed(g.history)
	h.number(uint64(e.Kind))
	h.text(e.VM)
	h.text(e.Value)
	h.text(e.Msg)
	h.number(uint64(e.Instance))
	if e.OK {
		h.number(1)
	}
	g.history = uint64(h)
}

func (g *group) draws(e *trace.Event, n int) {
	if e.Msg == string(scenarios.Loss) {
		g.loose += n
	}
}

// mixed is an FNV-1a digest.
type mixed uint64

func (m *mixed) number(n uint64) { *m = (*m ^ mixed(n)) * 1099511628211 }

func (m *mixed) text(s string) {
	for i := range len(s) {
		m.number(uint64(s[i]))
	}
	m.number(1 << 8)
}
