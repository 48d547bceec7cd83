package judge

import (
	"errors"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// errUnseen says that a window depends on what the view does not show.
var errUnseen = errors.New("it depends on attempts that are not seen")

// window computes the edges of an entry, the slack included in hi.
func (j *expector) window(use scenarios.Use, w wanted) (lo, hi time.Duration, err error) {
	if w.free {
		return -1 << 62, history.Never, nil
	}
	if lo, hi, fixed := w.window.Fixed(); fixed {
		return lo, hi + j.slack, nil
	}
	m := &moments{run: j.run}
	n := j.run.Case.Names(j.vm.Name, use, m)
	if !w.window.After.IsZero() {
		lo, err = w.window.After.Instant(n)
		hi = lo
	} else {
		lo, err = w.window.Lo.Instant(n)
		if err == nil {
			hi, err = w.window.Hi.Instant(n)
		}
	}
	if err != nil {
		if m.unseen {
			return 0, 0, errUnseen
		}
		if missing, ok := errors.AsType[*scenarios.NoValueError](err); ok {
			err = fmt.Errorf("%s did not happen", missing.Name)
		}
		return 0, 0, err
	}
	return lo, hi + j.slack, nil
}

// cut tells whether a run in wall time ends before the slack of a window does
// that has closed: what has not happened yet may still happen in time. A window
// that is open itself is the author's wish: it is to happen in the run.
func (j *expector) cut(hi time.Duration) bool {
	return j.run.Wall && hi > j.run.End && hi-j.slack <= j.run.End
}

// Expected is one window that a case gives for a run.
type Expected struct {
	VM     string
	Lane   string // "ready", "endpoints" or "live"
	To     bool   // the value that is to be reached; false for live
	Lo, Hi time.Duration
}

// Windows computes the windows of the ready, endpoints and live expectations
// of a case for a run, without slack, for pictures. Windows that have no value
// in this run are left out.
func Windows(c *scenarios.Case, t *trace.Trace) []Expected {
	run := history.New(c, t)
	var out []Expected
	for _, v := range run.VMs {
		e := c.Expect[v.Name]
		if e == nil {
			continue
		}
		j := &expector{run: run, vm: v}
		add := func(lane string, to bool, use scenarios.Use, w scenarios.Window) {
			if lo, hi, err := j.window(use, wanted{window: &w}); err == nil {
				out = append(out, Expected{VM: v.Name, Lane: lane, To: to, Lo: lo, Hi: hi})
			}
		}
		for _, h := range []struct {
			lane string
			h    *scenarios.History
		}{{"ready", e.Ready}, {"endpoints", e.Endpoints}} {
			if h.h == nil {
				continue
			}
			for _, change := range h.h.Changes {
				add(h.lane, change.To, scenarios.UseReadiness, change.Window)
			}
		}
		if e.Live != nil {
			for _, l := range *e.Live {
				add("live", false, scenarios.UseLiveness, l.Window)
			}
		}
	}
	return out
}
