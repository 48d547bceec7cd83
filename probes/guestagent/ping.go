package guestagent

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/probes"
)

var pingCommand = []byte(`{"execute":"guest-ping"}` + "\n")

// Ping makes one try of a guestAgentPing probe (GA-CMD). Every failure is
// class Failure: virt-probe's exit code is all that the kubelet sees
// (GA-FAIL-MAP). It returns within Timeout + ExecOuterExtra.
func Ping(env Env, d Domain, ch *Channel, t *Target) probes.Result {
	st := d.Status()
	if st.SocketGone {
		return failure("Failed to connect cmd client")
	}
	if t.Profile.PauseAnnotation && st.ProbesPaused && (t.Rules == nil || !t.Rules.AnnotationContacts) {
		return probes.Result{Class: probes.Success}
	}
	c := pingCalls.Get().(*pingCall) //nolint:forcetypeassert // the pool holds nothing else
	c.t, c.d, c.ch, c.wait = t, d, ch, t.limits(env.Now(), t.Profile.ExecOuterExtra)
	c.rules, c.replies = t.Rules, t.Replies
	c.start("guest-ping", t.Rules.ping())
	if c.run(env, c.wait.cut) {
		result := c.result()
		c.release()
		return result
	}
	result := killed(d, t)
	if t.late(d.Status()) {
		result = probes.Result{Class: probes.Success}
	}
	env.Go(func(env Env) {
		c.run(env, far)
		c.result() // for its event
		c.release()
	})
	return result
}

// pingCall is one GuestPing call inside virt-launcher.
type pingCall struct {
	exchange
	t *Target
}

var pingCalls = sync.Pool{New: func() any { return new(pingCall) }}

// release gives the call back to the pool, without large buffers.
func (c *pingCall) release() {
	if cap(c.w.line) > 64<<10 {
		c.w.line = nil
	}
	c.t, c.d, c.ch, c.rules, c.replies = nil, nil, nil, nil, nil
	pingCalls.Put(c)
}

// result is what virt-launcher answers when libvirt has.
func (c *pingCall) result() probes.Result {
	if result, done := c.t.pingEnds(c.d.Status(), c.err); done {
		return result
	}
	if c.err == nil || c.t.suppressed(c.d.Status(), c.err.Code) {
		if c.err != nil && c.t.Rules != nil && c.t.Rules.AlwaysEvent {
			c.d.PingFailed(c.err.Error())
		}
		return probes.Result{Class: probes.Success}
	}
	text := c.err.Error()
	if c.t.Profile.PauseAnnotation && (c.t.Rules == nil || !c.t.Rules.NoEvent) { // KubeVirt >= 1.9
		c.d.PingFailed(text)
	}
	return failure(text)
}

// suppressed tells whether virt-launcher turns an error of a ping into
// success. Only two codes are eligible, and then the domain must be migrating
// (GA-SUPPRESS-MIG), gone, of unknown state, or paused for a healthy reason
// (GA-SUPPRESS-PAUSE).
func (t *Target) suppressed(st Status, code Code) bool {
	switch {
	case !t.eligible(code):
		return false
	case t.latch(st) || t.Rules.excused(st):
		return true
	case t.Profile.SuppressMigration && st.Migrating:
		return true
	case !t.Profile.SuppressPause:
		return false
	case !st.Exists || st.StateUnknown:
		return t.Rules == nil || !t.Rules.GoneSurfaces
	}
	return st.State == Paused && st.Reason.Healthy()
}

func failure(message string) probes.Result {
	return probes.Result{Class: probes.Failure, Message: message}
}

// virtProbe is the program that the kubelet runs in the compute container.
const virtProbe = "virt-probe"

// killed is the result of a virt-probe that outlived the kubelet's patience.
func killed(d Domain, t *Target) probes.Result {
	seconds := strconv.FormatInt(int64(t.Probe.Timeout/time.Second), 10)
	argv := []string{virtProbe, "--domainName", d.Name(), "--timeoutSeconds", seconds}
	if t.Probe.Handler == probes.Exec && len(t.Probe.Command) > 0 {
		argv = append(argv, "--command", t.Probe.Command[0], "--")
		argv = append(argv, t.Probe.Command[1:]...)
	} else {
		argv = append(argv, "--guestAgentPing")
	}
	return timedOutAfter(argv, t.Probe.Timeout+t.Profile.ExecOuterExtra)
}

func timedOutAfter(argv []string, after time.Duration) probes.Result {
	return failure("command timed out: " + strconv.Quote(strings.Join(argv, " ")) + " timed out after " + after.String())
}
