// Package judge says whether a run obeyed its case. Two judges look at every
// trace: the timeline judge compares what happened with what the author of
// the scenario expects, and the oracle holds every event to the requirements.
// Both work offline, on the trace and the case alone.
package judge

import (
	"fmt"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Result is the state of a case. There is no "skip": nothing but Pass counts
// as passed.
type Result string

// The states of a case.
const (
	Pass       Result = "pass"
	Fail       Result = "fail"
	Error      Result = "error"       // the harness or the prober's protocol broke
	NotClaimed Result = "not-claimed" // the prober does not claim a feature that the case needs
	Exempt     Result = "exempt"      // fails as a known-failing entry says
	NotRun     Result = "not-run"     // the testbed cannot express the case
)

// Results lists the states in the order of reports.
func Results() []Result { return []Result{Pass, Fail, Error, Exempt, NotClaimed, NotRun} }

// Failure is one breach of an expectation or a requirement.
type Failure = oracle.Failure

// Exemption is why a failure under a requirement is accepted.
type Exemption struct {
	Requirement, Reason, Issue string
	Expires                    string // the last day, "2027-01-31"
}

// Verdict is what became of one case with one seed. It is plain data.
type Verdict struct {
	Case         string // scenarios.Case.ID
	Scenario     string
	Title        string
	File         string
	Line         int
	CaseDigest   string // of the scenario file
	Profile      string
	Vary         []scenarios.Binding
	Requirements []string
	Seed         uint64
	Until        time.Duration // simulated length
	TraceDigest  string        // logical digest; empty when nothing ran
	Result       Result
	Reason       string    // of everything but pass and fail
	Failures     []Failure // sorted: the first divergence is the first
	// Exemptions are why a failure is accepted, by requirement; of Exempt only.
	Exemptions []Exemption
	// View is from where the run was watched. Silent is what nobody could
	// judge from there; it is no praise. Both are empty for a run that was
	// watched from inside the prober.
	View   trace.View
	Silent []oracle.Silence
	// Prober is the command of the prober under test, as for a shell; empty:
	// that of vmprobe. Door is the way to it; empty: the default one. Testbed is
	// where the VMs lived in wall time; empty: they were simulated.
	Prober, Door, Testbed string
	// Command runs the case again where no command of vmprobe can, as for a
	// shell: a prober that is a Go function has only its test.
	Command string
}

// Replay is the command that runs the case again in the same way.
func (v *Verdict) Replay() string {
	if v.Command != "" {
		return v.Command
	}
	if v.Prober != "" || v.Testbed != "" {
		what, way, prober := v.Case, "", ""
		if v.ScenarioFlag() != "" {
			what = v.File
		}
		switch {
		case v.Door != "": // which has its testbed
			way = " --door " + v.Door
		case v.Testbed != "":
			way = " --testbed " + v.Testbed
		}
		if v.Prober != "" {
			prober = " -- " + v.Prober
		}
		return fmt.Sprintf("vmprobe conformance %s%s --seed %d -v%s", ShellWord(what), way, v.Seed, prober)
	}
	return fmt.Sprintf("vmprobe replay %s --seed %d", ShellWord(v.Case), v.Seed) + v.ScenarioFlag()
}

// ScenarioFlag is the flag that tells a command where the case comes from,
// after a space; empty for embedded cases.
func (v *Verdict) ScenarioFlag() string {
	if v.File == "" || strings.HasPrefix(v.File, scenarios.CasesDir) {
		return ""
	}
	return " --scenario " + ShellWord(v.File)
}

// ShellWords is a command as one types it.
func ShellWords(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = ShellWord(w)
	}
	return strings.Join(words, " ")
}

// ShellWord quotes what a shell would take apart: "[n=1]" is a pattern.
func ShellWord(s string) string {
	if !strings.ContainsAny(s, "[]*?$&|;<>()'\"\\ \t\n`~#{}") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Options of a judgement.
type Options struct {
	// Lore spares what other judgements of the case have found out; nil: none.
	Lore *oracle.Lore
	// Desk is memory that judgements use one after the other; nil: none.
	Desk *Desk
	// Watch is told, if not nil, of each entry of the author's histories that
	// has happened in its turn, in its window or not.
	Watch func(Entry)
}

// DefaultSlack is the tolerance in virtual time.
const DefaultSlack = time.Second

// slackOf is by how much a trace wants windows widened.
func slackOf(t *trace.Trace) time.Duration {
	if t.Slack <= 0 {
		return DefaultSlack
	}
	return t.Slack
}

// Judge applies both judges to a run of the case.
func Judge(c *scenarios.Case, t *trace.Trace, o Options) Verdict {
	if len(c.Rejected) > 0 || rejected(c) {
		return rejection(c, t)
	}
	v := blank(c, t.Seed)
	v.TraceDigest = t.Digest
	if o.Desk == nil {
		o.Desk = new(Desk)
	}
	run := o.Desk.history.New(c, t)
	if m, ok := overrun(run); ok {
		v.Result, v.Reason = Error, "the run could not go on: "+m
		return v
	}
	v.View = t.View
	slack := slackOf(t)
	v.Failures, v.Silent = hear(run, o, slack, 0)
	v.Result = Pass
	if len(v.Failures) > 0 {
		v.Result = Fail
	}
	if v.Result == Fail && t.Late > slack/4 {
		v.resolve(run, o, slack, t.Late)
	}
	return v
}

// hear asks both judges about a run in which anything may have been noticed so
// late.
func hear(run *history.Run, o Options, slack, late time.Duration) ([]Failure, []oracle.Silence) {
	j := oracle.Run(run, oracle.Options{Slack: slack, Lore: o.Lore, Late: late})
	failures, silent := timeline(run, o.Desk, slack, late, o.Watch)
	return oracle.Sort(append(failures, j.Failures...)), append(j.Silent, silent...)
}

// resolve keeps of the failures of a late run what the lateness does not
// explain. When nothing is left, or the harness was later than any window is
// loose, or as late as an attempt may take, there is no verdict.
func (v *Verdict) resolve(run *history.Run, o Options, slack, late time.Duration) {
	first := v.Failures[0].Message
	if v.Failures = nil; late <= slack && late < shortest(run.Case) {
		o.Watch = nil // it has been told
		v.Failures, _ = hear(run, o, slack, late)
	}
	if len(v.Failures) == 0 {
		v.Result = Error
		v.Reason = fmt.Sprintf("harness: late by %d ms, which is too much to tell (at most %d ms): %s",
			late.Milliseconds(), (slack / 4).Milliseconds(), first)
	}
}

// shortest is the least timeout of the probes of a case: who got no processor for so
// long lets an attempt fail that nothing is wrong with.
func shortest(c *scenarios.Case) time.Duration {
	least := history.Never
	for i := range c.VMs {
		for j := range c.VMs[i].Resolved.Probes {
			least = min(least, c.VMs[i].Resolved.Probes[j].Timeout)
		}
	}
	return least
}

func overrun(r *history.Run) (string, bool) {
	if list := r.Of(trace.Overrun); len(list) > 0 {
		return list[0].Msg, true
	}
	for _, vm := range r.VMs {
		if list := vm.Of(trace.Overrun); len(list) > 0 {
			return vm.Name + ": " + list[0].Msg, true
		}
	}
	return "", false
}

// Broken is the verdict of a run that the harness could not finish.
func Broken(c *scenarios.Case, seed uint64, err error) Verdict {
	v := blank(c, seed)
	v.Result, v.Reason = Error, err.Error()
	return v
}

// Unrun is the verdict of a case that the testbed cannot express.
func Unrun(c *scenarios.Case, seed uint64, reason string) Verdict {
	v := blank(c, seed)
	v.Result, v.Reason = NotRun, reason
	return v
}

// Unclaimed is the verdict of a case that needs features the prober does not
// claim.
func Unclaimed(c *scenarios.Case, seed uint64, features []string) Verdict {
	v := blank(c, seed)
	v.Result, v.Reason = NotClaimed, "needs "+strings.Join(features, ", ")
	return v
}

func blank(c *scenarios.Case, seed uint64) Verdict {
	return Verdict{
		Case: c.ID(), Scenario: c.Scenario, Title: c.Title, File: c.File, Line: c.Line,
		CaseDigest: c.Digest, Profile: string(c.Profile.Name), Vary: c.Vary,
		Requirements: c.Requirements, Seed: seed, Until: c.Until,
	}
}
