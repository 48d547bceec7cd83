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
	"github.com/vmprobe/vmprobe/conformance/sockets"
	socketsreference "github.com/vmprobe/vmprobe/conformance/sockets/reference"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/scenarios"
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
	// wall: time is real, so that all cases run at once, and only when the
	// machine is ours. A case that it was too busy for has no verdict.
	wall bool
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
		}, {
			name: "sockets", bed: overSockets, wall: true, least: 30,
		},
	}
}

// inChild makes a child of this test serve the protocol of a door.
const inChild = "VMPROBE_TEST_SERVE"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(inChild) {
	case "":
		os.Exit(m.Run())
	case protocol.Sockets:
		err = (&socketsreference.Prober{}).Serve(context.Background(), os.Stdin, os.Stdout)
	default:
		err = protocol.ServeStdio(&reference.Prober{})
	}
	if err != nil {
		panic(err)
	}
}

// ourselves is the command of such a child.
func ourselves(serve string) []string { return []string{"env", inChild + "=" + serve, os.Args[0]} }

func locally(t *testing.T) testbed.Testbed {
	return open(t, lockstep.Local(func() protocol.Prober { return &reference.Prober{} }))
}

func process(t *testing.T) testbed.Testbed {
	return open(t, lockstep.Command{Argv: ourselves(protocol.Lockstep)}.Start)
}

// overSockets takes the cases that are over in a minute of real time.
func overSockets(t *testing.T) testbed.Testbed {
	bed, err := sockets.New(t.Context(), sockets.Config{Argv: ourselves(protocol.Sockets), Longest: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bed.Close() })
	return bed
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
type count struct{ run, failed, verdicts, traces, not, late int }

func (d *door) test(t *testing.T, list []suite.Job, want []judge.Verdict) {
	if d.wall && os.Getenv("VMPROBE_REQUIRE_WALL") == "" {
		t.Skip("not run: it takes a minute of wall time and a machine that is not busy; VMPROBE_REQUIRE_WALL=1 runs it")
	}
	var n count
	seen := map[string]bool{} // of what is accepted
	for i, o := range d.run(t, list) {
		switch {
		case o.NotRun != "" || len(o.Unclaimed) > 0:
			n.not++
		case d.wall && o.Err != nil && strings.Contains(o.Err.Error(), "late by"):
			n.late++
		case o.Err != nil:
			t.Error(o.Err)
		default:
			n.run++
			d.one(t, &n, &want[i], o, seen)
		}
	}
	t.Logf("%d cases run, %d of them fail: %d with the engine's verdict, %d with its trace; %d not run, %d too late",
		n.run, n.failed, n.verdicts, n.traces, n.not, n.late)
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

// run runs the cases, all at once where time is real.
func (d *door) run(t *testing.T, list []suite.Job) []suite.Outcome {
	t.Helper()
	bed, parallel := d.bed(t), 1
	if d.wall {
		parallel = len(list)
	}
	if b, ok := bed.(interface {
		Ready(ctx context.Context, cases []*scenarios.Case) error
	}); ok {
		var all []*scenarios.Case
		for _, j := range list {
			all = append(all, j.Case)
		}
		if err := b.Ready(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	return suite.Run(t.Context(), bed, list, suite.Options{Parallel: parallel}, func(o suite.Outcome) suite.Outcome { return o })
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
