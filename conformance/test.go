package conformance

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/door/kernel"
	"github.com/vmprobe/vmprobe/conformance/door/overlay"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Option changes what Test runs.
type Option func(*options)

type options struct {
	campaign.Selection
	scenarios []string
	bubble    bubble.Bed
	failing   map[string]string
	known     *acceptance
	rechecks  int
	overlay   bool
	handlers  []probes.Handler
	pkg       string // of the test
}

// Profiles selects dialects; default: all.
func Profiles(names ...string) Option { return func(o *options) { o.Selection.Profiles = names } }

// Scenarios selects scenarios by name, pattern or file, as the arguments of
// "vmprobe run" do; default: every embedded one.
func Scenarios(args ...string) Option { return func(o *options) { o.scenarios = args } }

// Seeds runs each case with so many seeds from the first one; default 1, 1.
func Seeds(first uint64, n int) Option {
	return func(o *options) { o.Seed, o.Selection.Seeds = first, n }
}

// Labels selects cases by a label filter in Ginkgo's syntax.
func Labels(filter string) Option { return func(o *options) { o.Selection.Labels = filter } }

// Lacks tells what the prober cannot do: a case for which reason is not empty
// is not run, and the test says why.
func Lacks(reason func(*scenarios.Case) string) Option {
	return func(o *options) { o.bubble.Lacks = reason }
}

// Failing names cases that the prober fails, each with the reason. A case
// that passes nevertheless fails the test, and so does a name that no case has.
func Failing(cases map[string]string) Option { return func(o *options) { o.failing = cases } }

// KnownFailing accepts the failures that a file lists (kind KnownFailing). An
// entry that accepts nothing any more, or whose time is over, fails the test.
func KnownFailing(file string) Option {
	return func(o *options) { o.known = &acceptance{name: file} }
}

// Hook gives the way into the simulated network to a prober that dials by
// itself (see hack/netoverlay). It is called before each run; what it returns,
// after it.
func Hook(hook func(bubble.Dial) (unhook func())) Option {
	return func(o *options) { o.bubble.Hook = hook }
}

// Overlay puts a prober with a net.Dialer of its own on the simulated network.
// It needs a build with an overlay of package net (package overlay says how);
// without one the test fails and says so. Tests with it run one after another.
func Overlay() Option {
	return func(o *options) { o.overlay, o.bubble.Hook = true, overlay.Install }
}

// ClockSteps tells that the prober hears of steps of the wall clock by
// [door.ClockStepped]; by default cases with one are not run, as the clock of a
// bubble cannot be set.
func ClockSteps() Option { return func(o *options) { o.bubble.ClockSteps = true } }

// Handlers are those that the function of TestTry makes, default httpGet and
// tcpSocket; the others are made by our own.
func Handlers(h ...probes.Handler) Option { return func(o *options) { o.handlers = h } }

// Outside tells that the prober tells of no tries: it is judged by what the
// guests and the cluster saw. Without the option, so is every run in which it
// tells of none although a guest was asked.
func Outside() Option { return func(o *options) { o.bubble.Outside = true } }

// Patience is how long, of real time, a run may stand still; default 30 s.
func Patience(d time.Duration) Option { return func(o *options) { o.bubble.Patience = d } }

// Recheck runs each case n times, n > 1, and fails when two runs differ: the
// prober is not reproducible.
func Recheck(n int) Option { return func(o *options) { o.rechecks = n } }

// Test puts a Go prober through the suite, in virtual time and unmodified: one
// subtest for each case, named as in "vmprobe list". Package door says what a
// prober is, package bubble what it must not do.
//
// A selection without a case fails the test: a run that tests nothing must not
// pass.
func Test(t *testing.T, factory func() door.Prober, opts ...Option) {
	t.Helper()
	o := options{bubble: bubble.Bed{Tool: campaign.Version(), Factory: factory}}
	o.Seed, o.Selection.Seeds = 1, 1
	for _, opt := range opts {
		opt(&o)
	}
	o.test(t, o.bubble)
}

// TestTry puts a handler through the suite: a function that makes one try of an
// httpGet or tcpSocket probe through the dialer that it is given. Our engine is
// around it; package kernel says what it must not do.
func TestTry(t *testing.T, try kernel.Try, opts ...Option) {
	t.Helper()
	var o options
	o.Seed, o.Selection.Seeds = 1, 1
	for _, opt := range opts {
		opt(&o)
	}
	o.test(t, kernel.Bed{Tool: campaign.Version(), Try: try, Handlers: o.handlers, Patience: o.bubble.Patience})
}

// TestWorker puts a whole prober through the suite that is one function: it
// probes a container from its start to its end, and waits through the dialer,
// the RoundTripper and the Sleep that it is given alone. Package kernel says what
// it must not do. Cases that restart the prober, step its clock or lose an attempt
// to a panic are not run.
func TestWorker(t *testing.T, worker kernel.Worker, opts ...Option) {
	t.Helper()
	var o options
	o.Seed, o.Selection.Seeds = 1, 1
	for _, opt := range opts {
		opt(&o)
	}
	o.test(t, kernel.Bed{
		Tool: campaign.Version(), Worker: worker,
		Lacks: o.bubble.Lacks, Outside: o.bubble.Outside, Patience: o.bubble.Patience,
	})
}

// dials is held by the test that takes those of net.Dialer.
var dials sync.Mutex //nolint:gochecknoglobals // so is net.DialHook

func (o *options) test(t *testing.T, bed testbed.Testbed) {
	t.Helper()
	o.pkg = testPackage()
	if o.overlay {
		if !overlay.Built {
			t.Fatal(overlay.Recipe)
		}
		dials.Lock()
		defer dials.Unlock()
	}
	list, err := o.Jobs(o.scenarios, nil, io.Discard, bed.Name())
	if err != nil {
		t.Fatal(explain(err))
	}
	o.known.load(t, &o.Selection)
	unused := o.unused(list)
	for _, name := range unused {
		t.Errorf("Failing: no selected case is called %q", name)
	}
	for _, job := range list {
		name := job.Case.ID()
		if o.Selection.Seeds > 1 {
			name = fmt.Sprintf("%s#%d", name, job.Seed)
		}
		t.Run(name, func(t *testing.T) { o.one(t, bed, job) })
	}
	o.known.settle(t)
}

// explain shows the places of mistakes in scenario files.
func explain(err error) error {
	if m, ok := errors.AsType[*campaign.Mistakes](err); ok {
		return fmt.Errorf("%w:\n%v", err, m.Diags)
	}
	return err
}

func (o *options) unused(list []suite.Job) (names []string) {
	for name := range o.failing {
		if !slices.ContainsFunc(list, func(j suite.Job) bool { return j.Case.ID() == name }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// one runs a case.
func (o *options) one(t *testing.T, bed testbed.Testbed, job suite.Job) {
	t.Helper()
	again := goTest(o.pkg, t.Name(), o.bubble.Hook != nil)
	c := &campaign.Campaign{Bed: bed, Known: o.known.list(), Again: func(suite.Job) string { return again }}
	part := c.Run(t.Context(), []suite.Job{job})[0]
	o.known.note(part.Verdict)
	reason, failing := o.failing[job.Case.ID()]
	switch {
	case part.Result == judge.NotRun:
		t.Skip("not run: " + part.Reason)
	case part.Result == judge.Exempt:
		t.Skip("fails as known: " + part.Reason)
	case part.Result == judge.Fail && failing:
		t.Skip("fails as known: " + reason)
	case part.Result != judge.Pass:
		t.Error(part.Text())
		return
	case failing:
		t.Errorf("passes, but is listed as failing: %s", reason)
	}
	if b, ok := bed.(bubble.Bed); ok && o.rechecks > 1 {
		d, err := b.Check(t.Context(), job.Case, job.Seed, o.rechecks)
		if err != nil {
			t.Error(err)
		} else if d != nil {
			t.Errorf("two runs differ: %s, record %d\n  %+v\n  %+v", d.VM, d.Record, d.A, d.B)
		}
	}
}
