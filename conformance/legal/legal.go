// Package legal is the proof that the suite rejects no prober that obeys the
// rules: a population of legal probers, and the runs of all of them against
// all cases. It is the dual of package mutants.
//
// A legal prober is a small value that decides what the law leaves open: where
// its ticks are, when a pod sync makes readiness run out of turn, how slow its
// host is, when it is restarted. Nothing is copied: the real engine is run with
// these decisions (simbed.Liberty). Whatever either judge says against one of
// them is a mistake in a scenario, in a judge or in this package.
//
// # What is legal
//
//   - Ticks have any phase, also one that meets an event of the story to the
//     nanosecond (TIM-DELAY-TICK, TIM-PERIOD-START).
//   - A young prober sleeps less than a period first (TIM-START-JITTER).
//   - Pod syncs come at any time; they make readiness run while the container
//     is not ready, and such a run begins the period anew (TIM-READY-MANUAL).
//   - The host is slow: ticks are taken late, results are learned late,
//     readiness is told late, all three together by less than the slack that
//     judges grant. Lateness never shrinks within a run: a host that is late
//     once and in time again makes two attempts follow each other in less than
//     a period, which windows do not provide for. A result is late only while
//     the attempt stays within its timeout; where attempts may outlast the
//     period they share the lateness, for they follow each other at once and it
//     would add up (TIM-TICK-DROP). So no class changes: the request was sent
//     when it was due.
//   - A server that answers before it is asked makes a single attempt fail,
//     never two in a row (HTTP-SERVER-SPEAKS-FIRST speaks of 3 in 100).
//   - Where the guide says nothing about tries, there are one to three
//     (TIM-RETRY).
//   - The prober is restarted in the initial delay, or when nothing has
//     happened for long and nothing will for a while: else a run of results is
//     lost, and no window provides for that (PROBER-RESTART). A case whose
//     story has events, counts attempts or expects liveness failures forbids
//     it.
package legal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
)

// Prober is one legal prober. The zero value has ticks at the start of each
// container and a host without latency.
type Prober struct {
	Number int // in the population, from 0
	// Seed orders what happens at one instant, and draws what is random.
	Seed uint64
	// Ticks of the first probe of a VM, and of the others.
	Ticks, Others Ticks
	Young         bool
	Syncs         Syncs
	Slow          Slow
	// Race is how many attempts lie between two that lose their race; 0: none
	// does, else at least 1.
	Race int
	// Tries of an attempt that errors, where it is left open; 0: the profile's.
	Tries   int32
	Restart Restart
}

// Place says where ticks are.
type Place uint8

// The places of ticks.
const (
	OnStart     Place = iota // at the start of the container, and every period after
	AfterStart               // one nanosecond after it
	BeforeStart              // one nanosecond before it: the first tick after the delay is as late as can be
	Anywhere                 // drawn
	OnMoment                 // at a moment of the story, shifted
)

// Ticks is the phase of a ticker.
type Ticks struct {
	Place  Place
	Moment int           // OnMoment: the number of the moment, counted round
	Shift  time.Duration // OnMoment: by how much later
}

// Rhythm says how often a pod is synced.
type Rhythm uint8

// The rhythms of pod syncs.
const (
	NoSyncs    Rhythm = iota
	Once              // at a moment of the story, shifted
	Burst             // 12 times, a millisecond apart, from there on
	Storm             // 16 times a period, for two periods
	BeforeTick        // one nanosecond before the first three ticks after it
	AfterTick         // one nanosecond after them
	AllTheTime        // twice a period from the start to the end
)

// Syncs are pod syncs, of all VMs at the same instants.
type Syncs struct {
	Rhythm Rhythm
	Moment int
	Shift  time.Duration
}

// Slow is how slow the host is, in percent of the lateness that the slack has
// room for. The three together are at most 100.
type Slow struct {
	Ticks, Results, Readiness int
	// Since is the moment from which ticks are late; negative: the start.
	Since int
	// Uneven draws the lateness of each result, up to that of Results.
	Uneven bool
}

// Restart is a restart of the prober; the zero value is none.
type Restart struct {
	Place RestartPlace
	// Percent of the time in which it may be.
	Percent int
	// Quiet is the number of the quiet time, counted round (InQuiet).
	Quiet int
}

// RestartPlace says when the prober is restarted.
type RestartPlace uint8

// The places of a restart.
const (
	NoRestart RestartPlace = iota
	InDelay                // in the initial delay
	InQuiet                // long after one moment and before the next
)

// lateness is how late a slow host may be in all: the slack of the judges, less
// what the platform needs to pass a change on.
const lateness = judge.DefaultSlack - 200*time.Millisecond

// Name says in words what is special about a prober.
func (p *Prober) Name() string {
	words := []string{p.Ticks.String()}
	if p.Others != p.Ticks {
		words = append(words, "other probes: "+p.Others.String())
	}
	if p.Young {
		words = append(words, "young prober")
	}
	for _, part := range []string{p.Syncs.String(), p.Slow.String(), p.Restart.String()} {
		if part != "" {
			words = append(words, part)
		}
	}
	if p.Race > 0 {
		words = append(words, fmt.Sprintf("loses a race every %d attempts", p.Race+1))
	}
	if p.Tries > 0 {
		words = append(words, fmt.Sprintf("%d tries", p.Tries))
	}
	return strings.Join(words, " + ")
}

// Rules are the requirements that make a prober legal, sorted.
func (p *Prober) Rules() []string {
	list := []string{"TIM-DELAY-TICK", "TIM-PERIOD-START"}
	add := func(is bool, rules ...string) {
		if is {
			list = append(list, rules...)
		}
	}
	add(p.Young, "TIM-START-JITTER")
	add(p.Syncs.Rhythm != NoSyncs, "TIM-READY-MANUAL")
	add(p.Slow.Ticks > 0, "TIM-TICK-DROP")
	add(p.Slow.Results > 0, "TIM-TIMEOUT-ATTEMPT")
	add(p.Slow.Readiness > 0, "READY-ENDPOINT")
	add(p.Race > 0, "HTTP-SERVER-SPEAKS-FIRST")
	add(p.Tries > 0, "TIM-RETRY")
	add(p.Restart.Place != NoRestart, "PROBER-RESTART")
	slices.Sort(list)
	return list
}

func (t Ticks) String() string {
	switch t.Place {
	case OnStart:
		return "ticks at the start"
	case AfterStart:
		return "ticks just after the start"
	case BeforeStart:
		return "ticks just under a period after the start"
	case OnMoment:
		return fmt.Sprintf("ticks at moment %d%s", t.Moment, shifted(t.Shift))
	case Anywhere:
	}
	return "ticks anywhere"
}

func (s Syncs) String() string {
	at := fmt.Sprintf(" at moment %d%s", s.Moment, shifted(s.Shift))
	switch s.Rhythm {
	case Once:
		return "one pod sync" + at
	case Burst:
		return "a burst of pod syncs" + at
	case Storm:
		return "a storm of pod syncs" + at
	case BeforeTick:
		return "pod syncs just before the ticks" + at
	case AfterTick:
		return "pod syncs just after the ticks" + at
	case AllTheTime:
		return "pod syncs all the time"
	case NoSyncs:
	}
	return ""
}

func (s Slow) String() string {
	var words []string
	add := func(percent int, what string) {
		if percent > 0 {
			words = append(words, fmt.Sprintf("%s %s late", what, lateBy(percent)))
		}
	}
	add(s.Ticks, "ticks taken")
	if s.Ticks > 0 && s.Since >= 0 {
		words[0] += fmt.Sprintf(" from moment %d", s.Since)
	}
	if s.Uneven {
		add(s.Results, "results up to")
	} else {
		add(s.Results, "results")
	}
	add(s.Readiness, "readiness told")
	return strings.Join(words, ", ")
}

func (r Restart) String() string {
	switch r.Place {
	case InDelay:
		return fmt.Sprintf("restart at %d%% of the delay", r.Percent)
	case InQuiet:
		return fmt.Sprintf("restart at %d%% of quiet time %d", r.Percent, r.Quiet)
	case NoRestart:
	}
	return ""
}

func lateBy(percent int) time.Duration { return lateness * time.Duration(percent) / 100 }

func shifted(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d > 0:
		return " + " + d.String()
	}
	return " - " + (-d).String()
}
