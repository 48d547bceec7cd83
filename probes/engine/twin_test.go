package engine_test

import (
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
)

// twin is the slow and obvious model of a worker: the kubelet's loop of
// pkg/kubelet/prober/worker.go (v1.37.2) told again, with a ticker that sends
// into a channel of one, a manual channel of one, container IDs and the cache
// of results by container ID. It shares no code and no idea with Worker: it
// sees a container only when a check looks, keeps results of containers that
// are gone, and fires every single tick.
//
// What it does is compared by what a reader of the cache sees (see view), as
// the kubelet's UpdatePodStatus and computePodActions read it.
type twin struct {
	cfg engine.Config
	now time.Duration
	log []string // what Worker's actions must say too

	// The ticker and the loop.
	created  time.Duration
	sleeping bool          // the start jitter
	tickAt   time.Duration // when the ticker sends next; during sleep, when sleep ends
	tickChan bool
	manual   bool
	stop     bool
	exited   bool

	// The pod.
	id          int // of the present container, 0 before the first
	running     bool
	restarts    bool // the container that stopped will be followed by another
	startedWall time.Duration
	old         bool          // started long before the prober process
	wall        time.Duration // wall clock minus monotonic clock
	started     bool          // the container's startup probe has passed
	deleting    bool

	// The worker.
	knownID    int
	lastResult rune
	resultRun  int
	onHold     bool
	attempt    int
	try        int // 0 when no attempt is in flight
	cache      map[int]rune
}

func newTwin(cfg engine.Config, now time.Duration) *twin {
	return &twin{
		cfg: cfg, now: now, created: now, sleeping: true, tickAt: now + cfg.StartJitter,
		restarts: true, cache: map[int]rune{},
	}
}

// advance lets time pass. Whatever is due before the target has happened when
// it returns; what is due at the target is in the channel and waits for a wake.
func (t *twin) advance(to time.Duration) {
	for {
		if t.try == 0 && t.now < to {
			t.loop()
		}
		if t.tickAt > to {
			break
		}
		t.now = t.tickAt
		if t.sleeping {
			if t.now == to {
				break
			}
			t.loop()
			continue
		}
		t.tickChan = true // or dropped, when there is one already
		t.tickAt += t.cfg.Period
	}
	t.now = to
}

// loop runs the probe loop until it blocks.
func (t *twin) loop() {
	for !t.exited && t.try == 0 {
		switch {
		case t.sleeping:
			if t.now < t.tickAt {
				return
			}
			t.sleeping = false
			t.tickAt = t.now + t.cfg.Period
		case t.stop:
			t.exited = true
			return
		case t.manual:
			t.manual, t.tickChan = false, false
			t.tickAt = t.now + t.cfg.Period
		case t.tickChan:
			t.tickChan = false
		default:
			return
		}
		if !t.doProbe() {
			t.exited = true
		}
	}
}

func (t *twin) doProbe() bool {
	if t.id == 0 {
		return true
	}
	if t.knownID != t.id {
		delete(t.cache, t.knownID)
		t.knownID = t.id
		if !t.running || !t.keptState() {
			t.cache[t.id] = map[probes.Kind]rune{probes.Readiness: 'F', probes.Liveness: 'S', probes.Startup: '?'}[t.cfg.Kind]
		}
		t.onHold = false
	}
	if t.onHold {
		return true
	}
	if !t.running {
		t.cache[t.id] = 'F'
		return t.restarts
	}
	if t.deleting && t.cfg.Kind != probes.Readiness {
		t.cache[t.id] = 'S'
		return false
	}
	elapsed := t.now + t.wall - t.startedWall
	if int32(elapsed.Seconds()) < int32(t.cfg.InitialDelay.Seconds()) {
		return true
	}
	isStarted := t.started || !t.cfg.StartupGate
	if t.cfg.Kind == probes.Startup {
		isStarted = t.started
	}
	if isStarted == (t.cfg.Kind == probes.Startup) {
		return true
	}
	t.attempt++
	t.try = 1
	t.logf("try %d.1", t.attempt)
	return true
}

// keptState is isRestart: the container is older than the prober process.
func (t *twin) keptState() bool {
	return t.cfg.Resume && t.old
}

// result is the second half of doProbe, after the probe returned.
func (t *twin) result(class probes.Class) {
	if class == probes.Errored && t.try < int(t.cfg.Tries) {
		t.try++
		t.logf("try %d.%d", t.attempt, t.try)
		return
	}
	letter := map[probes.Class]rune{probes.Success: 'S', probes.Warning: 'S', probes.Errored: 'E'}[class]
	if letter == 0 {
		letter = 'F'
	}
	t.end(letter)
}

func (t *twin) end(letter rune) {
	t.logf("end %d.%d %c", t.attempt, t.try, letter)
	t.try = 0
	if letter != 'E' {
		t.count(letter)
	}
	t.loop()
}

func (t *twin) count(letter rune) {
	if t.lastResult == letter {
		t.resultRun++
	} else {
		t.lastResult, t.resultRun = letter, 1
	}
	if letter == 'F' && t.resultRun < int(t.cfg.FailureThreshold) ||
		letter == 'S' && t.resultRun < int(t.cfg.SuccessThreshold) {
		return
	}
	t.cache[t.knownID] = letter
	if t.cfg.Kind == probes.Liveness && letter == 'F' || t.cfg.Kind == probes.Startup {
		t.onHold = true
		t.resultRun = 0
	}
	// computePodActions kills a running container whose ID has a failure;
	// once the pod terminates it is not asked any more.
	if t.cfg.Kind != probes.Readiness && letter == 'F' && t.knownID == t.id && t.running && !t.deleting {
		t.logf("kill")
	}
}

func (t *twin) logf(format string, args ...any) {
	t.log = append(t.log, fmt.Sprintf("%v ", t.now)+fmt.Sprintf(format, args...))
}

// step is the twin's Step.
func (t *twin) step(now time.Duration, ev engine.Event) {
	t.advance(now)
	switch ev.Kind {
	case engine.Wake:
		t.loop()
	case engine.ContainerStarted:
		t.id++
		t.running, t.started = true, false
		t.startedWall = ev.At + t.wall
		t.old = ev.At < t.created-10*time.Second
	case engine.ContainerStopped:
		t.running, t.started = false, false
		t.restarts = ev.WillRestart
	case engine.TryFinished:
		if t.try > 0 {
			t.result(ev.Class)
		}
	case engine.TryPanicked:
		if t.try > 0 {
			t.end('E')
		}
	case engine.Trigger:
		if t.cfg.Kind == probes.Readiness {
			t.manual = true
			if !t.sleeping {
				t.loop()
			}
		}
	case engine.Terminating:
		t.deleting = true
		t.stop = t.cfg.Kind != probes.Readiness // StopLivenessAndStartup
	case engine.StartupPassed:
		t.started = t.running
	case engine.ClockStepped:
		t.wall += ev.By
	}
}

// view is what the kubelet makes of the cache for the present container: of
// readiness "ready", of liveness "alive", of startup "started" or not; "kept"
// when the state is the one before a prober restart.
func (t *twin) view() string {
	if !t.running {
		return "down"
	}
	letter, found := t.cache[t.id]
	switch {
	case !found && t.keptState():
		return "kept"
	case t.cfg.Kind == probes.Liveness:
		return fmt.Sprint(!found || letter != 'F')
	default:
		return fmt.Sprint(found && letter == 'S')
	}
}

// viewOf is the same of a Worker that publishes at once.
func viewOf(s engine.State) string {
	switch {
	case !s.Running:
		return "down"
	case !s.Published:
		return "kept"
	default:
		return fmt.Sprint(s.Healthy)
	}
}

// lines writes a Worker's actions as the twin logs them.
func lines(now time.Duration, acts engine.Actions) []string {
	var out []string
	for _, a := range acts.All() {
		switch a.Kind {
		case engine.StartTry:
			out = append(out, fmt.Sprintf("%v try %d.%d", now, a.Attempt, a.Try))
		case engine.AttemptFinished:
			letter := a.Class.Letter()
			if letter == 'W' {
				letter = 'S'
			}
			out = append(out, fmt.Sprintf("%v end %d.%d %c", now, a.Attempt, a.Try, letter))
		case engine.LivenessFailed:
			out = append(out, fmt.Sprintf("%v kill", now))
		case engine.Publish:
		}
	}
	return out
}
