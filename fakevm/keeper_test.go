package fakevm_test

import (
	"slices"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

func agentOf(replies ...fakevm.AgentReply) fakevm.Program {
	e := fakevm.Endpoint{Kind: fakevm.Agent}
	for i := range replies {
		e.Steps = append(e.Steps, fakevm.Step{
			At: time.Duration(i) * time.Second, Replies: []fakevm.Counted{{Reply: fakevm.Reply{Agent: &replies[i]}}},
		})
	}
	return fakevm.Program{Endpoints: []fakevm.Endpoint{e}}
}

func execOf(at time.Duration, r fakevm.ExecReply) fakevm.Program {
	return fakevm.Program{Endpoints: []fakevm.Endpoint{{Kind: fakevm.Exec, Steps: []fakevm.Step{
		{At: at, Replies: []fakevm.Counted{{Reply: fakevm.Reply{Exec: &r}}}},
	}}}}
}

func TestPlainAgent(t *testing.T) {
	counted := agentOf(fakevm.AgentReply{})
	counted.Endpoints[0].Steps[0].Replies[0].Times = 3
	frozen := agentOf(fakevm.AgentReply{})
	frozen.Freezes = []fakevm.Freeze{{For: time.Second}}
	for name, c := range map[string]struct {
		program fakevm.Program
		want    bool
	}{
		"none":            {fakevm.Program{}, true},
		"up, down, hung":  {agentOf(fakevm.AgentReply{}, fakevm.AgentReply{Down: true}, fakevm.AgentReply{Silent: true}), true},
		"garbage":         {agentOf(fakevm.AgentReply{Raw: "no json"}), false},
		"late":            {agentOf(fakevm.AgentReply{Delay: time.Second}), false},
		"counted":         {counted, false},
		"frozen":          {frozen, false},
		"command":         {execOf(0, fakevm.ExecReply{Exit: 1, Output: "x"}), true},
		"missing command": {execOf(0, fakevm.ExecReply{Missing: true}), false},
		"later command":   {execOf(time.Second, fakevm.ExecReply{}), false},
		"no base64":       {execOf(0, fakevm.ExecReply{OutputRaw: "%"}), false},
	} {
		if got := fakevm.PlainAgent(c.program); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// keeper is a host with a real agent: it notes what the agent has to be.
type keeper struct {
	now    time.Duration
	timers []func()
	at     []time.Duration
	states []fakevm.AgentState
	saw    []fakevm.Record
}

func (k *keeper) Now() time.Duration { return k.now }
func (k *keeper) At(t time.Duration, fn func()) func() {
	k.at, k.timers = append(k.at, t), append(k.timers, fn)
	i := len(k.timers) - 1
	return func() { k.timers[i] = nil }
}
func (k *keeper) Listen(uint16, fakevm.Gate) (func(), error) { return func() {}, nil }
func (k *keeper) AgentChannel(func(fakevm.Session) fakevm.Handler) (fakevm.Session, error) {
	panic("the guest opens the port of an agent that is kept for it")
}
func (k *keeper) Blocking(fakevm.Session, func(fakevm.BlockingConn)) fakevm.Handler { return nil }
func (k *keeper) Log(r fakevm.Record)                                               { k.saw = append(k.saw, r) }

func (k *keeper) KeepAgent(s fakevm.AgentState) { k.states = append(k.states, s) }

// until fires what is due until an instant.
func (k *keeper) until(t time.Duration) {
	for i := 0; i < len(k.timers); i++ {
		if fn := k.timers[i]; fn != nil && k.at[i] <= t {
			k.now, k.timers[i] = max(k.now, k.at[i]), nil
			fn()
		}
	}
	k.now = t
}

// TestKeeper: the real agent follows the script, and its commands are logged
// with the step in force.
func TestKeeper(t *testing.T) {
	k := &keeper{}
	g, err := fakevm.New(k, agentOf(fakevm.AgentReply{}, fakevm.AgentReply{Silent: true}, fakevm.AgentReply{Down: true}), fakevm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g.Boot(0)
	g.AgentSaw("guest-sync")
	g.AgentSaw("guest-ping")
	k.until(3 * time.Second)
	g.Crash()
	want := []fakevm.AgentState{fakevm.AgentUp, fakevm.AgentHung, fakevm.AgentDown}
	if !slices.Equal(k.states, want) {
		t.Errorf("states %v, want %v", k.states, want)
	}
	if len(k.saw) != 2 || k.saw[0].Did != nil || k.saw[1].Did == nil || k.saw[1].Seen != "guest-ping" {
		t.Errorf("saw %+v", k.saw)
	}
}

func TestEnds(t *testing.T) {
	resume := func(at time.Duration) fakevm.Program {
		return fakevm.Program{Power: []fakevm.PowerStep{{At: at, Do: fakevm.Resume}}}
	}
	for name, c := range map[string]struct {
		run, boot fakevm.Program
		length    time.Duration
		want      time.Duration
		ok        bool
	}{
		"for ever":       {},
		"its own length": {length: time.Second, want: 6 * time.Second, ok: true},
		"of the run":     {run: resume(7 * time.Second), want: 7 * time.Second, ok: true},
		"of the boot":    {boot: resume(7 * time.Second), want: 9 * time.Second, ok: true},
		"the first":      {run: resume(7 * time.Second), length: time.Hour, want: 7 * time.Second, ok: true},
		"long ago":       {run: resume(time.Second)},
	} {
		if at, ok := fakevm.Ends(c.run, c.boot, 2*time.Second, 5*time.Second, c.length); at != c.want || ok != c.ok {
			t.Errorf("%s: %v %t", name, at, ok)
		}
	}
}
