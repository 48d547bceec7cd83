package judge

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// timeline compares a run with what the author of its case expects, as far as
// the run shows it. late is by how much anything may have been noticed late, in
// wall time: windows are wider by it, and nothing is counted.
func timeline(r *history.Run, d *Desk, slack, late time.Duration, watch func(Entry)) (all []Failure, silent []oracle.Silence) {
	j := &expector{run: r, desk: d, slack: slack + late, late: late, watch: watch}
	for _, v := range r.VMs {
		j.vm = v
		j.violations()
		if e := r.Case.Expect[v.Name]; e != nil {
			j.judge(e)
		}
	}
	all = append(append(j.failures, strangers(r)...), findings(r)...)
	for i := range all {
		if all[i].Requirement == "" {
			all[i].Requirement = ruleOf(r.Case)
		}
	}
	return all, j.silences
}

// strangers are names of which the case expects something and has no VM.
func strangers(r *history.Run) []Failure {
	var names []string
	for name := range r.Case.Expect {
		if r.VM(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var list []Failure
	for _, name := range names {
		list = append(list, Failure{VM: name, Event: -1, Message: fmt.Sprintf("the case expects something of %q and has no such VM", name)})
	}
	return list
}

// ruleOf is what a breach of the author's timeline means: the first
// requirement that the case names.
func ruleOf(c *scenarios.Case) string {
	if len(c.Requirements) > 0 {
		return c.Requirements[0]
	}
	return "TIMELINE"
}

// expector judges one VM after the other.
type expector struct {
	run      *history.Run
	desk     *Desk
	vm       *history.VM
	slack    time.Duration
	late     time.Duration // by how much anything may be late
	watch    func(Entry)   // may be nil
	failures []Failure
	silences []oracle.Silence
}

// Entry is one entry of an expected history that has happened, in its turn.
type Entry struct {
	VM     string
	What   string // "ready -> true"
	Number int    // in its list, from 1
	At     time.Duration
	Window string // as the author wrote it
	Free   bool   // no window: any instant will do
	Lo, Hi time.Duration
	Pos    scenarios.Pos // of the window
}

func (j *expector) tell(n int, w wanted, at, lo, hi time.Duration) {
	if j.watch == nil {
		return
	}
	j.watch(Entry{
		VM: j.vm.Name, What: w.what.String(), Number: n, At: at, Window: w.window.Source(), Free: w.free, Lo: lo, Hi: hi - j.slack, Pos: w.window.Pos,
	})
}

// silent notes that an expectation is not judged.
func (j *expector) silent(what string) {
	j.silences = append(j.silences, oracle.Silence{
		Requirement: ruleOf(j.run.Case), Why: "expect." + j.vm.Name + "." + what,
	})
}

func (j *expector) fail(f Failure) {
	f.VM = j.vm.Name
	j.failures = append(j.failures, f)
}

func (j *expector) judge(e *scenarios.Expectation) {
	if e.Ready != nil {
		j.history("ready", trace.Ready, e.Ready)
	}
	if e.Endpoints != nil {
		j.history("endpoints", trace.Endpoint, e.Endpoints)
	}
	if e.Live != nil {
		j.live(*e.Live)
	}
	if e.Restarts != nil {
		j.restarts(e.Restarts)
	}
	if e.Phase != nil {
		j.phase(*e.Phase)
	}
	if e.Kills != nil {
		j.kills(*e.Kills)
	}
	if j.late > 0 {
		return // one more or less
	}
	for k := probes.Readiness; k <= probes.Startup; k++ {
		j.inside(e, k)
	}
	for _, want := range e.Events {
		j.events(want)
	}
	for _, want := range e.Requests {
		j.requests(want)
	}
}

// inside judges what only the prober knows.
func (j *expector) inside(e *scenarios.Expectation, k probes.Kind) {
	shown := j.run.View.ShowsAttempts()
	if runs, ok := e.Attempts[k]; ok && shown {
		j.attempts(k, runs)
	} else if ok {
		j.silent("attempts." + k.String() + ": the attempts are not seen")
	}
	if runs, ok := e.Tries[k]; ok && shown {
		j.tries(k, runs)
	} else if ok {
		j.silent("tries." + k.String() + ": the tries are not seen")
	}
}

// happening is one entry of an observed history.
type happening struct {
	what     deed
	at       time.Duration
	instance int32
	event    int
}

// wanted is one entry of an expected history.
type wanted struct {
	what   deed
	window *scenarios.Window
	free   bool // no window: any instant will do
}

// compare holds a complete history to the expected one: the same entries in
// the same order, each in its window. The first divergence is reported; the
// rest follows from it. more allows further entries at the end.
func (j *expector) compare(use scenarios.Use, probe string, got []happening, want []wanted, more bool) {
	j.desk.got, j.desk.want = got[:0], want[:0]
	for i, w := range want {
		lo, hi, err := j.window(use, w)
		if i >= len(got) {
			if err == nil && j.cut(hi) {
				j.silent(fmt.Sprintf("%s: the run ends before the slack of its window %s does", w.what, w.window.Source()))
				return
			}
			f := Failure{At: j.run.End, Event: history.NoEvent, Message: w.what.String() + " never happened"}
			if err == nil {
				f.At = min(hi, j.run.End)
			}
			j.failWanted(f, probe, w, lo, hi, err)
			return
		}
		g := got[i]
		if g.what == w.what && err == nil {
			j.tell(i+1, w, g.at, lo, hi)
		}
		if errors.Is(err, errUnseen) {
			j.silent(fmt.Sprintf("%s: the window %s names an attempt, and none is seen", w.what, w.window.Source()))
			if g.what == w.what {
				continue
			}
		}
		f := Failure{At: g.at, Instance: g.instance, Event: g.event}
		switch {
		case g.what != w.what:
			f.Message = fmt.Sprintf("%s at %s", g.what, oracle.Seconds(g.at))
		case err != nil:
			f.Message = fmt.Sprintf("%s at %s, and its window cannot be computed: %v", g.what, oracle.Seconds(g.at), err)
		case g.at < lo-travel:
			f.Message = fmt.Sprintf("%s at %s, %s too early", g.what, oracle.Seconds(g.at), oracle.Seconds(lo-g.at))
		case g.at > hi:
			// The divergence is where the window closed without it.
			f.At = hi
			f.Message = fmt.Sprintf("%s at %s, %s too late", g.what, oracle.Seconds(g.at), oracle.Seconds(g.at-hi))
		default:
			continue
		}
		j.failWanted(f, probe, w, lo, hi, err)
		return
	}
	if len(got) > len(want) && !more {
		g := got[len(want)]
		j.fail(Failure{
			At: g.at, Instance: g.instance, Event: g.event, Probe: probe,
			Message: fmt.Sprintf("%s at %s", g.what, oracle.Seconds(g.at)),
			Want:    fmt.Sprintf("nothing more until %s", oracle.Seconds(j.run.End)),
		})
	}
}

// failWanted reports a failure of an entry with the window that it should have
// kept to.
func (j *expector) failWanted(f Failure, probe string, w wanted, lo, hi time.Duration, err error) {
	f.Probe, f.Want = probe, w.what.String()
	if !w.free {
		f.Window = w.window.Source()
	}
	if !w.free && err == nil {
		f.Window += " = " + oracle.Window(lo, hi-j.slack, j.slack)
	}
	if f.Window != "" {
		f.Want += " in " + f.Window
	}
	j.fail(f)
}

// travel is how long a request may be under way: an attempt that begins so much
// before a cause meets it, and its verdict is sooner by as much.
const travel = time.Millisecond
