package truth

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
)

// polls is the number of ticks of guest-exec-status within the timeout
// (EX-POLL-KV).
const polls = 10

// execTry is semantics 1.7.
func execTry(p *probes.Probe, prof *probes.Profile, a Answer, net NetModel) Verdict {
	r := &fakevm.ExecReply{Missing: true}
	if a.Reply != nil && a.Kind == fakevm.Exec {
		if r = a.Reply.Exec; r == nil {
			r = &fakevm.ExecReply{}
		}
	}
	if !prof.VM {
		return containerExec(p, prof, r)
	}
	t := patienceOf(p, prof)
	if len(p.Command) > 0 && p.Command[0] == "virt-probe" {
		p = unwrapped(p)
		t.outer -= prof.ExecOuterExtra
	}
	argv, ok := guestArgv(p.Command)
	if !ok {
		return at(probes.Failure, 0, "EX-JSON-INJECT")
	}
	return inState(a.Sync, func(s SyncState) Verdict {
		c := asked(a.Agent, a.AgentDown, s, t, net)
		if c.done {
			return c.v
		}
		if agentOf(a.Agent).Value != "" {
			return Verdict{Classes: Set(probes.Success, probes.Failure), Max: t.outer, Rule: "EX-POLL-KV"}
		}
		started := c.begun + net.Channel
		return c.answered(a.Agent, t, net, func(began time.Duration) Verdict {
			if r.Missing {
				return at(probes.Failure, began, "EX-NO-SHELL")
			}
			return polled(p, r, argv, started, began, net)
		})
	})
}

// unwrapped is the probe behind a command that is rendered already: KubeVirt
// leaves it alone, so that virt-probe's own flags say what the guest gets and
// how long it has, and the kubelet adds no second (EX-MAP-KV).
func unwrapped(p *probes.Probe) *probes.Probe {
	inner := *p
	flags, rest := p.Command[1:], []string(nil)
	if i := slices.Index(flags, "--"); i >= 0 {
		flags, rest = flags[:i], flags[i+1:]
	}
	name := ""
	for i, word := range flags {
		flag, value, joined := strings.Cut(word, "=")
		if !joined && i+1 < len(flags) {
			value = flags[i+1]
		}
		switch flag {
		case "--command":
			name = value
		case "--timeoutSeconds":
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				inner.Timeout = time.Duration(n) * time.Second
			}
		}
	}
	inner.Command = append([]string{name}, rest...)
	return &inner
}

// guestArgv is the command that reaches the guest: the arguments are put into
// JSON without escaping. false: what comes out is no JSON.
func guestArgv(argv []string) ([]string, bool) {
	if len(argv) == 0 {
		return nil, false
	}
	text := `{"path": "` + argv[0] + `", "arg": [`
	if len(argv) > 1 {
		text += `"` + strings.Join(argv[1:], `", "`) + `"`
	}
	var m struct {
		Path string   `json:"path"`
		Arg  []string `json:"arg"`
	}
	if json.Unmarshal([]byte(text+"]}"), &m) != nil {
		return nil, false
	}
	return append([]string{m.Path}, m.Arg...), true
}

// polled follows a command that runs in the guest: the status is asked for at
// once and at every tenth of the timeout, the last time at the timeout.
func polled(p *probes.Probe, r *fakevm.ExecReply, argv []string, started, began time.Duration, net NetModel) Verdict {
	tick := max(p.Timeout/polls, 1)
	gaveUp := at(probes.Failure, began+(polls+1)*tick, "EX-POLL-KV")
	if r.Hang {
		return gaveUp
	}
	exits := started + r.After
	for k := range time.Duration(polls + 1) {
		looks := began + k*tick + net.Channel
		switch gap := exits - looks; {
		case gap < 0 || gap == 0 && r.After == 0:
			return exited(r, argv, looks+net.Channel)
		case gap == 0: // which of the two is first is not settled
			next := gaveUp
			if k < polls {
				next = exited(r, argv, looks+tick+net.Channel)
			}
			return either(exited(r, argv, looks+net.Channel), next)
		}
	}
	return gaveUp
}

// exited is what KubeVirt makes of a status: it knows no signals, and eight
// bits of the exit code.
func exited(r *fakevm.ExecReply, argv []string, now time.Duration) Verdict {
	exit := r.Exit
	if r.Require != nil && !slices.Equal(r.Require, argv) {
		exit = 1
	}
	var v Verdict
	switch {
	case !decodes(r):
		return at(probes.Failure, now, "EX-BASE64")
	case r.OutputBytes > maxResponse/4*3-1000:
		v = at(probes.Failure, now, "GA-GARBAGE")
	case r.Signal != 0:
		v = at(probes.Success, now, "EX-SIGNAL-KV")
	case exit&0xff != 0:
		v = at(probes.Failure, now, "EX-EXIT0")
	case exit != 0:
		v = at(probes.Success, now, "EX-EXITCODE-MOD")
	default:
		v = at(probes.Success, now, "EX-EXIT0")
	}
	if r.OutputBytes > 32<<10 { // takes longer than one crossing
		v.Max, v.Exact = now+5*time.Second, false
	}
	return v
}

func decodes(r *fakevm.ExecReply) bool {
	if r.OutputRaw == "" {
		return true
	}
	_, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.OutputRaw))
	return err == nil
}

// containerExec is exec in a container: no agent, no extra second.
func containerExec(p *probes.Probe, prof *probes.Profile, r *fakevm.ExecReply) Verdict {
	limit := p.Timeout + prof.ExecOuterExtra
	timeout := at(probes.Failure, limit, "EX-TIMEOUT")
	if r.Missing {
		return at(probes.Errored, 0, "EX-ERR")
	}
	if r.Hang || r.After > limit {
		return timeout
	}
	passes := r.Exit == 0 && r.Signal == 0 && (r.Require == nil || slices.Equal(r.Require, p.Command))
	v := at(probes.Failure, r.After, "EX-EXIT0")
	if passes {
		v = at(probes.Success, r.After, "EX-EXIT0")
	}
	if r.After == limit {
		v = either(v, timeout)
	}
	return v
}
