package bubble

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Check runs a case several times and tells where two runs part: a finding
// about the prober, which then has more than one thing to do at some instant,
// or reads a clock or a generator that is none of the bubble. Nil: all runs
// are the same, up to the order of what happens at one instant.
func (b Bed) Check(ctx context.Context, c *scenarios.Case, seed uint64, runs int) (*trace.Difference, error) {
	var first *trace.Trace
	for range runs {
		t, err := b.Run(ctx, c, seed)
		if err != nil {
			return nil, err
		}
		Canonical(t)
		if first == nil {
			first = t
			continue
		}
		if d := trace.Diff(first, t); d != nil {
			return d, nil
		}
	}
	return nil, nil //nolint:nilnil // no difference, no error
}

// Canonical puts what happens at one instant into an order that does not
// depend on who came first.
func Canonical(t *trace.Trace) {
	slices.SortStableFunc(t.Events, func(a, b trace.Event) int {
		return cmp.Or(
			cmp.Compare(a.T, b.T), cmp.Compare(a.VM, b.VM), cmp.Compare(a.Instance, b.Instance),
			cmp.Compare(fmt.Sprint(a.HasProbe, a.Probe), fmt.Sprint(b.HasProbe, b.Probe)),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Msg, b.Msg),
		)
	})
	t.Seal()
}
