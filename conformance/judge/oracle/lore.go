package oracle

import (
	"encoding/json"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/truth"
	"github.com/vmprobe/vmprobe/probes"
)

// Lore is what guests said, read once, and what the truth tables answered: a
// guest does the same for hours. One serves any number of judgements of one
// case on one testbed, one after the other.
type Lore struct {
	read    map[string]*fakevm.Reply
	known   map[entry]*told
	decided map[question]*decision
	last    *told // was asked for just now
	desk    desk
}

// desk is memory that checks use one after the other.
type desk struct {
	steps     []step
	marks     []history.Mark
	course    course
	kills     []history.Mark
	heard     []*told
	decisions []*decision
	agent     []occupation
}

// NewLore knows nothing yet.
func NewLore() *Lore {
	return &Lore{
		read: map[string]*fakevm.Reply{}, known: map[entry]*told{}, decided: map[question]*decision{}, last: new(told),
	}
}

// entry is one of a guest's log, with a probe that may have caused it.
type entry struct {
	probe         *probes.Probe
	endpoint, msg string
}

// told is what an entry says of the probe.
type told struct {
	entry
	asked bool // the probe asks the endpoint, and has used a reply
	kind  fakevm.EndpointKind
	reply *fakevm.Reply // nil: the log cannot be read
	alone *decision     // what a try comes to that met nothing else; nil: nobody has asked
}

// told reads an entry. Most are what the one before was.
func (l *Lore) told(p *probes.Probe, endpoint, msg string) *told {
	e := entry{p, endpoint, msg}
	if l.last.entry == e {
		return l.last
	}
	x := l.known[e]
	if x == nil {
		kind, _, _ := strings.Cut(endpoint, "/")
		x = &told{entry: e, asked: Asks(p, endpoint) && Uses(p, msg), kind: fakevm.EndpointKind(kind)}
		if x.asked {
			x.reply = l.parse(msg)
		}
		l.known[e] = x
	}
	l.last = x
	return x
}

// parse reads a reply from the log, nil when it is none.
func (l *Lore) parse(text string) *fakevm.Reply {
	r, ok := l.read[text]
	if !ok {
		r = new(fakevm.Reply)
		if json.Unmarshal([]byte(text), r) != nil {
			r = nil
		}
		l.read[text] = r
	}
	return r
}

// question is what a verdict hangs on beside the profile; decision is what
// truth.Of answers.
type question struct {
	probe  *probes.Probe
	answer truth.Answer
}

type decision struct {
	verdict truth.Verdict
	ok      bool
}

// decide asks the truth table.
func (c *court) decide(p *probes.Probe, a truth.Answer) *decision {
	q := question{p, a}
	d := c.lore.decided[q]
	if d == nil {
		d = new(decision)
		d.verdict, d.ok = truth.Of(p, c.profile(), a, c.network())
		c.lore.decided[q] = d
	}
	return d
}

// network is the network of the run.
func (c *court) network() truth.NetModel {
	net := truth.Simulated()
	net.Wall = c.run.Wall
	return net
}
