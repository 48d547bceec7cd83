package lockstep_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/lockstep/reference"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// cases are the embedded cases.
func cases(t testing.TB, args ...string) []*scenarios.Case {
	t.Helper()
	files, err := suite.Load(args, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	list, diags, _ := suite.Cases(files, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return list
}

// unequal are cases that come to the same verdict by other instants, and why.
var unequal = map[string]string{
	"agent-job-lock-long": "in process the rest of a ping whose virt-probe was killed queues anew for the job lock",
}

// TestBothDoorsComeToTheSame runs every embedded case in process and through
// the lockstep door. The verdicts must be the same, and the traces too: at
// each instant the same events happen, with all that a digest covers. Within
// an instant two actors may come in another order, because those of the
// prober's clock and of the world's are not in one queue.
func TestBothDoorsComeToTheSame(t *testing.T) {
	bed := local(t, &reference.Prober{})
	var args []string
	if testing.Short() {
		args = []string{"agent-*", "guide-*"}
	}
	var jobs []suite.Job
	for _, c := range cases(t, args...) {
		jobs = append(jobs, suite.Job{Case: c, Seed: 1})
	}
	opts := suite.Options{Parallel: 2}
	inProcess := suite.Run(t.Context(), simbed.Bed{Bare: true}, jobs, opts, same)
	reordered := 0
	for i, got := range suite.Run(t.Context(), bed, jobs, opts, same) {
		want, id := inProcess[i], jobs[i].Case.ID()
		if want.Err != nil || got.Err != nil {
			t.Errorf("%s: %v, %v", id, want.Err, got.Err)
			continue
		}
		a, b := campaign.Judge(want), campaign.Judge(got)
		if a.Result != b.Result {
			t.Errorf("%s: %s in process, %s through the door: %+v", id, a.Result, b.Result, b.Failures)
		}
		if want.Trace.Digest == got.Trace.Digest {
			continue
		}
		reordered++
		x, y := canonical(want.Trace), canonical(got.Trace)
		_, allowed := unequal[jobs[i].Case.Scenario]
		if equal := slices.Equal(x, y); equal == allowed {
			t.Errorf("%s: the traces are equal: %v: %s", id, equal, firstDifference(x, y))
		}
	}
	t.Logf("%d cases, %d of them with another order inside an instant", len(jobs), reordered)
}

func same(o suite.Outcome) suite.Outcome { return o }

// local is a bed with a prober in this process.
func local(t testing.TB, p protocol.Prober) *lockstep.Bed {
	t.Helper()
	bed, err := lockstep.New(t.Context(), lockstep.Config{
		Start: lockstep.Local(func() protocol.Prober {
			if r, ok := p.(*reference.Prober); ok {
				another := *r
				return &another
			}
			return p
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bed.Close() })
	return bed
}

// canonical lists the events of a trace as text, those of one instant sorted,
// without messages.
func canonical(tr *trace.Trace) []string {
	var list []string
	for i := range tr.Events {
		e := tr.Events[i]
		if e.Kind != trace.GuestSaw {
			e.Msg = ""
		}
		list = append(list, fmt.Sprintf("%020d %+v", e.T, e))
	}
	slices.Sort(list)
	return list
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "\n  in process " + a[i] + "\n  the door   " + b[i]
		}
	}
	return fmt.Sprintf("%d and %d events", len(a), len(b))
}
