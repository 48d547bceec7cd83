package agreetest

import (
	"context"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// seeds is how many are tried for a calm one.
const seeds = 64

// enough is how far attempts have to be from what changes the guest: one of a busy
// machine needs half a second for a command now and then.
const enough = 500 * time.Millisecond

// calmSeed is the first seed whose attempts are far enough from what changes the
// guest, in the simulator, or the one with which they are farthest: what a guest
// does when it has changed meanwhile shows nothing.
func calmSeed(ctx context.Context, c *scenarios.Case) (best uint64, margin time.Duration, err error) {
	margin = -1
	for seed := range uint64(seeds) {
		t, err := simbed.Bed{Bare: true}.Run(ctx, c, seed+1)
		if err != nil {
			return 0, 0, err
		}
		if m := leastMargin(history.New(c, t), c.Until); m > margin {
			best, margin = seed+1, m
		}
		if margin >= enough {
			break
		}
	}
	return best, margin, nil
}

// afterwards is how much less time has to be between a change and the next attempt
// than between an attempt and the next change: one has to begin, the other to end.
const afterwards = 3

// leastMargin is the least time from the start of an attempt to the next change of
// its guest, or afterwards times that from a change to the next start; at most that
// of the whole run.
func leastMargin(r *history.Run, least time.Duration) time.Duration {
	for _, v := range r.VMs {
		for k := probes.Readiness; k <= probes.Startup; k++ {
			for _, a := range v.Attempts(k) {
				for _, kind := range []trace.Kind{trace.GuestStep, trace.GuestPower} {
					for _, m := range v.Of(kind) {
						least = min(least, max(m.T-a.Start, afterwards*(a.Start-m.T)))
					}
				}
			}
		}
	}
	return least
}
