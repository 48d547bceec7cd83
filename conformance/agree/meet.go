package agree

import (
	"context"
	"fmt"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Meeting is what became of one case on two grounds.
type Meeting struct {
	A, B        Side
	Differences []Difference
	// Undecided says why B could not tell, although it was run as often as it
	// might: its harness was late, or a probe was under way when the guest changed.
	// There are no Differences then.
	Undecided string
}

// Meet runs a case on a, the simulator, and on b, a real testbed, and compares
// them. While the run of b cannot tell, b runs again, up to tries times in all; a
// difference of a harness that kept its time is one at once. The error says that one
// of them could not run.
func Meet(ctx context.Context, a, b testbed.Testbed, c *scenarios.Case, seed uint64, tries int) (*Meeting, error) {
	var m Meeting
	var err error
	if m.A, err = Run(ctx, a, c, seed); err != nil {
		return nil, err
	}
	for range max(tries, 1) {
		if m.B, err = Run(ctx, b, c, seed); err != nil {
			return nil, err
		}
		if view := m.B.Trace.View; view != trace.ViewProber { // it is somebody else's prober, seen from outside
			m.A.Trace, m.B.Free = m.A.Trace.Seen(view), true
		}
		m.Differences, m.Undecided = Compare(c, &m.A, &m.B)
		switch {
		case m.B.Verdict.Result == judge.Error:
			m.Undecided = m.B.Verdict.Reason
		case len(m.Differences) > 0 && m.B.Trace.Late > judge.DefaultSlack/4:
			m.Undecided = fmt.Sprintf("harness: late by %d ms, and not as simulated", m.B.Trace.Late.Milliseconds())
		}
		if m.Undecided == "" {
			return &m, nil
		}
	}
	m.Differences = nil
	return &m, nil
}

// Run runs a case on a testbed and judges it.
func Run(ctx context.Context, bed testbed.Testbed, c *scenarios.Case, seed uint64) (Side, error) {
	t, err := bed.Run(ctx, c, seed)
	if err != nil {
		return Side{}, fmt.Errorf("%s on %s: %w", c.ID(), bed.Name(), err)
	}
	return Side{Testbed: bed.Name(), Trace: t, Verdict: judge.Judge(c, t, judge.Options{})}, nil
}
