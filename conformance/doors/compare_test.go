package doors_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/prober"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// inPhase is the engine's trace with the phases that a bubble gives to a prober.
func inPhase(t *testing.T, j suite.Job) *trace.Trace {
	t.Helper()
	p := &phases{seed: j.Seed, age: j.Case.ProberAge, numbers: map[prober.Worker]int{}}
	bed := simbed.Bed{Bare: true, Liberty: &simbed.Liberty{Prober: p.freedom(j.Case)}}
	tr, err := bed.Run(t.Context(), j.Case, j.Seed)
	if err != nil {
		t.Fatal(err)
	}
	return tr
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

// lane is what one actor did, or what happened to it.
type lane struct {
	vm    string
	port  string // of what a guest saw
	probe probes.Kind
	has   bool
	kind  trace.Kind
}

// difference finds the first event without its like; empty: there is none.
// Events of different lanes have no order.
func difference(got, want *trace.Trace, near time.Duration) string {
	x, y := lanes(got), lanes(want)
	var keys []lane
	for k := range x {
		keys = append(keys, k)
	}
	for k := range y {
		if _, ok := x[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b lane) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for _, k := range keys {
		for i := range max(len(x[k]), len(y[k])) {
			if i >= len(x[k]) || i >= len(y[k]) {
				return fmt.Sprintf("%d %s events of %s, of the engine %d", len(x[k]), k.kind, k.vm, len(y[k]))
			}
			e, f := x[k][i], y[k][i]
			close := (e.T - f.T).Abs() <= near
			f.T = e.T
			if !close || !trace.Same(&e, &f) {
				return fmt.Sprintf("%s of %s\n  got    %+v\n  engine %+v", k.kind, k.vm, x[k][i], y[k][i])
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
