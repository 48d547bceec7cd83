package truth

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
)

// maxResponse is libvirt's QEMU_AGENT_MAX_RESPONSE (GA-GARBAGE).
const maxResponse = 10 << 20

// patience is how long a try of an agent command may take.
type patience struct {
	outer time.Duration // the kubelet kills virt-probe
	inner time.Duration // libvirt's wait for each step
}

func patienceOf(p *probes.Probe, prof *probes.Profile) patience {
	if prof.AgentInner == 0 {
		return patience{outer: p.Timeout, inner: p.Timeout}
	}
	return patience{outer: p.Timeout + prof.ExecOuterExtra, inner: prof.AgentInner}
}

// by is the verdict of something that happens at an instant, unless patience
// ends before.
func (t patience) by(v Verdict) Verdict {
	if v.Min > t.outer || v.Min == t.outer && v.Classes == Set(probes.Failure) {
		return at(probes.Failure, t.outer, "GA-TIMEOUT-KUBELET")
	}
	if v.Max >= t.outer {
		v = either(v, at(probes.Failure, t.outer, "GA-TIMEOUT-KUBELET"))
		v.Max = t.outer
		v.Exact = false
	}
	return v
}

// hang is a step, begun at an instant, that is never answered.
func (t patience) hang(begun time.Duration) Verdict {
	return t.by(at(probes.Failure, begun+t.inner, "GA-TIMEOUT-INNER"))
}

// pingTry is semantics 1.6.
func pingTry(p *probes.Probe, prof *probes.Profile, a Answer, net NetModel) Verdict {
	t := patienceOf(p, prof)
	reply := a.Reply
	if a.Kind != fakevm.Agent {
		reply = nil
	}
	return inState(a.Sync, func(s SyncState) Verdict {
		c := asked(reply, reply == nil, s, t, net)
		if c.done {
			return c.v
		}
		return c.answered(reply, t, net, nil)
	})
}

// inState asks for both states when the state is not known.
func inState(s SyncState, of func(SyncState) Verdict) Verdict {
	if s != SyncUnknown {
		return of(s)
	}
	return either(of(InSync), of(OutOfSync))
}

// command is how far a command has come.
type command struct {
	done  bool
	v     Verdict
	begun time.Duration // when the command itself was sent
}

// asked gets a command to the agent: the checks and, if need be, the sync.
func asked(reply *fakevm.Reply, down bool, s SyncState, t patience, net NetModel) command {
	over := func(v Verdict) command { return command{done: true, v: v} }
	r := agentOf(reply)
	switch {
	case down || r.Down:
		return over(at(probes.Failure, 0, "GA-FAIL-MAP"))
	case s == Broken:
		return over(at(probes.Failure, 0, "GA-GARBAGE"))
	case r.Silent && r.Disconnect:
		v := at(probes.Failure, net.Channel+r.Delay, "GA-FAIL-MAP")
		v.Max, v.Exact = v.Max+2*net.Channel, false
		if v.Max > t.inner {
			v.Max = max(v.Min, min(t.inner, t.outer))
		}
		return over(t.by(v))
	case r.Silent:
		return over(t.hang(0))
	case s == InSync:
		return command{}
	case r.SyncSilent || r.WrongSyncID:
		return over(t.hang(0))
	}
	synced := 2*net.Channel + r.SyncDelay
	if r.ChunkEvery > 0 {
		synced += time.Duration(chunks(len(`{"return": 1700000000000}`)+1, r)-1) * r.ChunkEvery
	}
	if synced >= t.inner {
		return over(t.hang(0))
	}
	if synced >= t.outer {
		return over(at(probes.Failure, t.outer, "GA-TIMEOUT-KUBELET"))
	}
	return command{begun: synced}
}

func agentOf(r *fakevm.Reply) *fakevm.AgentReply {
	if r == nil || r.Agent == nil {
		return &fakevm.AgentReply{}
	}
	return r.Agent
}

// chunks is the number of portions that n bytes travel in.
func chunks(n int, r *fakevm.AgentReply) int {
	size := max(1, r.ChunkBytes)
	return (n + size - 1) / size
}

// answered is the verdict of a command whose reply is on its way; then, when
// not nil, goes on from a successful reply at an instant.
func (c command) answered(reply *fakevm.Reply, t patience, net NetModel, then func(at time.Duration) Verdict) Verdict {
	r := agentOf(reply)
	first := c.begun + 2*net.Channel + r.Delay
	late := c.begun + t.inner
	text, vague := replyText(r)
	read, last := readReplies(text, r, first)
	if read.class == probes.NoClass && r.Disconnect { // broken off
		read = reading{probes.Failure, last + net.Channel, "GA-FAIL-MAP"}
	}
	if read.class == probes.NoClass { // never complete
		return t.by(at(probes.Failure, late, "GA-TIMEOUT-INNER"))
	}
	v := at(read.class, read.at, read.rule)
	if read.class == probes.Success && then != nil {
		v = then(read.at)
	}
	if vague {
		v.Max, v.Exact = late, false
	}
	switch {
	case read.at > late:
		v = at(probes.Failure, late, "GA-TIMEOUT-INNER")
	case read.at == late:
		v = either(v, at(probes.Failure, late, "GA-TIMEOUT-INNER"))
	}
	return t.by(v)
}

// replyText is what the agent sends for a command. vague: so much of it that
// it takes an unknown time.
func replyText(r *fakevm.AgentReply) (text []byte, vague bool) {
	repeat := max(1, r.Repeat)
	if n := int64(len(r.Before)) * int64(repeat); n > 64<<10 {
		vague = true
		repeat = 1 // every copy is read alike
	}
	text = append(text, strings.Repeat(r.Before, repeat)...)
	switch {
	case r.Raw != "":
		return append(text, r.Raw...), vague
	case r.RawBytes > maxResponse:
		return append(text, "x\n"...), true // as good as a line that is no JSON
	case r.RawBytes > 0:
		return append(text, 'x'), vague
	case r.ErrorClass != "":
		return append(text, `{"error": {"class": "`+r.ErrorClass+`"}}`+"\n"...), vague
	}
	value := r.Value
	if value == "" {
		value = "{}"
	}
	return append(text, `{"return": `+value+"}\n"...), vague
}

// reading is what libvirt makes of the agent's lines.
type reading struct {
	class probes.Class // NoClass: no complete reply
	at    time.Duration
	rule  string
}

// readReplies applies the lines portion by portion: of two replies that arrive
// together the last one counts; garbage breaks the channel (GA-GARBAGE,
// GA-FRAMING).
// last is the arrival of the last byte.
func readReplies(text []byte, r *fakevm.AgentReply, first time.Duration) (read reading, last time.Duration) {
	size, every := len(text), time.Duration(0)
	if r.ChunkEvery > 0 {
		size, every = max(1, r.ChunkBytes), r.ChunkEvery
	}
	var line []byte
	now := first
	for len(text) > 0 {
		n := min(size, len(text))
		var got reading
		for _, c := range text[:n] {
			if c != '\n' {
				line = append(line, c)
				continue
			}
			if class, rule := lineClass(line); class == probes.Errored {
				return reading{probes.Failure, now, rule}, now
			} else if class != probes.NoClass {
				got = reading{class, now, rule}
			}
			line = line[:0]
		}
		if got.class != probes.NoClass {
			return got, now
		}
		text = text[n:]
		last = now
		now += every
	}
	return reading{}, last
}

// lineClass is what one line means: a reply that succeeds or fails, garbage
// (Errored), or nothing.
func lineClass(line []byte) (probes.Class, string) {
	if len(bytes.TrimSpace(line)) == 0 {
		return probes.Errored, "GA-GARBAGE"
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(line, &m) != nil || m == nil {
		return probes.Errored, "GA-GARBAGE"
	}
	has := func(name string) bool { _, ok := m[name]; return ok }
	switch {
	case has("QMP"), has("event"):
		return probes.NoClass, ""
	case has("error"):
		return probes.Failure, "GA-FAIL-MAP"
	case has("return"):
		return probes.Success, "GA-CMD"
	}
	return probes.Errored, "GA-GARBAGE"
}
