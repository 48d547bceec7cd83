package observe

import (
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// podLife is one pod of a VM.
type podLife struct {
	uid, name   string
	containers  []*life // by restart count
	terminating bool
	ending      time.Time // when it was seen to be, by the harness's clock
	ended       bool      // none of its containers will run again
	gone        bool
}

// life is one container. Its times are the node's.
type life struct {
	pod     *podLife
	number  int // in its pod, from 0
	begun   time.Time
	started time.Time // as the API says, in whole seconds; zero: unknown
	stopped time.Time // as the API says, in whole seconds; zero: it runs
	over    bool
	noticed time.Time // when the API said that it has ended, by the harness's clock
	reason  string
	exit    int32
	term    time.Time   // when SIGTERM, or the power button, came first; zero: never
	presses []time.Time // each of them
	heard   time.Time   // the last report
	seq     int         // of the last report
	quit    time.Time   // when the guest ended by itself; zero: never
	told    time.Time   // when it was told to end, by whoever; zero: never
	ran     bool        // its VMI was Running: there was a domain
	failed  time.Time   // when its VMI was seen to have failed, by the harness's clock; zero: never
}

// grain is that of the timestamps of containers.
const grain = time.Second

// start is when the container began, as far as a prober can know: the API's
// second is not after what the guest says.
func (l *life) start() time.Time {
	if l.started.IsZero() || l.started.After(l.begun) && !l.begun.IsZero() {
		return l.begun
	}
	return l.started
}

// stop is when the container ended: the guest knows it best, the API to the
// second.
func (l *life) stop() time.Time {
	at := l.stopped
	for _, known := range []time.Time{l.quit, l.heard, l.term} {
		if known.After(at) && (l.stopped.IsZero() || known.Before(l.stopped.Add(grain))) {
			at = known
		}
	}
	return at
}

// stoppedBy is the last moment at which the container can have ended: nobody
// knows the fraction of the API's second, and before the guest of the next
// container, and the API's word, it had.
func (m *machine) stoppedBy(o *Observer, i int) time.Time {
	l := m.lives[i]
	at := l.stop()
	if at != l.stopped || at.IsZero() {
		return at
	}
	by := at.Add(grain - 1)
	if !l.noticed.IsZero() && l.noticed.Add(-o.ahead).Before(by) {
		by = l.noticed.Add(-o.ahead)
	}
	if i+1 < len(m.lives) && !m.lives[i+1].begun.IsZero() && m.lives[i+1].begun.Before(by) {
		by = m.lives[i+1].begun
	}
	return latest(at, by)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ErrBusy says that a node had too much to do for a run to say anything.
var ErrBusy = errors.New("the node is too busy")

// firstWord is how long a guest may take to its first report.
const firstWord = 5 * time.Second

// mute tells whether a container had the time to say something and did not. The
// guest counts its containers itself: when one ends before its guest begins, all
// that follow are taken for the one before.
func (m *machine) mute(o *Observer, l *life) bool {
	if m.vm {
		end := m.zero.Add(o.c.Until)
		return o.boot > 0 && l.seq == 0 && (l.start().Add(o.boot).Before(end) || l.over && l.stopped.Before(end))
	}
	return l.seq == 0 && !l.started.IsZero() && l.started.Add(firstWord).Before(m.zero.Add(o.c.Until))
}

// silence says that a container ran and its guest did not.
func (m *machine) silence(l *life) error {
	if m.vm && l.over {
		return fmt.Errorf("VM %s: it ended in pod %s before its guest reported: %s", m.spec.Name, l.pod.name, m.news)
	}
	return fmt.Errorf("VM %s: a container of pod %s ran, and its guest did not report: %w", m.spec.Name, l.pod.name, ErrBusy)
}

// finish writes what is known of all lives in the end.
func (m *machine) finish(o *Observer) {
	var unhealed bool
	var before time.Time // when the last one ended
	for i, l := range m.lives {
		if l.start().IsZero() {
			o.Fail(fmt.Errorf("VM %s: nobody saw container %d of pod %s", m.spec.Name, l.number+1, l.pod.name))
			return
		}
		if m.mute(o, l) {
			o.Fail(m.silence(l))
			return
		}
		if unhealed {
			m.told(latest(l.start(), before), l, trace.Event{Kind: trace.Restart})
		}
		m.told(l.start(), l, trace.Event{Kind: trace.ContainerStarted})
		if end := l.pod.ending.Add(-o.ahead); l.pod.terminating && l.number > 0 && l.start().After(end) {
			// The sync that killed the one before started it, the next one heard of the deletion.
			m.told(latest(l.start(), l.term), l, trace.Event{Kind: trace.Terminating})
		}
		unhealed = m.killed(o, l, i)
		if l.over {
			at := l.stop()
			m.destroyed(o, l)
			if before = m.stoppedBy(o, i); l.exit == exitKilled && (!l.term.IsZero() || unhealed) && !m.vm {
				at = before
				m.told(at, l, trace.Event{Kind: trace.Kill, Value: "sigkill"})
			}
			m.told(at, l, trace.Event{Kind: trace.ContainerStopped, Value: l.reason})
		}
	}
}

// destroyed writes that libvirt ended a domain by force. The API does not say so;
// but a VM that was told to end, whose guest did not end by itself, and that has
// failed, was destroyed when that became known.
func (m *machine) destroyed(o *Observer, l *life) {
	if !m.vm || !l.ran || l.told.IsZero() || !l.quit.IsZero() || l.failed.IsZero() {
		return
	}
	at := l.failed.Add(-o.ahead)
	if stop := l.stop(); stop.Before(at) {
		at = stop
	}
	m.told(latest(at, l.told), l, trace.Event{Kind: trace.Kill, Value: "destroy"})
}

// exitKilled is the exit code of a process that SIGKILL ended.
const exitKilled = 137

// killed writes how a container was told to end, if it was, and whether a
// probe was the cause.
func (m *machine) killed(o *Observer, l *life, i int) bool {
	at, verdict := l.term, ""
	if k, ok := m.killOf(o, l, i); ok {
		if at.IsZero() {
			at = k.at.Add(-o.ahead)
			if by := m.stoppedBy(o, i); l.over && at.After(by) {
				at = by // the news was late
			}
		}
		verdict = k.text
	}
	if at.IsZero() {
		return false
	}
	l.told = at
	kind, unhealed := probeOf(verdict)
	if !unhealed && m.unexplained(o, l, at) {
		o.Fail(fmt.Errorf("VM %s: a container of pod %s was told to end, and no event says why: some are missing", m.spec.Name, l.pod.name))
	}
	if unhealed {
		m.told(at, l, trace.Event{Kind: trace.LivenessFailed, Probe: kind, HasProbe: true})
	}
	m.told(at, l, trace.Event{Kind: trace.Kill, Value: "sigterm"})
	if m.vm { // what a guest is told there is the power button
		for _, t := range l.presses {
			m.told(t, l, trace.Event{Kind: trace.Kill, Value: "acpi"})
		}
	}
	return unhealed
}

// killOf finds the Killing event of a life. Each is about one life; that of a
// container which was told to end may become known when the next one runs.
func (m *machine) killOf(o *Observer, l *life, i int) (arrival, bool) {
	from, until := l.start(), time.Time{}
	if i > 0 {
		from = latest(from, m.lives[i-1].stop())
	}
	if i+1 < len(m.lives) {
		next := m.lives[i+1]
		if until = next.begun; until.IsZero() {
			until = next.start()
		}
		if !l.term.IsZero() {
			until = until.Add(grain)
		}
	}
	for ; m.blamed < len(m.kills); m.blamed++ {
		k := m.kills[m.blamed]
		t := k.at.Add(-o.ahead)
		if t.Before(from) {
			continue
		}
		if !until.IsZero() && !t.Before(until) {
			break
		}
		m.blamed++
		return k, true
	}
	return arrival{}, false
}

// whyPatience is how long it may take until the API tells why a container was told
// to end: by an event, or as its pod is being deleted.
const whyPatience = 3 * time.Second

// unexplained tells whether a container was told to end, by the node's clock, and
// neither a probe is known to have failed nor its pod to be deleted. The API drops
// events of an object that has many.
func (m *machine) unexplained(o *Observer, l *life, at time.Time) bool {
	if at.Add(whyPatience - grain).After(m.zero.Add(o.c.Until)) {
		return false // nobody waited for it
	}
	return !l.pod.terminating || l.pod.ending.After(at.Add(o.ahead+whyPatience))
}

// probeOf reads the probe from the message of a Killing event; false: it was
// none.
func probeOf(message string) (probes.Kind, bool) {
	switch {
	case strings.Contains(message, "failed liveness probe"):
		return probes.Liveness, true
	case strings.Contains(message, "failed startup probe"):
		return probes.Startup, true
	}
	return probes.Liveness, false
}

// update takes what the API said of a container at that time.
func (l *life) update(at time.Time, s *corev1.ContainerState) {
	switch {
	case s.Running != nil:
		l.started = s.Running.StartedAt.Time
	case s.Terminated != nil:
		if !s.Terminated.StartedAt.IsZero() {
			l.started = s.Terminated.StartedAt.Time
		}
		if l.noticed.IsZero() {
			l.noticed = at
		}
		l.over, l.stopped, l.exit = true, s.Terminated.FinishedAt.Time, s.Terminated.ExitCode
		switch {
		case l.exit == 0:
			l.reason = "Completed"
		case l.exit == exitKilled && !l.term.IsZero():
			l.reason = "Killed"
		default:
			l.reason = "Error"
		}
	}
}
