package bubble_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

func jobs(tb testing.TB, sel campaign.Selection, args ...string) []suite.Job {
	tb.Helper()
	sel.Seeds, sel.Seed = 1, 1
	list, err := sel.Jobs(args, nil, os.Stderr, "bubble")
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// phases lets the prober of a kernel keep the phases of one in a bubble.
type phases struct {
	seed    uint64
	age     time.Duration
	numbers map[prober.Worker]int
}

func (p *phases) residue(w prober.Worker) time.Duration {
	n, ok := p.numbers[w]
	if !ok {
		n = len(p.numbers)
		p.numbers[w] = n
	}
	return bubble.Residue(p.seed, n)
}

func (p *phases) freedom(c *scenarios.Case) *prober.Freedom {
	restarts := map[time.Duration]bool{}
	for _, e := range c.Events {
		restarts[e.At] = restarts[e.At] || e.Kind == scenarios.RestartProber
	}
	late := func(w prober.Worker) time.Duration { return bubble.Align(w.Start, p.residue(w)) - w.Start }
	return &prober.Freedom{
		Offset: func(w prober.Worker) time.Duration { return w.Period - late(w) },
		Jitter: func(w prober.Worker) time.Duration {
			if restarts[w.Start] {
				return w.Period/2 + late(w)
			}
			created := max(w.Start-w.Period+late(w), -p.age)
			return (w.Start + late(w) - created) % w.Period
		},
	}
}

// tolerance is how far an event may lie from its like on the kernel: what
// waits for a residue waits less than a quantum, and containers that follow
// one another hand it on.
const tolerance = time.Millisecond

// atTheBound are scenarios whose verdict hangs on an instant to the nanosecond,
// which the residue moves: a container that is exactly as old as the grace of
// a restart (PROBER-RESTART).
var atTheBound = map[string]bool{"lifecycle-pod-prober-restart-grace": true}

// Parity: our own prober for real machines, in a bubble, comes to the same
// verdict as the simulated one on the kernel, in every case, and leaves the
// same trace, up to the residue rule.
func TestParityWithTheKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("not run: every case, in a bubble, takes half a minute")
	}
	bed := bubble.Bed{Factory: newOurs, ClockSteps: true}
	list := jobs(t, campaign.Selection{})
	var mu sync.Mutex
	verdicts, traces, unrun, bound, attempts := 0, 0, 0, 0, 0
	start := time.Now()
	suite.Run(t.Context(), bed, list, suite.Options{Parallel: 1}, func(o suite.Outcome) struct{} {
		if o.NotRun != "" {
			mu.Lock()
			unrun++
			mu.Unlock()
			return struct{}{}
		}
		if o.Err != nil {
			t.Error(o.Err)
			return struct{}{}
		}
		kernel := onKernel(t, o.Job)
		got, want := campaign.Judge(o), campaign.Judge(suite.Outcome{Job: o.Job, Trace: kernel})
		mu.Lock()
		defer mu.Unlock()
		if atTheBound[o.Case.Scenario] && got.Result != want.Result {
			bound++
			return struct{}{}
		}
		if got.Result != want.Result {
			t.Errorf("%s: %s in a bubble, %s on the kernel\n  bubble %s\n  kernel %s",
				o.Case.ID(), got.Result, want.Result, first(&got), first(&want))
			return struct{}{}
		}
		verdicts++
		attempts += countAttempts(o.Trace)
		if d := difference(o.Trace, kernel); d != "" {
			t.Errorf("%s: %s", o.Case.ID(), d)
			return struct{}{}
		}
		traces++
		return struct{}{}
	})
	took := time.Since(start)
	t.Logf("%d cases: %d with the same verdict, %d with the same trace, %d at a bound, %d not run; %d attempts, %.0f a second",
		len(list), verdicts, traces, bound, unrun, attempts, float64(attempts)/took.Seconds())
	if verdicts+bound+unrun != len(list) || traces < 2000 {
		t.Errorf("of %d cases too few could be compared", len(list))
	}
}

func onKernel(t *testing.T, j suite.Job) *trace.Trace {
	t.Helper()
	p := &phases{seed: j.Seed, age: j.Case.ProberAge, numbers: map[prober.Worker]int{}}
	bed := simbed.Bed{Bare: true, Liberty: &simbed.Liberty{Prober: p.freedom(j.Case)}}
	tr, err := bed.Run(context.Background(), j.Case, j.Seed)
	if err != nil {
		t.Error(err)
		return &trace.Trace{}
	}
	return tr
}

func first(v *judge.Verdict) string {
	if len(v.Failures) == 0 {
		return "-"
	}
	f := v.Failures[0]
	return fmt.Sprintf("%s at %v: %s; want %s", f.Requirement, f.At, f.Message, f.Want)
}

func countAttempts(t *trace.Trace) (n int) {
	for i := range t.Events {
		if t.Events[i].Kind == trace.AttemptFinished {
			n++
		}
	}
	return n
}

// lane is what one actor did, or what happened to it.
type lane struct {
	vm    string
	port  string // of what a guest saw
	probe probes.Kind
	has   bool
	kind  trace.Kind
}

// difference finds the first event without its like. Events of different
// actors within the tolerance have no order.
func difference(a, b *trace.Trace) string {
	x, y := lanes(a), lanes(b)
	var keys []lane
	for k := range x {
		keys = append(keys, k)
	}
	for k := range y {
		if _, ok := x[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b lane) int { return slices.Compare([]byte(fmt.Sprint(a)), []byte(fmt.Sprint(b))) })
	for _, k := range keys {
		for i := range max(len(x[k]), len(y[k])) {
			if i >= len(x[k]) || i >= len(y[k]) {
				return fmt.Sprintf("%d %s events of %s in a bubble, %d on the kernel", len(x[k]), k.kind, k.vm, len(y[k]))
			}
			e, f := x[k][i], y[k][i]
			near := (e.T - f.T).Abs() <= tolerance
			f.T = e.T
			if !near || !trace.Same(&e, &f) {
				return fmt.Sprintf("%s of %s\n  bubble %+v\n  kernel %+v", k.kind, k.vm, x[k][i], y[k][i])
			}
		}
	}
	return ""
}

func lanes(t *trace.Trace) map[lane][]trace.Event {
	m := map[lane][]trace.Event{}
	for _, e := range t.Events {
		k := lane{vm: e.VM, probe: e.Probe, has: e.HasProbe, kind: e.Kind}
		if e.Kind == trace.GuestSaw {
			k.port = e.Value
		}
		m[k] = append(m[k], e)
	}
	return m
}
