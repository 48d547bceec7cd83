package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// pattern is a list of words with a number of times each, as in "S x3, F,
// E ...".
type pattern []repeated

// repeated is a word of a pattern.
type repeated struct {
	word  string
	times int // 0: any number, also none
}

// mismatch returns the place of the first word that does not fit, and what
// was expected there; -1 when all fit. Words beyond the end do not fit;
// missing words are reported at the end.
func (p pattern) mismatch(words []string) (place int, want string) {
	// reach holds the entries that may come next, with their uses so far. It
	// has two or three members, whatever the pattern.
	var room [2][4]spot
	reach, next := p.advance(room[0][:0], spot{}), room[1][:0]
	for i, w := range words {
		next = next[:0]
		for _, s := range reach {
			if s.entry >= len(p) || p[s.entry].word != w {
				continue
			}
			switch e := p[s.entry]; {
			case e.times == 0:
				next = p.advance(next, s)
			case s.used < e.times:
				next = p.advance(next, spot{s.entry, s.used + 1})
			}
		}
		if len(next) == 0 {
			return i, p.expected(reach)
		}
		reach, next = next, reach
	}
	if !slices.Contains(reach, spot{len(p), 0}) {
		return len(words), p.expected(reach)
	}
	return -1, ""
}

// spot is a place in a pattern: an entry, and how often it has been used.
type spot struct{ entry, used int }

// advance adds a place to a set, and those that follow it without a word.
func (p pattern) advance(set []spot, s spot) []spot {
	for {
		if !slices.Contains(set, s) {
			set = append(set, s)
		}
		if s.entry >= len(p) || p[s.entry].times != s.used && p[s.entry].times != 0 {
			return set
		}
		s = spot{s.entry + 1, 0}
	}
}

// expected is the word of the least advanced place that takes one: what the
// author meant next.
func (p pattern) expected(set []spot) string {
	best := len(p)
	for _, s := range set {
		if s.entry < len(p) && (p[s.entry].times == 0 || s.used < p[s.entry].times) {
			best = min(best, s.entry)
		}
	}
	if best == len(p) {
		return "nothing more"
	}
	return p[best].word
}

func (p pattern) String() string {
	var parts []string
	for _, e := range p {
		switch e.times {
		case 0:
			parts = append(parts, e.word+" ...")
		case 1:
			parts = append(parts, e.word)
		default:
			parts = append(parts, fmt.Sprintf("%s x%d", e.word, e.times))
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// attempts judges the classes of all attempts of a probe.
func (j *expector) attempts(k probes.Kind, runs []scenarios.ClassRun) {
	p := j.desk.pattern[:0]
	for _, r := range runs {
		p = append(p, repeated{letter(r.Class), r.Times})
	}
	j.match(k, "attempt", p, func(a *history.Attempt) string { return letter(a.Class) })
}

// letter is the class as a word of a pattern.
func letter(c probes.Class) string {
	const letters = "SWFE"
	if c < probes.Success || c > probes.Errored {
		return string(c.Letter())
	}
	i := c - probes.Success
	return letters[i : i+1]
}

// tries judges the number of tries of each attempt.
func (j *expector) tries(k probes.Kind, runs []scenarios.CountRun) {
	p := j.desk.pattern[:0]
	for _, r := range runs {
		p = append(p, repeated{strconv.Itoa(int(r.N)), r.Times})
	}
	j.match(k, "number of tries of attempt", p, func(a *history.Attempt) string { return strconv.Itoa(len(a.Tries)) })
}

func (j *expector) match(k probes.Kind, what string, p pattern, word func(*history.Attempt) string) {
	list := j.vm.Attempts(k)
	words := j.desk.words[:0]
	for _, a := range list {
		if a.Ended() {
			words = append(words, word(a))
		}
	}
	j.desk.pattern, j.desk.words = p, words
	place, want := p.mismatch(words)
	if place < 0 {
		return
	}
	f := Failure{At: j.run.End, Event: history.NoEvent, Probe: k.String(), Want: p.String()}
	if place < len(words) {
		f.At, f.Event = list[place].End, list[place].EndEvent
		f.Message = fmt.Sprintf("%s %d of the run is %s, not %s", what, place+1, words[place], want)
	} else {
		f.Message = fmt.Sprintf("there were only %d attempts; the next should be %s", len(words), want)
	}
	j.fail(f)
}

// recorderBurst is how many events of one type client-go's recorder lets pass
// about an object before it drops all but one in five minutes (defaultSpamBurst
// of its EventSourceObjectSpamFilter): the kubelet's are not complete then.
const recorderBurst = 25

// events judges the number of cluster events with a reason.
func (j *expector) events(w scenarios.EventCount) {
	all := j.vm.Of(trace.ClusterEvent)
	list := j.desk.marks[:0]
	for _, m := range all {
		if m.Value == w.Reason && strings.Contains(m.Msg, w.Contains) {
			list = append(list, m)
		}
	}
	least := w.Min
	if len(list) < least && len(all) >= recorderBurst && j.run.Wall && j.run.View != trace.ViewProber {
		j.silent(fmt.Sprintf("events.%s: a recorder drops what is beyond %d of an object", w.Reason, recorderBurst))
		least = 0
	}
	j.count(list, least, w.Max, func() string {
		if w.Contains == "" {
			return "events " + w.Reason
		}
		return fmt.Sprintf("events %s with %q", w.Reason, w.Contains)
	})
}

// requests judges the number of connections or commands that an endpoint saw:
// what used a reply. The sync that goes with a command has none.
func (j *expector) requests(w scenarios.RequestCount) {
	list := j.desk.marks[:0]
	for _, m := range j.vm.Of(trace.GuestSaw) {
		if m.Value == w.Endpoint && strings.HasPrefix(m.Msg, "{") && !j.leftOver(m) {
			list = append(list, m)
		}
	}
	least := w.Min
	if least > 0 && j.hides(w.Endpoint) {
		j.silent(fmt.Sprintf("requests.%s: connections that never came to be are not seen; only too many are noticed", w.Endpoint))
		least = 0
	}
	j.count(list, least, w.Max, func() string { return "requests to " + w.Endpoint })
}

// leftOver tells whether a connection is that of an httpGet probe which had given
// up: nothing was asked, and no probe does with less.
func (j *expector) leftOver(m history.Mark) bool {
	return fakevm.Unasked(m.Msg) && !slices.ContainsFunc(j.vm.Spec.Resolved.Probes, func(p probes.Probe) bool {
		return oracle.Asks(&p, m.Value) && oracle.Uses(&p, m.Msg)
	})
}

// hides tells whether the view does not show some connections to an endpoint:
// those that the script refuses, drops or leaves in the queue.
func (j *expector) hides(endpoint string) bool {
	if j.run.View.ShowsSYNs() && !j.run.Wall { // no real guest sees what its kernel refuses
		return false
	}
	for _, program := range []*fakevm.Program{&j.vm.Spec.Program, &j.vm.Spec.EveryBoot} {
		for i := range program.Endpoints {
			e := &program.Endpoints[i]
			if fmt.Sprintf("%s/%d", e.Kind, e.Port) != endpoint {
				continue
			}
			if e.Steps[0].At > 0 {
				return true
			}
			for k := range e.Steps {
				if slices.ContainsFunc(e.Steps[k].Replies, func(c fakevm.Counted) bool {
					r := &c.Reply
					return r.Connect == fakevm.Refuse || r.Connect == fakevm.Blackhole || r.TCP != nil && r.TCP.Backlog > 0
				}) {
					return true
				}
			}
		}
	}
	return false
}

// count judges the number of marks; what says of what they are.
func (j *expector) count(list []history.Mark, least, most int, what func() string) {
	j.desk.marks = list
	n := len(list)
	if n >= least && (most < 0 || n <= most) {
		return
	}
	f := Failure{At: j.run.End, Event: history.NoEvent, Message: fmt.Sprintf("%d %s", n, what()), Want: between(least, most)}
	if most >= 0 && n > most {
		f.At, f.Event = list[most].T, list[most].Index
	}
	j.fail(f)
}

func between(least, most int) string {
	switch {
	case most < 0:
		return fmt.Sprintf("at least %d", least)
	case least == most:
		return fmt.Sprintf("exactly %d", least)
	case least == 0:
		return fmt.Sprintf("at most %d", most)
	}
	return fmt.Sprintf("%d to %d", least, most)
}
