// Package fleet sums up many runs of one case as if its VMs were a fleet:
// each run has its own seed, its own kernel and its own phases, so a fleet of
// any size needs the memory of one run a core. A failing VM is replayed alone
// by the seed of its run.
package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Seed is the seed of the i-th member of a fleet, from 0. Members keep their
// seeds when the fleet grows.
func Seed(seed uint64, i int) uint64 {
	if i == 0 {
		return seed
	}
	return sim.Draw(seed, sim.Stream("fleet"), uint64(i))
}

// Member is what is kept of one run.
type Member struct {
	Verdict  judge.Verdict
	Digest   string
	Length   time.Duration
	VMs      int
	Attempts map[probes.Kind][5]int // by class
	Restarts int
	// ReadyAfter is, for each VM that was ever Ready, the first instant;
	// NotReady the time spent not Ready after that, for each VM.
	ReadyAfter, NotReady []time.Duration
	NeverReady           int
}

// Of reduces a run to what a summary needs.
func Of(v judge.Verdict, t *trace.Trace) Member {
	m := Member{Verdict: v, Length: v.Until, Attempts: map[probes.Kind][5]int{}}
	if t == nil {
		return m
	}
	m.Digest, m.VMs = t.Digest, len(t.VMs)
	ready := map[string]*readiness{}
	for _, name := range t.VMs {
		ready[name] = &readiness{first: -1}
	}
	for i := range t.Events {
		e := &t.Events[i]
		switch e.Kind {
		case trace.AttemptFinished:
			counts := m.Attempts[e.Probe]
			counts[e.Class]++
			m.Attempts[e.Probe] = counts
		case trace.Restart:
			m.Restarts++
		case trace.Ready:
			ready[e.VM].change(e.T, e.OK)
		default:
		}
	}
	for _, name := range t.VMs {
		r := ready[name]
		if r.first < 0 {
			m.NeverReady++
			continue
		}
		m.ReadyAfter = append(m.ReadyAfter, r.first)
		m.NotReady = append(m.NotReady, r.lost(v.Until))
	}
	return m
}

// readiness follows the Ready condition of one VM.
type readiness struct {
	ready bool
	first time.Duration // negative: never
	since time.Duration // of the present state
	out   time.Duration // not Ready after the first time
}

func (r *readiness) change(at time.Duration, ready bool) {
	if ready == r.ready {
		return
	}
	switch {
	case ready && r.first < 0:
		r.first = at
	case ready:
		r.out += at - r.since
	}
	r.ready, r.since = ready, at
}

func (r *readiness) lost(until time.Duration) time.Duration {
	if r.ready {
		return r.out
	}
	return r.out + until - r.since
}

// Summary is a fleet in numbers.
type Summary struct {
	Case       string                 `json:"case"`
	Members    int                    `json:"members"`
	VMs        int                    `json:"vms"`
	Simulated  time.Duration          `json:"simulatedNanoseconds"` // VM time, summed
	Results    map[judge.Result]int   `json:"results"`
	Attempts   map[string]ClassCounts `json:"attempts"` // by kind of probe
	Restarts   int                    `json:"restarts"`
	NeverReady int                    `json:"neverReady"`
	ReadyAfter Percentiles            `json:"readyAfterNanoseconds"`
	NotReady   Percentiles            `json:"notReadyNanoseconds"`
	Failed     []judge.Verdict        `json:"-"` // the first 100, in the order of the members
	Digest     string                 `json:"digest"`
}

// ClassCounts counts attempts by class.
type ClassCounts struct {
	Success int `json:"success"`
	Warning int `json:"warning"`
	Failure int `json:"failure"`
	Error   int `json:"error"`
}

// Total is the number of attempts.
func (c ClassCounts) Total() int { return c.Success + c.Warning + c.Failure + c.Error }

// Percentiles of a set of durations; zero when it is empty.
type Percentiles struct {
	Min time.Duration `json:"min"`
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

func percentiles(d []time.Duration) Percentiles {
	if len(d) == 0 {
		return Percentiles{}
	}
	slices.Sort(d)
	at := func(percent int) time.Duration { return d[(len(d)-1)*percent/100] }
	return Percentiles{Min: d[0], P50: at(50), P99: at(99), Max: d[len(d)-1]}
}

// keptFailures is how many failing members a summary keeps.
const keptFailures = 100

// Adder sums a fleet up as its members come, in the order of their numbers. It
// keeps two durations of each VM and the verdicts of the first failures,
// nothing else. The zero value is ready.
type Adder struct {
	sum                  Summary
	digest               uint64
	readyAfter, notReady []time.Duration
}

// Add takes the next member.
func (a *Adder) Add(m *Member) {
	s := &a.sum
	if s.Results == nil {
		s.Results, s.Attempts = map[judge.Result]int{}, map[string]ClassCounts{}
	}
	a.digest = sim.Draw(a.digest, sim.Stream(m.Digest), uint64(s.Members))
	s.Members++
	s.Case = cmp.Or(s.Case, m.Verdict.Case)
	s.VMs += m.VMs
	s.Simulated += time.Duration(m.VMs) * m.Length
	s.Results[m.Verdict.Result]++
	s.Restarts += m.Restarts
	s.NeverReady += m.NeverReady
	a.readyAfter = append(a.readyAfter, m.ReadyAfter...)
	a.notReady = append(a.notReady, m.NotReady...)
	for kind, counts := range m.Attempts {
		c := s.Attempts[kind.String()]
		c.Success += counts[probes.Success]
		c.Warning += counts[probes.Warning]
		c.Failure += counts[probes.Failure]
		c.Error += counts[probes.Errored]
		s.Attempts[kind.String()] = c
	}
	if m.Verdict.Result != judge.Pass && len(s.Failed) < keptFailures {
		s.Failed = append(s.Failed, m.Verdict)
	}
}

// Members is the number of members so far.
func (a *Adder) Members() int { return a.sum.Members }

// Summary is the fleet so far.
func (a *Adder) Summary() Summary {
	s := a.sum
	s.ReadyAfter, s.NotReady = percentiles(a.readyAfter), percentiles(a.notReady)
	s.Digest = fmt.Sprintf("%016x", a.digest)
	return s
}
