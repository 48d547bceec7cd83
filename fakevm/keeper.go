package fakevm

import (
	"slices"
	"time"
)

// AgentState is what a real guest agent has to be.
type AgentState uint8

// The states of a real agent.
const (
	AgentDown AgentState = iota // not running, the port is closed
	AgentUp                     // running
	AgentHung                   // stopped by a signal: the port is open, nothing is read
)

// AgentKeeper is a Host with a real guest agent: it keeps the agent in the
// state that the script asks for and tells of its commands by Guest.AgentSaw.
// A guest leaves the agent to it when PlainAgent holds for its programs.
type AgentKeeper interface {
	KeepAgent(AgentState)
}

// PlainAgent tells whether a real agent can do all that the programs script:
// it answers truly, is down, or hangs, one of them a step; commands run by a
// process that asks Guest.RunCommand.
func PlainAgent(programs ...Program) bool {
	for i := range programs {
		p := &programs[i]
		if len(p.Freezes) > 0 {
			return false // the real one freezes real filesystems
		}
		for j := range p.Endpoints {
			switch e := &p.Endpoints[j]; e.Kind {
			case Agent:
				if !plainSteps(e) {
					return false
				}
			case Exec:
				if !plainCommands(e) {
					return false
				}
			case HTTP, HTTPS, TCP:
			}
		}
	}
	return true
}

func plainSteps(e *Endpoint) bool {
	for i := range e.Steps {
		if len(e.Steps[i].Replies) != 1 || e.Steps[i].Replies[0].Times != 0 {
			return false
		}
		switch *e.Steps[i].Replies[0].Reply.agent() {
		case AgentReply{}, AgentReply{Down: true}, AgentReply{Silent: true}:
		default:
			return false
		}
	}
	return true
}

func plainCommands(e *Endpoint) bool {
	for i := range e.Steps {
		for j := range e.Steps[i].Replies {
			if r := e.Steps[i].Replies[j].Reply.Exec; r != nil && (r.Missing || r.OutputRaw != "") {
				return false
			}
		}
	}
	// Before its first step a command is missing.
	return len(e.Steps) > 0 && e.Steps[0].At == 0
}

// AgentStopped tells whether the agent is a process that is stopped: what comes
// now it answers when it goes on.
func (g *Guest) AgentStopped() bool {
	next := g.agentPeek()
	return g.plain && next != nil && next.reply.agent().Silent
}

// keepAgent brings a real agent into the state in force.
func (g *Guest) keepAgent() {
	state := AgentDown
	if next := g.agentPeek(); next != nil {
		switch r := next.reply.agent(); {
		case r.Silent:
			state = AgentHung
		case !r.Down:
			state = AgentUp
		}
	}
	g.setAgent(state)
}

func (g *Guest) setAgent(state AgentState) {
	if state != g.agent.state {
		g.agent.state = state
		g.keeper.KeepAgent(state)
	}
}

// AgentSaw tells that the real agent of an AgentKeeper got a command.
func (g *Guest) AgentSaw(command string) {
	next := g.agentPeek()
	if g.keeper == nil || next == nil {
		return
	}
	if command == "guest-sync" || command == "guest-sync-delimited" || command == "guest-exec-status" {
		g.noteAgent(next, command)
		return
	}
	p := pick{prepared: next}
	if g.agent.ep != nil {
		p = g.take(g.agent.ep)
	}
	g.logAgent(p, command)
}

// Progress is how far the script of an endpoint has come whose times count
// from the start of the run: it goes on over any number of boots.
type Progress struct {
	Endpoint string `json:"endpoint"` // "http/8080"
	Step     int    `json:"step"`     // index
	Reply    int    `json:"reply"`    // index in the step
	Used     int    `json:"used"`     // uses of that reply
}

// MergeProgress keeps how far the scripts of a guest have come, for its next boot:
// the endpoints in news replace those in kept, in a list of its own.
func MergeProgress(kept, news []Progress) []Progress {
	kept = slices.Clone(kept)
	for _, p := range news {
		if at := slices.IndexFunc(kept, func(o Progress) bool { return o.Endpoint == p.Endpoint }); at >= 0 {
			kept[at] = p
		} else {
			kept = append(kept, p)
		}
	}
	return kept
}

// Progress lists the endpoints that have used replies, in the order of the
// program.
func (g *Guest) Progress() []Progress {
	var list []Progress
	for _, e := range g.endpoints {
		if st := e.step(); st != nil && !e.perBoot && (st.pos > 0 || st.used > 0) {
			list = append(list, Progress{e.name, e.cur, st.pos, st.used})
		}
	}
	return list
}

// Restore goes on where another guest with this program has been: this one is
// the same machine, about to boot again.
func (g *Guest) Restore(list []Progress) {
	for _, p := range list {
		for _, e := range g.endpoints {
			if e.name != p.Endpoint || e.perBoot || p.Step < 0 || p.Step >= len(e.steps) {
				continue
			}
			e.cur = p.Step
			e.steps[p.Step].pos, e.steps[p.Step].used = min(max(p.Reply, 0), len(e.steps[p.Step].replies)-1), p.Used
		}
	}
}

// Ends is the instant at which the programs end a hang or a suspension that
// began at the instant now of a boot that began at booted: the one the action
// itself has (length, if > 0), or the next Resume of the script. ok is false
// when nothing does.
func Ends(program, everyBoot Program, booted, now, length time.Duration) (at time.Duration, ok bool) {
	consider := func(t time.Duration) {
		if t >= now && (!ok || t < at) {
			at, ok = t, true
		}
	}
	if length > 0 {
		consider(now + length)
	}
	for _, s := range program.Power {
		if s.Do == Resume {
			consider(s.At)
		}
	}
	for _, s := range everyBoot.Power {
		if s.Do == Resume {
			consider(booted + s.At)
		}
	}
	return at, ok
}
