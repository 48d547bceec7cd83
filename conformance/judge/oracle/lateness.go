package oracle

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
)

// noticed is how much later than its client a guest may notice a connection:
// on real sockets the kernel completes it by itself.
func (c *court) noticed() time.Duration {
	if c.run.Wall {
		return c.slack / 2
	}
	return 0
}

// early is how much sooner than computed a try may end.
const early = 10 * time.Millisecond

// haste is how much sooner than computed a guest may seem to be asked after
// something else that it saw: in wall time it may have noticed that one late,
// by as much as a run that is judged may be late.
func (c *court) haste() time.Duration {
	if c.run.Wall {
		return early + (c.slack-c.late)/4 + c.late
	}
	return early
}

// jitter is by how much an interval between two attempts may seem shorter than
// it was.
func (c *court) jitter(period time.Duration) time.Duration {
	return min(c.slack-c.late, period/4) + c.late
}

// unawareness is how long a kubelet may take a container for the one before: it
// probes by the status of the pod, which is written at the beginning of a sync,
// and the sync that starts a container is over after that; the next one comes
// with the next look at the runtime, each second (kubernetes v1.37.2
// pkg/kubelet/prober/worker.go:221, kubelet.go:2258). Both have one address. The
// second more is that of the API's timestamps.
const unawareness = 3 * time.Second

// unaware is the instant until which what the guest is asked before its time may
// be meant for the container before.
func (g *guest) unaware(s *history.Stint) time.Duration {
	if !g.court.run.Wall || g.court.profile().VM || previous(s) == nil {
		return s.Container.Start
	}
	return s.Container.Start + unawareness + g.court.late
}
