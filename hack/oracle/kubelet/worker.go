// Package kubelet holds our engine against the kubelet's own prober, whose
// source nobody here has touched: the independent check of the worker.
package kubelet

import (
	"fmt"
	"math/rand"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
)

// A plan is what a run of both probers is about: pods with random probes,
// answers and fates. Everything in it is a function of the seed, so that both
// see the same, and every duration is a multiple of the quantum.
//
// Every actor acts at instants with a residue of its own, so that no two ever
// meet: see package bubble.
type plan struct {
	seed  uint64
	until time.Duration
	pods  []podPlan
	steps []step // of the wall clock
	// restarts are instants at which the prober's process is killed, and another
	// one begins, ascending; jitter is what the workers of each of them sleep
	// first, by pod and slot, and draws seeds the generator from which the kubelet
	// draws that (TIM-START-JITTER).
	restarts []time.Duration
	jitter   []map[[2]int]time.Duration
	draws    []int64
	// literal are the differences that are known and not kept from the logs.
	literal differences
}

// differences are those between the kubelet and ours that are known. A plan keeps
// them from the logs; TestKnownDifferences shows that they are there. A third one
// no plan makes: a pod that is deleted before its startup has passed. The kubelet
// stops the worker without a verdict (prober_manager.go:244), and readiness waits
// for ever; ours takes startup for passed, as the kubelet's worker does when it
// finds the pod deleted (worker.go:316).
type differences struct {
	// young: a container younger than ten seconds whose startup has passed when
	// the prober is restarted. Both take that back, ours at once, the kubelet with
	// the first check of its startup worker (worker.go:280); readiness and liveness
	// may run until then.
	young bool
	// verdict: that of an attempt of liveness under way when the pod is deleted.
	// The kubelet stores it (worker.go:379), with no effect; ours drops it.
	verdict bool
}

// step is a step of the wall clock of the node.
type step struct{ at, by time.Duration }

const quantum = time.Millisecond

// podPlan is one pod with one container at a time.
type podPlan struct {
	name    string
	probes  []probes.Probe
	added   []time.Duration // when the worker of each probe begins
	start   time.Duration   // of the first container
	grace   time.Duration   // from a verdict to the end of the container
	restart time.Duration   // from there to the next one
	syncs   time.Duration   // between two pod syncs; 0: none
	slow    bool            // answers may outlast the period
	panics  time.Duration   // between two tries that are lost to a panic; 0: none
	deleted time.Duration   // when the pod is deleted, if its container runs then; 0: never
}

// The residues of a pod: its workers, and what happens to it.
// A sync begins the period of a worker anew, which goes on at the residue of the
// sync: so that no later one meets it, each has its own.
const (
	block    = 16_384
	maxPods  = int(quantum) / block
	onWorker = 1 // + slot
	onStart  = 8
	onStop   = 9
	onDelete = 10
	onPanic  = 11
	onSync   = 16 // + number
	maxSyncs = block - onSync
)

// sync is the instant of the n-th sync of a pod, n from 1.
func (p *podPlan) sync(pod, n int) time.Duration {
	return align(p.start+time.Duration(n)*p.syncs, residue(pod, onSync+n%maxSyncs))
}

// lost is the instant after which the next try of a pod is lost to a panic, for
// the n-th time.
func (p *podPlan) lost(pod, n int) time.Duration {
	return align(p.start+time.Duration(n)*p.panics, residue(pod, onPanic))
}

func residue(pod, what int) time.Duration { return time.Duration(pod*block + what) }

// align is the next instant with a residue, t included.
func align(t, r time.Duration) time.Duration { return t + (r-t%quantum+quantum)%quantum }

// dice draws from a stream of a plan's seed.
type dice struct{ seed, stream, n uint64 }

func (d *dice) below(n int) int {
	d.n++
	return int(sim.Below(sim.Draw(d.seed, d.stream, d.n), uint64(n)))
}

func (d *dice) one(of ...int) int { return of[d.below(len(of))] }

// newPlan makes pods that live for a while.
func newPlan(seed uint64, pods int, until time.Duration) *plan {
	p := &plan{seed: seed, until: until}
	for i := range min(pods, maxPods) {
		p.pods = append(p.pods, newPod(seed, i))
	}
	if seed%2 == 0 {
		p.restart()
	}
	d := &dice{seed: seed, stream: sim.Stream("steps")}
	for t := time.Duration(0); t < until; {
		t += time.Duration(5+d.below(40)) * time.Second
		by := time.Duration(d.one(-3600, -5, -1, 1, 2, 7, 3600)) * time.Second
		if len(p.restarts) > 0 {
			by %= 10 * time.Second // see young
		}
		if by != 0 && !p.young(t) {
			p.steps = append(p.steps, step{align(t, residue(maxPods, onStep)), by})
		}
	}
	return p
}

// The residues of what concerns the node, behind the last pod.
const (
	onStep    = 1
	onRestart = 2
)

// restart makes a plan one of many short-lived probers. A kubelet that finds a
// pod which is being deleted does not probe it at all; so none is.
func (p *plan) restart() {
	d := &dice{seed: p.seed, stream: sim.Stream("restarts")}
	for i := range p.pods {
		p.pods[i].deleted = 0
	}
	for t := time.Minute; t < p.until-time.Minute; t += time.Duration(20+d.below(200)) * time.Second {
		at := align(t+time.Duration(d.below(1000))*time.Millisecond, residue(maxPods, onRestart))
		seed := int64(p.seed)<<16 + int64(len(p.restarts))
		jitter, ok := p.jitters(at, seed)
		for ; !ok; jitter, ok = p.jitters(at, seed) {
			seed += 1 << 32
		}
		p.restarts, p.jitter, p.draws = append(p.restarts, at), append(p.jitter, jitter), append(p.draws, seed)
	}
}

// jitters is what the workers sleep first after a restart, when the generator
// has the seed; false: one sleeps for a period or more, as it begins a little
// later than ours.
func (p *plan) jitters(restart time.Duration, seed int64) (map[[2]int]time.Duration, bool) {
	draws, jitter, ok := rand.New(rand.NewSource(seed)), map[[2]int]time.Duration{}, true
	for i := range p.pods {
		for slot := range p.pods[i].probes {
			period := p.pods[i].probes[slot].Period
			j := p.begins(restart, i, slot) - restart + time.Duration(draws.Float64()*float64(period))
			jitter[[2]int{i, slot}], ok = j, ok && j < period
		}
	}
	return jitter, ok
}

// begins is when a worker begins after a restart at an instant: one after the
// other, in the order of pods and slots.
func (p *plan) begins(restart time.Duration, pod, slot int) time.Duration {
	return align(restart, residue(pod, onWorker+slot))
}

// young tells whether a prober has just been restarted. It compares the start of
// a container that it has not seen yet with its own, less ten seconds; a step of
// the clock, which is here another start of the container, must not come between
// then, and never be as long as these ten seconds.
func (p *plan) young(t time.Duration) bool {
	return slices.ContainsFunc(p.restarts, func(r time.Duration) bool { return t > r-2*time.Second && t < r+10*time.Second })
}

func newPod(seed uint64, i int) podPlan {
	d := &dice{seed: seed, stream: sim.Stream(fmt.Sprint("pod/", i))}
	p := podPlan{
		name:    fmt.Sprintf("pod-%d", i),
		grace:   time.Duration(d.one(0, 0, 1, 3, 10, 30)) * time.Second,
		restart: time.Duration(d.one(1, 500, 1500, 7000)) * time.Millisecond,
		slow:    d.below(2) == 0,
	}
	kinds := [][]probes.Kind{
		{probes.Readiness},
		{probes.Liveness},
		{probes.Readiness, probes.Liveness},
		{probes.Startup, probes.Readiness},
		{probes.Startup, probes.Readiness, probes.Liveness},
	}[d.below(5)]
	p.start = align(time.Duration(10_000+d.below(5000))*time.Millisecond, residue(i, onStart))
	for slot, kind := range kinds {
		one := probes.Probe{
			Kind: kind, Handler: probes.Exec, Command: []string{p.name, kind.String()},
			InitialDelay:     time.Duration(d.one(0, 0, 1, 3, 8)) * time.Second,
			Period:           time.Duration(d.one(1, 1, 2, 3, 5)) * time.Second,
			Timeout:          time.Duration(d.one(1, 1, 2, 4, 9)) * time.Second,
			FailureThreshold: int32(d.one(1, 2, 3, 4)), SuccessThreshold: 1, TerminationGrace: -1,
		}
		if kind == probes.Readiness {
			one.SuccessThreshold = int32(d.one(1, 1, 2, 3))
		}
		p.probes = append(p.probes, one)
		// A worker begins with its pod, up to a period before the container.
		early := time.Duration(d.below(int(one.Period/time.Millisecond))) * time.Millisecond
		p.added = append(p.added, align(p.start-early-quantum, residue(i, onWorker+slot)))
	}
	if !p.slow && d.below(2) == 0 {
		p.syncs = time.Duration(d.one(700, 2300, 11_000)) * time.Millisecond
	}
	if d.below(3) == 0 {
		p.panics = time.Duration(d.one(9, 31, 170)) * time.Second
	}
	// Without a startup probe: see differences.
	if !p.slow && kinds[0] != probes.Startup && d.below(2) == 0 {
		// A worker that is told to stop while a tick is latched may take either
		// first, by chance; so only where none is.
		p.deleted = align(p.start+time.Duration(600+d.below(2400))*time.Second, residue(i, onDelete))
	}
	return p
}

// shutdown is how long the container of a deleted pod runs on.
const shutdown = 20 * time.Second

// answer is what a try comes to. Most pods have good and bad times, so that
// thresholds are reached, and missed by one.
func (p *plan) answer(pod, slot int, attempt, try int32) (took time.Duration, class probes.Class) {
	one := &p.pods[pod]
	probe := &one.probes[slot]
	stream := sim.Stream("answers") ^ uint64(pod)<<8 ^ uint64(slot)
	draw := sim.Draw(p.seed, stream, uint64(attempt)<<2|uint64(try))
	mood := sim.Draw(p.seed, ^stream, uint64(attempt)/7) % 4
	good := [4]uint64{97, 60, 25, 3}[mood]
	class = probes.Success
	switch x := sim.Below(draw, 100); {
	case x >= 96:
		class = probes.Errored
	case x >= good:
		class = probes.Failure
	}
	longest := probe.Period / 4
	if one.slow && draw>>8%8 == 0 {
		longest = 3 * probe.Period
	}
	took = time.Duration(1+sim.Below(draw*0x9e3779b97f4a7c15, uint64(longest/quantum))) * quantum
	if took >= probe.Timeout {
		return probe.Timeout, probes.Failure
	}
	return took, class
}

// what is an entry of a log.
type what uint8

const (
	tryStarted what = iota + 1
	tryFinished
	stateChanged
)

// entry is one line of the log that both probers must write alike.
type entry struct {
	at           time.Duration
	pod, slot    int
	what         what
	attempt, try int32
	class        probes.Class
	healthy      bool
}

func (e entry) String() string {
	who := fmt.Sprintf("%v pod %d probe %d", e.at, e.pod, e.slot)
	switch e.what {
	case tryStarted:
		return fmt.Sprintf("%s: attempt %d try %d begins", who, e.attempt, e.try)
	case tryFinished:
		return fmt.Sprintf("%s: attempt %d try %d is %v", who, e.attempt, e.try, e.class)
	case stateChanged:
		return fmt.Sprintf("%s: healthy is %t", who, e.healthy)
	}
	return who
}

// parted is the first line in which two logs differ, with some of what comes
// before; empty: they are the same.
func parted(ours, theirs []entry) string {
	for i := range max(len(ours), len(theirs)) {
		if i < len(ours) && i < len(theirs) && ours[i] == theirs[i] {
			continue
		}
		line := func(list []entry) string {
			if i < len(list) {
				return list[i].String()
			}
			return "nothing"
		}
		text := fmt.Sprintf("line %d\n  ours    %s\n  kubelet %s", i, line(ours), line(theirs))
		pod := -1
		if i < len(theirs) {
			pod = theirs[i].pod
		}
		for j, n := i-1, 0; j >= 0 && n < 6; j-- {
			if ours[j].pod == pod {
				text += "\n  before  " + ours[j].String()
				n++
			}
		}
		return text
	}
	return ""
}
