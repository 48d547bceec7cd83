package agreetest

import (
	"context"
	"slices"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// blind is a testbed that does not see VMs become ready in the runs of a list.
type blind struct {
	simbed.Bed
	list []bool
	run  *int
}

func (b blind) Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	t, err := b.Bed.Run(ctx, c, seed)
	if now := *b.run; err == nil && now < len(b.list) && b.list[now] {
		t.Events = slices.DeleteFunc(t.Events, func(e trace.Event) bool { return e.Kind == trace.Ready })
	}
	*b.run++
	return t, err
}

// TestConfirm: a case that failed is flaky when it holds twice after that, and
// wrong when it does not.
func TestConfirm(t *testing.T) {
	c := scenariotest.Embedded(t, "tcp-*")[0]
	for _, tt := range []struct {
		name         string
		list         []bool
		wrong, flaky bool
	}{
		{"it holds", nil, false, false},
		{"it fails once", []bool{true}, true, true},
		{"it fails twice", []bool{true, true}, true, false},
		{"it fails now and then", []bool{true, false, true}, true, false},
	} {
		l := Lane{Real: blind{list: tt.list, run: new(int)}, AtOnce: 1, Tries: 1}
		o := l.run(t.Context(), c)
		if len(o.wrong) > 0 {
			l.confirm(t, c, &o)
		}
		if len(o.wrong) > 0 != tt.wrong || o.flaky != tt.flaky {
			t.Errorf("%s: wrong %q, flaky %v", tt.name, o.wrong, o.flaky)
		}
	}
}
