package guestagent

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

// maxOutput is how much of a command's output the kubelet keeps, in bytes
// (EX-OUTPUT).
const maxOutput = 10 << 10

// Exec makes one try of an exec probe: in the guest through guest-exec when
// the profile is one of VMs (EX-MAP-KV), else in the container. In the guest
// every failure is class Failure; nothing is ever suppressed
// (EX-NOT-SUPPRESSED).
func Exec(env Env, d Domain, ch *Channel, t *Target) probes.Result {
	if len(t.Probe.Command) == 0 {
		return probes.Result{Class: probes.Errored, Message: "exec probe without a command"}
	}
	if !t.Profile.VM {
		return containerExec(env, t)
	}
	if d.Status().SocketGone {
		return failure("Failed to connect cmd client")
	}
	if t.execPasses(d.Status()) {
		return probes.Result{Class: probes.Success}
	}
	argv, timeout, extra := t.Probe.Command, t.Probe.Timeout, t.Profile.ExecOuterExtra
	wrapped := argv[0] == virtProbe && (t.Rules == nil || !t.Rules.WrapsTwice)
	if wrapped {
		// Such a command is taken for one that is already rendered
		// (EX-MAP-KV): it runs as it is, and without the extra second.
		extra = 0
		argv, timeout = unwrap(argv[1:], timeout)
	}
	now := env.Now()
	argv = t.Rules.argv(argv)
	c := &execCall{timeout: timeout, command: argv[0]}
	c.d, c.ch, c.wait, c.rules, c.replies = d, ch, t.limits(now, extra), t.Rules, t.Replies
	c.start("guest-exec", execCommand(argv, t.Rules))
	if c.run(env, c.wait.cut) {
		return c.result()
	}
	env.Go(func(env Env) { c.run(env, far) })
	if wrapped {
		return timedOutAfter(t.Probe.Command, t.Probe.Timeout)
	}
	return killed(d, t)
}

// unwrap reads virt-probe's own arguments: the command for the guest and the
// timeout inside the guest. Without --command it is the empty command.
func unwrap(args []string, timeout time.Duration) ([]string, time.Duration) {
	command, rest := "", []string(nil)
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		if name == "--" {
			rest = args[i+1:]
			break
		}
		if name != "--command" && name != "--timeoutSeconds" {
			continue
		}
		if !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		if name == "--command" {
			command = value
		} else if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && seconds > 0 {
			timeout = time.Duration(seconds) * time.Second
		}
	}
	return append([]string{command}, rest...), timeout
}

// containerExec is exec of the kubernetes profile.
func containerExec(env Env, t *Target) probes.Result {
	after := t.Probe.Timeout + t.Profile.ExecOuterExtra
	if t.Container == nil {
		return probes.Result{Class: probes.Errored, Message: "no container to run the command in"}
	}
	exit, output, err := t.Container.Exec(t.Rules.argv(t.Probe.Command), env.Now().Add(after))
	switch {
	case err != nil && timedOut(err):
		return timedOutAfter(t.Probe.Command, after) // EX-TIMEOUT
	case err != nil:
		return probes.Result{Class: probes.Errored, Message: err.Error()}
	case t.Rules.exits(exit) != 0:
		return failure(t.Rules.clip(output))
	}
	return probes.Result{Class: probes.Success}
}

// execCommand is the text that virt-launcher sends for a command. The
// arguments are put into JSON without escaping, as upstream does
// (EX-JSON-INJECT): nil when the outcome is no JSON.
func execCommand(argv []string, rules *Rules) []byte {
	var b strings.Builder
	b.WriteString(`{"execute": "guest-exec", "arguments": { "path": ` + rules.quote(argv[0]) + `, "arg": [ `)
	for i, arg := range argv[1:] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(rules.quote(arg))
	}
	b.WriteString(` ], "capture-output":true } }`)
	return commandLine([]byte(b.String()))
}

// execStep is where a guest-exec has come to.
type execStep uint8

const (
	starting execStep = iota // guest-exec is under way
	polling                  // guest-exec-status is under way
	resting                  // until the next tick
	done
)

// execCall is one Exec call inside virt-launcher (EX-POLL-KV): guest-exec,
// then guest-exec-status at once and at every tick of a tenth of the timeout,
// the last one at the timeout itself.
type execCall struct {
	exchange
	step    execStep
	timeout time.Duration
	command string
	pid     int
	began   time.Time // of the ticker
	ticks   int64     // taken from the ticker
	exit    int
	output  []byte
	failed  string // not empty: an error of virt-launcher
}

// run goes on until the call has ended (true) or the instant has come.
func (c *execCall) run(env Env, until time.Time) bool {
	for c.step != done {
		if c.step == resting {
			if !c.rest(env, until) {
				return false
			}
			continue
		}
		if !c.exchange.run(env, until) {
			return false
		}
		switch {
		case c.err != nil:
			c.fail(c.err.Error())
		case c.step == starting:
			c.started(env)
		default:
			c.polled()
		}
	}
	return true
}

func (c *execCall) fail(message string) { c.step, c.failed = done, message }

// started reads the reply to guest-exec and asks for the status at once.
func (c *execCall) started(env Env) {
	r := c.replies.start(c.w.line)
	if r.err != nil {
		c.fail(r.err.Error())
		return
	}
	if r.pid <= 0 {
		c.fail(fmt.Sprintf("Invalid pid [%d] returned from qemu agent during access credential injection: %s",
			r.pid, clip(c.w.line)))
		return
	}
	c.pid, c.began = r.pid, env.Now()
	if c.rules != nil && c.rules.StartedPasses {
		c.step = done
		return
	}
	c.poll()
}

func (c *execCall) poll() {
	c.step = polling
	c.start("guest-exec-status", []byte(`{"execute": "guest-exec-status", "arguments": { "pid": `+
		strconv.Itoa(c.pid)+` } }`+"\n"))
}

// polled reads the reply to guest-exec-status. It looks at the exit code
// alone, as upstream does: a command killed by a signal has none and passes
// (EX-SIGNAL-KV).
func (c *execCall) polled() {
	r := c.replies.status(c.w.line)
	if r.err != nil {
		c.fail(r.err.Error())
		return
	}
	if !r.Exited {
		if c.step = resting; c.rules.pollsOnce() {
			c.giveUp()
		}
		return
	}
	output, err := base64.StdEncoding.DecodeString(r.OutData)
	if err != nil && !c.rules.anyOutput() {
		c.fail(err.Error()) // EX-BASE64
		return
	}
	c.step, c.exit, c.output = done, c.rules.mask(r.ExitCode, r.Signal), output
}

// rest waits for the next tick. The ticker holds one tick and drops those that
// nobody takes; a tick later than the timeout ends the call.
func (c *execCall) rest(env Env, until time.Time) bool {
	every := max(c.timeout/10, 1)
	tick := c.began.Add(time.Duration(c.ticks+1) * every)
	if now := env.Now(); now.Before(tick) {
		wake := earlier(tick, earlier(until, c.wait.limit))
		env.SleepUntil(wake)
		if wake.Before(tick) {
			if wake.Equal(until) {
				return false
			}
			c.giveUp() // the limit of a profile without inner timeouts
			return true
		}
		c.ticks++
	} else {
		c.ticks = int64(now.Sub(c.began) / every)
	}
	if c.began.Add(c.rules.patience(c.timeout)).Before(tick) {
		c.giveUp()
		return true
	}
	c.poll()
	return true
}

func (c *execCall) giveUp() {
	c.fail(fmt.Sprintf("Timed out waiting for guest pid [%d] for command [%s] to exit", c.pid, c.command))
}

// result maps the call to what the kubelet sees of virt-probe: eight bits of
// the exit code (EX-EXITCODE-MOD) and the output.
func (c *execCall) result() probes.Result {
	switch {
	case c.failed != "":
		return failure(c.failed)
	case c.rules.exits(c.exit) != 0:
		return failure(c.rules.clip(c.output))
	}
	return probes.Result{Class: probes.Success}
}

func clipOutput(b []byte) string { return string(b[:min(len(b), maxOutput)]) }
