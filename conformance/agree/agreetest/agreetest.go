// Package agreetest tests the cases of a real testbed: each must pass there, and
// agree with the simulator.
package agreetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/agree"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Lane is how cases are tested on a testbed.
type Lane struct {
	Real   testbed.Testbed
	AtOnce int // how many cases run at a time
	Tries  int // how often a case is run that could not tell
	// Also tells what else is wrong with a case. It may be nil.
	Also func(*agree.Meeting) []string
}

// again is how often a case must hold that failed once to be called flaky, and
// flakes how many cases of a lane may be: real machines do what nobody asked them
// for, and one such case is told, not judged.
const (
	again  = 2
	flakes = 1
)

// outcome is what became of a case.
type outcome struct {
	wrong  []string // empty: it holds
	notRun string
	flaky  bool
}

// Check runs the cases and gives each a subtest. Too few that came to a verdict
// are a failure, too.
func (l Lane) Check(t *testing.T, cases []*scenarios.Case) {
	t.Helper()
	found := l.runAll(t, cases)
	judged, flaky := 0, 0
	for i, c := range cases {
		o := &found[i]
		if len(o.wrong) > 0 {
			l.confirm(t, c, o)
		}
		if o.notRun == "" {
			judged++
		}
		if o.flaky {
			flaky++
		}
		t.Run(c.ID(), func(t *testing.T) { o.tell(t) })
	}
	if flaky > flakes {
		t.Errorf("%d of %d cases are flaky; one may be", flaky, len(cases))
	}
	if judged < len(cases)/2 {
		t.Errorf("%d of %d cases came to a verdict: the machine is too busy for this test", judged, len(cases))
	}
}

func (l Lane) runAll(t *testing.T, cases []*scenarios.Case) []outcome {
	found := make([]outcome, len(cases))
	turns := make(chan struct{}, l.AtOnce)
	var running sync.WaitGroup
	for i, c := range cases {
		running.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			found[i] = l.run(t.Context(), c)
			t.Logf("%s: %s", c.ID(), found[i].word())
		})
	}
	running.Wait()
	return found
}

// confirm runs a case that failed again while nothing else runs. It is flaky when
// it holds each time.
func (l Lane) confirm(t *testing.T, c *scenarios.Case, o *outcome) {
	for range again {
		next := l.run(t.Context(), c)
		t.Logf("%s, again: %s", c.ID(), next.word())
		if next.notRun != "" {
			next.wrong = []string{c.ID() + ": not run: " + next.notRun}
		}
		for _, why := range next.wrong {
			o.wrong = append(o.wrong, "again: "+why)
		}
		if len(next.wrong) > 0 {
			return
		}
	}
	o.flaky = true
}

func (o *outcome) word() string {
	switch {
	case o.notRun != "":
		return "not run"
	case len(o.wrong) > 0:
		return "FAILED"
	}
	return "holds"
}

func (o *outcome) tell(t *testing.T) {
	switch {
	case o.notRun != "":
		t.Skip("not run: " + o.notRun)
	case o.flaky:
		for _, why := range o.wrong {
			t.Logf("flaky: it held %d times after this: %s", again, why)
		}
	default:
		for _, why := range o.wrong {
			t.Error(why)
		}
	}
}

func (l Lane) run(ctx context.Context, c *scenarios.Case) (o outcome) {
	wrong := func(format string, args ...any) { o.wrong = append(o.wrong, c.ID()+": "+fmt.Sprintf(format, args...)) }
	if why := l.Real.Unsupported(c); why != "" {
		wrong("%s", why)
		return o
	}
	m, err := agree.Meet(ctx, simbed.Bed{}, l.Real, c, 1, l.Tries)
	if err != nil {
		wrong("%v", err)
		return o
	}
	if m.Undecided != "" {
		o.notRun = fmt.Sprintf("%s, %d times in a row", m.Undecided, l.Tries)
		return o
	}
	late := m.B.Trace.Late
	if v := m.B.Verdict; v.Result != judge.Pass {
		wrong("%s %s %v; the harness was late by %v", v.Result, v.Reason, v.Failures, late)
	}
	for _, d := range m.Differences {
		wrong("%v %s: sim %s, %s %s; the harness was late by %v", d.At, d.What, d.A, l.Real.Name(), d.B, late)
	}
	if l.Also != nil {
		for _, why := range l.Also(m) {
			wrong("%s", why)
		}
	}
	return o
}
