package doors_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/door/driven"
	"github.com/vmprobe/vmprobe/conformance/door/kernel"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// door is a row of the table. The engine itself, in process, is what all are
// compared with.
type door struct {
	name string
	bed  func(*testing.T) testbed.Testbed
	// like is the engine's trace with the phases that the prober has behind the
	// door; nil: time is real, and no trace is compared.
	like func(*testing.T, suite.Job) *trace.Trace
	// exact: to the byte. Otherwise actors have no order among themselves, and an
	// event may lie so near to its like.
	exact bool
	near  time.Duration
	// otherVerdict and otherTrace are scenarios that come to something else, and
	// why. Each must be true of a case.
	otherVerdict, otherTrace map[string]string
	// least is how many cases there are at least.
	least int
}

// doors are all of them.
func doors() []door {
	queued := map[string]string{
		"agent-job-lock-long": "in process the rest of a ping whose virt-probe was killed queues anew for the job lock",
	}
	return []door{
		{
			name: "lockstep, a function", bed: locally, like: plain, otherTrace: queued, least: 2000,
		}, {
			name: "lockstep, a process", bed: process, like: plain, otherTrace: queued, least: 2000,
		}, {
			name: "Go, a handler on the kernel", like: plain, exact: true, least: 2000,
			bed: func(*testing.T) testbed.Testbed { return kernel.Bed{Try: onKernel} },
		}, {
			name: "Go, in a bubble", like: inPhase, near: time.Millisecond, least: 2000,
			bed: func(*testing.T) testbed.Testbed {
				return bubble.Bed{Factory: driven.By(inBubble), ClockSteps: true}
			},
			otherVerdict: map[string]string{
				"lifecycle-pod-prober-restart-grace": "a container that is as old as the grace of a restart, to the nanosecond, is younger by the residue",
			},
		},
	}
}

// inChild makes a child of this test serve the lockstep protocol.
const inChild = "VMPROBE_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(inChild) != "" {
		if err := protocol.ServeStdio(&reference.Prober{}); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

func locally(t *testing.T) testbed.Testbed {
	return open(t, lockstep.Local(func() protocol.Prober { return &reference.Prober{} }))
}

func process(t *testing.T) testbed.Testbed {
	t.Setenv(inChild, "1")
	return open(t, lockstep.Command{Argv: []string{os.Args[0]}}.Start)
}

func open(t *testing.T, start func(context.Context) (lockstep.Stream, error)) testbed.Testbed {
	t.Helper()
	bed, err := lockstep.New(t.Context(), lockstep.Config{Start: start})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bed.Close() })
	return bed
}

// plain is the engine's trace of a case with a seed.
func plain(t *testing.T, j suite.Job) *trace.Trace {
	t.Helper()
	tr, err := simbed.Bed{Bare: true}.Run(t.Context(), j.Case, j.Seed)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestEveryDoorComesToTheSame runs every embedded case, and one that fails,
// through every door.
func TestEveryDoorComesToTheSame(t *testing.T) {
	args := []string{"*", "testdata/believes-too-much.yaml"}
	if testing.Short() {
		args = []string{"guide-*", "agent-job-lock-long", "lifecycle-pod-prober-restart-grace", "testdata/believes-too-much.yaml"}
	}
	list, err := (&campaign.Selection{Seed: 1, Seeds: 1}).Jobs(args, nil, os.Stderr, "sim")
	if err != nil {
		t.Fatal(err)
	}
	want := suite.Run(t.Context(), simbed.Bed{Bare: true}, list, suite.Options{Parallel: 2}, campaign.Judge)
	for _, d := range doors() {
		t.Run(d.name, func(t *testing.T) { d.test(t, list, want) })
	}
}

// count is what became of the cases of a door.
type count struct{ run, failed, verdicts, traces, not int }

func (d *door) test(t *testing.T, list []suite.Job, want []judge.Verdict) {
	var n count
	seen := map[string]bool{} // of what is accepted
	outcomes := suite.Run(t.Context(), d.bed(t), list, suite.Options{Parallel: 1}, func(o suite.Outcome) suite.Outcome { return o })
	for i, o := range outcomes {
		switch {
		case o.NotRun != "":
			n.not++
		case o.Err != nil:
			t.Error(o.Err)
		default:
			n.run++
			d.one(t, &n, &want[i], o, seen)
		}
	}
	t.Logf("%d cases run, %d of them fail: %d with the engine's verdict, %d with its trace; %d not run", n.run, n.failed, n.verdicts, n.traces, n.not)
	for _, accepted := range []map[string]string{d.otherVerdict, d.otherTrace} {
		for scenario, why := range accepted {
			if !seen[scenario] {
				t.Errorf("%s comes to the same, although %s", scenario, why)
			}
		}
	}
	if n.failed == 0 || n.run < d.least && !testing.Short() {
		t.Error("too few")
	}
}

func (d *door) one(t *testing.T, n *count, want *judge.Verdict, o suite.Outcome, seen map[string]bool) {
	t.Helper()
	got, scenario := campaign.Judge(o), o.Case.Scenario
	if got.Result == judge.Fail {
		n.failed++
	}
	if a, b := verdict(&got), verdict(want); a != b {
		if _, ok := d.otherVerdict[scenario]; ok {
			seen[scenario] = true
			return
		}
		t.Errorf("%s: %s, the engine %s", got.Case, a, b)
		return
	}
	n.verdicts++
	if d.like == nil {
		return
	}
	like := d.like(t, o.Job)
	text := ""
	switch {
	case d.exact && o.Trace.Digest != like.Digest:
		text = "the digests differ"
	case !d.exact:
		text = difference(o.Trace, like, d.near)
	}
	if _, ok := d.otherTrace[scenario]; ok && text != "" {
		seen[scenario] = true
		return
	}
	if text != "" {
		t.Errorf("%s: %s", got.Case, text)
		return
	}
	n.traces++
}

// verdict is the result, and what is broken first.
func verdict(v *judge.Verdict) string {
	words := []string{string(v.Result)}
	if len(v.Failures) > 0 {
		words = append(words, v.Failures[0].Requirement)
	}
	return strings.Join(words, " ")
}
