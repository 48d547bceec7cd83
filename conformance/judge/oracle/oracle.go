// Package oracle judges a trace by the requirements alone, whatever the author
// of the scenario expected: no attempt before the initial delay, no state
// change that is not due, no due change that is missing. It knows the trace
// and the case and shares no code with the prober: it derives what must have
// happened anew.
//
// Each requirement is one row of [Checks] and one small function. A check is
// silent where the trace does not say enough, and the judgement lists it: a
// prober that tells nothing of its attempts is judged by what the guest saw and
// what the platform did.
package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Failure is one breach of a requirement.
type Failure struct {
	Requirement string        // id of the catalogue
	At          time.Duration // when the run parted from the rule
	VM          string        // empty: the world
	Instance    int32         // 0: none in particular
	Probe       string        // readiness, liveness, startup; empty: none
	Message     string        // what happened, one line
	Want        string        // what the rule wants, one line; may be empty
	Window      string        // "[106s, 111s] (+1s slack)", when there is one
	Event       int           // first divergent event of the trace, -1: none
}

// Options bound what counts as in time.
type Options struct {
	// Slack widens every upper bound; >= 0. The simulator has 1 s.
	Slack time.Duration
	// Late is by how much anything may have been noticed late, in wall time; it
	// widens every bound on both sides.
	Late time.Duration
	// Lore spares what other judgements of the case have found out; nil: none.
	Lore *Lore
}

// Check is one row of the table.
type Check struct {
	Requirement string // id under which it usually reports
	Rule        string // what it holds a prober to, one sentence
	Source      Source
	run         func(*court)
}

// Source says what a check reads.
type Source uint8

// The sources of checks.
const (
	// Outside is what every view shows: the platform and the verdicts.
	Outside Source = iota
	// Inside is what only the prober knows: attempts, tries, states.
	Inside
	// Both is what the prober knows, held to the guest's log.
	Both
	// Log is the guest's log beside what every view shows.
	Log
	// Guest is the guest's log, in place of what the prober does not tell.
	Guest
)

// String is the source in words.
func (s Source) String() string {
	return [...]string{"platform", "attempts", "attempts and guest", "platform and guest", "guest, where no attempts are shown"}[s]
}

// inside tells whether it includes what only the prober knows.
func (s Source) inside() bool { return s == Inside || s == Both }

// In tells whether the check is applied to traces of a view.
func (s Source) In(v trace.View) bool {
	switch s {
	case Inside, Both:
		return v.ShowsAttempts()
	case Guest:
		return !v.ShowsAttempts()
	default:
		return true
	}
}

// Silence is a check that said nothing, which is no praise.
type Silence struct {
	Requirement string
	Why         string // one line
}

// Judgement is what the checks say of a run.
type Judgement struct {
	Failures []Failure // the first one in time first
	Silent   []Silence // by requirement; empty in a view that shows everything
}

// Run applies every check that the view of the run allows.
func Run(r *history.Run, o Options) Judgement {
	if o.Lore == nil {
		o.Lore = NewLore()
	}
	var j Judgement
	heard := make([]bool, len(checks)) // by check
	court := new(court)                // one after the other
	for i := range checks {
		c := &checks[i]
		if !c.Source.In(r.View) {
			if c.Source.inside() {
				j.Silent = append(j.Silent, Silence{c.Requirement, "the view " + r.View.String() + " shows no attempts"})
			}
			continue
		}
		court.open(r, &o, c.Requirement)
		c.run(court)
		j.Failures = append(j.Failures, court.failures...)
		if c.Source != Guest || court.judged {
			heard[i] = true
			continue
		}
		for _, why := range court.silences {
			j.Silent = append(j.Silent, Silence{c.Requirement, why})
		}
	}
	j.Silent = slices.DeleteFunc(j.Silent, func(s Silence) bool {
		for i := range checks {
			if heard[i] && checks[i].Requirement == s.Requirement {
				return true
			}
		}
		return false
	})
	slices.SortFunc(j.Silent, func(a, b Silence) int {
		return cmp.Or(cmp.Compare(a.Requirement, b.Requirement), cmp.Compare(a.Why, b.Why))
	})
	j.Silent = slices.Compact(j.Silent)
	Sort(j.Failures)
	return j
}

// Sort puts failures in the order of reports: by time, VM, requirement, probe
// and message. Equal ones become one.
func Sort(list []Failure) []Failure {
	slices.SortStableFunc(list, func(a, b Failure) int {
		return cmp.Or(
			cmp.Compare(a.At, b.At), cmp.Compare(a.VM, b.VM),
			cmp.Compare(a.Requirement, b.Requirement), cmp.Compare(a.Probe, b.Probe),
			cmp.Compare(a.Message, b.Message), cmp.Compare(a.Event, b.Event),
		)
	})
	return slices.Compact(list)
}

// maxPerCheck bounds the failures of one check in one run: the first one
// tells the story, a thousand hide the others.
const maxPerCheck = 12

// court is what a check sees.
type court struct {
	run         *history.Run
	slack       time.Duration
	late        time.Duration // by how much anything may be late
	lore        *Lore
	requirement string
	failures    []Failure
	judged      bool     // a Guest check found something to judge
	silences    []string // why it did not
}

// open begins with another check; the memory of the last one is used again.
func (c *court) open(r *history.Run, o *Options, requirement string) {
	*c = court{
		run: r, slack: o.Slack + o.Late, late: o.Late, lore: o.Lore, requirement: requirement,
		failures: c.failures[:0], silences: c.silences[:0],
	}
}

// silent notes why a check says nothing about something.
func (c *court) silent(why string) { c.silences = append(c.silences, why) }

func (c *court) fail(f Failure) {
	if f.Requirement == "" {
		f.Requirement = c.requirement
	}
	if len(c.failures) < maxPerCheck {
		c.failures = append(c.failures, f)
	}
}

// failStint reports a failure of one probe in one container.
func (c *court) failStint(s *history.Stint, f Failure) {
	f.VM, f.Instance, f.Probe = s.VM.Name, s.Container.Instance, s.Probe.Kind.String()
	c.fail(f)
}

// stints visits the work of every probe of every container.
func (c *court) stints(visit func(*history.Stint)) {
	for _, v := range c.run.VMs {
		for _, k := range v.Containers {
			for _, s := range k.Stints {
				visit(s)
			}
		}
	}
}

func (c *court) profile() *probes.Profile { return &c.run.Case.Profile }

// Seconds writes an instant as timelines do: 103.4s, without needless digits,
// cut off (not rounded) after milliseconds, so that early stays early.
func Seconds(d time.Duration) string {
	if d == history.Never {
		return "never"
	}
	sign := ""
	n := uint64(d)
	if d < 0 {
		sign, n = "-", -n
	}
	whole, frac := n/uint64(time.Second), n%uint64(time.Second)
	s := fmt.Sprintf("%s%d", sign, whole)
	if frac != 0 {
		if digits := strings.TrimRight(fmt.Sprintf("%09d", frac)[:3], "0"); digits != "" {
			s += "." + digits
		}
	}
	return s + "s"
}
