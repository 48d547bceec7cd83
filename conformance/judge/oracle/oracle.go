// Package oracle judges a trace by the requirements alone, whatever the author
// of the scenario expected: no attempt before the initial delay, no state
// change that is not due, no due change that is missing. It knows the trace
// and the case and shares no code with the prober: it derives what must have
// happened anew.
//
// Each requirement is one row of [Checks] and one small function. A check is
// silent where the trace does not say enough: a prober that reports no tries
// is judged by what the guest and the API saw.
package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/probes"
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
	// Blind leaves out what needs the guests' own logs: the trace has none.
	Blind bool
}

// Check is one row of the table.
type Check struct {
	Requirement string // id under which it usually reports
	Rule        string // what it holds a prober to, one sentence
	run         func(*court)
	sees        bool // it needs what guests saw
}

// Run applies every check and returns the failures, the first one in time
// first.
func Run(r *history.Run, o Options) []Failure {
	var all []Failure
	for _, c := range Checks() {
		if c.sees && o.Blind {
			continue
		}
		court := &court{run: r, slack: o.Slack, requirement: c.Requirement}
		c.run(court)
		all = append(all, court.failures...)
	}
	Sort(all)
	return all
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
const maxPerCheck = 5

// court is what a check sees.
type court struct {
	run         *history.Run
	slack       time.Duration
	requirement string
	failures    []Failure
}

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

func (c *court) profile() probes.Profile { return c.run.Case.Profile }

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
