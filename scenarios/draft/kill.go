package draft

import (
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

// killed tells of the kill.
func (t *teller) killed(l *probe, at time.Duration) {
	dead := t.name("dead")
	l.endpoint.step(at, l.down, dead)
	up := ""
	if t.shared() && t.recreated() {
		up = t.name("up")
	}
	l.endpoint.step(at+l.fails()+aftermath(l), l.up, up)
	t.live = []string{fmt.Sprintf("{failed: 1, in: [%s + (failureThreshold-1)*period, %s + failureThreshold*period%s]}", dead, dead, l.margin())}
	t.about("LIVE-KILL", "THR-FAILURE")
	t.titles = append(t.titles, "ends when its liveness probe keeps failing")
	t.by = at + l.fails() + l.Timeout + t.resolved.Grace + 10*time.Second
	gone := "[" + t.of("liveFailed#1") + ", " + t.of("liveFailed#1") + " + terminationGracePeriod + 10s]"
	again := t.recreated()
	if t.restarts = "none"; again {
		t.restarts = "[{in: " + gone + "}]"
		t.about("LIVE-RECREATE", "TIM-RESTART-FRESH")
	}
	if t.readiness == nil {
		return
	}
	out := gone
	if t.shared() && t.outlasts(t.readiness, l) { // readiness may turn first
		dying := ""
		if t.machine.Kind != "Pod" && t.resolved.Grace >= shutdown {
			dying = " + " + seconds(shutdown)
		}
		t.lets = append(t.lets, fmt.Sprintf("%s: min((readiness.failureThreshold-1)*readiness.period, (liveness.failureThreshold-1)*liveness.period%s)", t.name("soonest"), dying))
		out = fmt.Sprintf("[%s + %s, %s + failureThreshold*period%s]", dead, t.name("soonest"), dead, t.readiness.margin())
	}
	t.ready = append(t.ready, "{to: false, in: "+out+"}")
	if again {
		t.returns()
	}
}

// shutdown is how long a guest takes that has been asked to power off.
const shutdown = 2 * time.Second

// returns tells how the container after the kill becomes ready.
func (t *teller) returns() {
	r, next := t.readiness, t.of("container#2")
	low := next + " + readiness.initialDelay"
	high := low
	if t.startup != nil {
		t.lets = append(t.lets, fmt.Sprintf("%s: max(startup.initialDelay + startup.period, readiness.initialDelay)", t.name("again")))
		high = next + " + " + t.name("again")
		t.by += t.startup.InitialDelay + t.startup.Period
	}
	high += " + successThreshold*period" + r.margin()
	if t.shared() { // the next container may come while its endpoint is still down
		high = fmt.Sprintf("%q", fmt.Sprintf("max(%s, %s + successThreshold*period%s)", high, t.name("up"), r.margin()))
	}
	t.ready = append(t.ready, fmt.Sprintf("{to: true, in: [%s, %s]}", low, high))
	t.by += r.InitialDelay + time.Duration(r.SuccessThreshold)*r.Period + r.Timeout
}

// of names a moment of this machine.
func (t *teller) of(moment string) string {
	if t.prefix == "" {
		return moment
	}
	return t.prefix + "." + moment
}

// aftermath is for how long the endpoint stays down after the kill is due.
func aftermath(l *probe) time.Duration { return 2*time.Second + l.Timeout }

// killable tells whether the container after the kill cannot fail as well.
func (t *teller) killable(l *probe) bool {
	if t.machine.Kind == "Pod" && t.resolved.RestartPolicy == "OnFailure" {
		return false // whether it is restarted depends on how it ends
	}
	if t.resolved.RunStrategy == spec.RerunOnFailure && t.resolved.Grace < 10*time.Second {
		return false // and this on whether the guest is faster than its grace
	}
	survives := func(p *probe) bool {
		left := l.Period + aftermath(l) - p.InitialDelay
		return left < 0 || int64(left/p.Period)+1 < int64(p.FailureThreshold)
	}
	return survives(l) && (t.startup == nil || !t.hurts(l, t.startup) || survives(t.startup))
}

// recreated tells whether a container follows one that was killed.
func (t *teller) recreated() bool {
	switch t.resolved.Profile {
	case probes.OpenShiftDoc:
		return true
	case probes.Kubernetes:
		return t.resolved.RestartPolicy == "Always"
	default:
	}
	return t.resolved.RunStrategy.Started() == spec.Always
}
