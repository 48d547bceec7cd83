package guestagent_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// command is what a guest-exec does.
type command struct {
	after time.Duration // run time
	hang  bool
	reply string // members of the final guest-exec-status reply beside exited
	start string // not empty: the reply to guest-exec
}

// runs makes an agent that starts commands and says when they have exited.
func runs(c command) func(*agent, request) {
	var began time.Time
	return func(a *agent, r request) {
		switch r.Execute {
		case "guest-exec":
			began = time.Now()
			a.execs = append(a.execs, r)
			if c.start != "" {
				a.say(c.start + "\n")
				return
			}
			a.say("{\"return\": {\"pid\": 77}}\n")
		case "guest-exec-status":
			if r.Arguments.Pid != 77 {
				panic(fmt.Sprint("status of pid ", r.Arguments.Pid))
			}
			if c.hang || time.Since(began) < c.after {
				a.say("{\"return\": {\"exited\": false}}\n")
				return
			}
			a.say("{\"return\": {\"exited\": true" + c.reply + "}}\n")
		default:
			healthy(a, r)
		}
	}
}

func (m *machine) exec(argv ...string) *machine {
	m.target.Probe = &probes.Probe{Handler: probes.Exec, Command: argv, Timeout: 2 * time.Second}
	return m
}

// Reference: EX-EXIT0, EX-BASE64, EX-SIGNAL-KV, EX-EXITCODE-MOD, EX-POLL-KV,
// EX-TIMEOUT.
func TestExec(t *testing.T) {
	out := func(n int) string {
		return `, "out-data": "` + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("o", n))) + `"`
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name  string
		run   command
		class byte
		says  string
		after time.Duration
	}{
		{"exit 0 at once", command{reply: `, "exitcode": 0`}, 'S', "", 0},
		{"exit 1", command{reply: `, "exitcode": 1` + out(3)}, 'F', "ooo", 0},
		{"exit 127", command{reply: `, "exitcode": 127`}, 'F', "", 0},
		{"exit 255", command{reply: `, "exitcode": 255`}, 'F', "", 0},
		{"exit 256 passes upstream", command{reply: `, "exitcode": 256`}, 'S', "", 0},
		{"exit 0xC0000100 passes upstream", command{reply: `, "exitcode": 3221225728`}, 'S', "", 0},
		{"exit -1", command{reply: `, "exitcode": -1`}, 'F', "", 0},
		{"signal 9 passes upstream", command{reply: `, "signal": 9`}, 'S', "", 0},
		{"output is no base64", command{reply: `, "exitcode": 0, "out-data": "%%%"`}, 'F', "illegal base64", 0},
		{"exit code is no number", command{reply: `, "exitcode": "0"`}, 'F', "cannot unmarshal", 0},
		{"exits at 0.1 T", command{after: 200 * ms, reply: `, "exitcode": 0`}, 'S', "", 200 * ms},
		{"exits between two ticks", command{after: 1001 * ms, reply: `, "exitcode": 0`}, 'S', "", 1200 * ms},
		{"exits at 0.9 T", command{after: 1800 * ms, reply: `, "exitcode": 0`}, 'S', "", 1800 * ms},
		{"exits at T", command{after: 2000 * ms, reply: `, "exitcode": 0`}, 'S', "", 2000 * ms},
		{"exits at 1.05 T", command{after: 2100 * ms, reply: `, "exitcode": 0`}, 'F', "Timed out waiting for guest pid [77] for command [/bin/check] to exit", 2200 * ms},
		{"hangs", command{hang: true}, 'F', "Timed out waiting", 2200 * ms},
		{"cannot be started", command{start: `{"error": {"class": "GenericError", "desc": "Failed to execute child process"}}`}, 'F', "'guest-exec': Failed to execute child process", 0},
		{"disabled while frozen", command{start: `{"error": {"class": "CommandDisabled", "desc": "Command guest-exec has been disabled"}}`}, 'F', "has been disabled", 0},
		{"no pid", command{start: `{"return": {}}`}, 'F', "Invalid pid [0]", 0},
		{"pid is text", command{start: `{"return": {"pid": "1"}}`}, 'F', "cannot unmarshal", 0},
	} {
		inBubble(t, runs(c.run), func(m *machine) {
			m.exec("/bin/check").want(c.name, c.class, c.says, c.after)
			if len(m.d.events()) != 0 {
				m.t.Errorf("%s: events %q", c.name, m.d.events())
			}
		})
	}
	inBubble(t, runs(command{reply: `, "exitcode": 1` + out(20<<10)}), func(m *machine) {
		if r, _ := m.exec("x").try(); len(r.Message) != 10<<10 {
			m.t.Errorf("EX-OUTPUT: %d bytes", len(r.Message))
		}
	})
	inBubble(t, silent, func(m *machine) {
		m.exec("x").want("hung agent", 'F', `command timed out: "virt-probe --domainName default_vm --timeoutSeconds 2 --command x --" timed out after 3s`, 3*time.Second)
	})
	inBubble(t, runs(command{hang: true}), func(m *machine) {
		m.exec("x").timeout(20*time.Second).want("T >= 10: the kubelet is first", 'F', "command timed out", 21*time.Second)
	})
}

// Reference: EX-NO-SHELL, EX-JSON-INJECT: arguments are not escaped.
func TestArguments(t *testing.T) {
	for _, c := range []struct {
		argv  []string
		want  []string // argv that arrives; nil: nothing arrives
		class byte
	}{
		{[]string{"/bin/sh", "-c", "exit 0"}, []string{"/bin/sh", "-c", "exit 0"}, 'S'},
		{[]string{"x", "ünï", "", "$(y) *"}, []string{"x", "ünï", "", "$(y) *"}, 'S'},
		{[]string{"x", `say "hi"`}, nil, 'F'},
		{[]string{"x", `C:\dir`}, nil, 'F'},
		{[]string{"x", "two\nlines"}, nil, 'F'},
		{[]string{"x", `a", "b`}, []string{"x", "a", "b"}, 'S'},
		{[]string{"x", `tab\tbed`}, []string{"x", "tab\tbed"}, 'S'},
	} {
		inBubble(t, runs(command{reply: `, "exitcode": 0`}), func(m *machine) {
			r, _ := m.exec(c.argv...).try()
			var got []string
			for _, e := range m.a.execs {
				got = append([]string{e.Arguments.Path}, e.Arguments.Arg...)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || r.Class.Letter() != c.class {
				m.t.Errorf("%q: got %v (-want +got):\n%s", c.argv, r, diff)
			}
		})
	}
}

// Reference: EX-MAP-KV: a command that looks rendered is left alone, and the
// kubelet then waits for T only.
func TestRenderedCommand(t *testing.T) {
	inBubble(t, runs(command{reply: `, "exitcode": 0`}), func(m *machine) {
		m.exec("virt-probe", "--domainName", "x", "--timeoutSeconds=7", "--command", "/bin/a", "--", "-b", "c").want("rendered", 'S', "", 0)
		e := m.a.execs[0].Arguments
		if diff := cmp.Diff([]string{"/bin/a", "-b", "c"}, append([]string{e.Path}, e.Arg...)); diff != "" {
			m.t.Errorf("argv (-want +got):\n%s", diff)
		}
	})
	inBubble(t, silent, func(m *machine) {
		m.exec("virt-probe", "--command", "x").want("no extra second", 'F', `command timed out: "virt-probe --command x" timed out after 2s`, 2*time.Second)
		m.exec("virt-probe", "--command").want("no command", 'F', "command timed out", 2*time.Second)
	})
}

// Reference: EX-NOT-SUPPRESSED.
func TestExecIsNotSuppressed(t *testing.T) {
	inBubble(t, silent, func(m *machine) {
		m.exec("x")
		m.d.status.ProbesPaused, m.d.status.Migrating = true, true
		m.d.status.Forced = guestagent.AgentUnresponsive
		m.want("migrating", 'F', "Code=86", 0)
		m.d.status.Forced = guestagent.NoDomain
		m.want("target pod", 'F', "Domain not found", 0)
		m.d.status = guestagent.Status{SocketGone: true}
		m.want("launcher gone", 'F', "Failed to connect cmd client", 0)
	})
}

// A slow agent: ticks that nobody takes are dropped, and the rest of a killed
// call goes on polling in the background.
func TestExecSlowStatus(t *testing.T) {
	base := runs(command{hang: true})
	inBubble(t, func(a *agent, r request) {
		if r.Execute == "guest-exec-status" {
			time.Sleep(700 * time.Millisecond)
		}
		base(a, r)
	}, func(m *machine) {
		// The status calls end at 0.7, 1.4, 2.1 and 2.8 s and find the ticks
		// of 0.2, 0.8, 1.6 and 2.2 s waiting; the last one is late.
		m.exec("x").want("slow status", 'F', "Timed out waiting", 2800*time.Millisecond)
		n := len(m.a.seen)
		m.timeout(20*time.Second).want("killed", 'F', "command timed out", 21*time.Second)
		during := len(m.a.seen) - n
		time.Sleep(time.Minute)
		synctest.Wait()
		if during < 5 {
			m.t.Errorf("%d commands", during)
		}
	})
}

type container struct {
	exit   int
	output string
	err    error
	until  time.Time
}

func (c *container) Exec(_ []string, deadline time.Time) (int, []byte, error) {
	c.until = deadline
	return c.exit, []byte(c.output), c.err
}

// Reference: EX-EXIT0, EX-ERR, EX-TIMEOUT in the kubernetes profile.
func TestExecInContainer(t *testing.T) {
	profile, _ := probes.LookupProfile(probes.Kubernetes)
	for _, c := range []struct {
		run   container
		class byte
		says  string
	}{
		{container{}, 'S', ""},
		{container{exit: 256, output: "boom"}, 'F', "boom"},
		{container{exit: 137}, 'F', ""},
		{container{err: errTest}, 'E', "test"},
		{container{err: os.ErrDeadlineExceeded}, 'F', `command timed out: "a b" timed out after 2s`},
	} {
		start := time.Now()
		target := &guestagent.Target{
			Profile: &profile, Container: &c.run,
			Probe: &probes.Probe{Handler: probes.Exec, Command: []string{"a", "b"}, Timeout: 2 * time.Second},
		}
		got := guestagent.Try(bubble{}, nil, nil, target)
		if got.Class.Letter() != c.class || !strings.Contains(got.Message, c.says) {
			t.Errorf("%+v: got %v", c.run, got)
		}
		if d := c.run.until.Sub(start); d < 2*time.Second || d > 3*time.Second {
			t.Errorf("deadline after %v", d)
		}
	}
	for _, target := range []*guestagent.Target{
		{Profile: &profile, Probe: &probes.Probe{Handler: probes.Exec}},
		{Profile: &profile, Probe: &probes.Probe{Handler: probes.Exec, Command: []string{"a"}}},
		{Profile: &profile, Probe: &probes.Probe{Handler: probes.HTTPGet}},
		{Profile: &profile, Probe: &probes.Probe{}},
	} {
		if got := guestagent.Try(bubble{}, nil, nil, target); got.Class != probes.Errored {
			t.Errorf("%+v: got %v", target.Probe, got)
		}
	}
}
