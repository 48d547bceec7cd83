package bubble_test

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/driven"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

// newOurs is our own prober as it is for real machines. The agent and the
// commands of containers it asks through the door.
func newOurs() door.Prober { return driven.By(ours)() }

func ours(_ context.Context, r driven.Request) probes.Result {
	switch r.Probe.Spec.Handler {
	case probes.HTTPGet, probes.TCPSocket:
		return attempt.Try(env{r.Probe}, &attempt.Target{Probe: &r.Probe.Spec, Profile: &r.Probe.Profile, Address: r.Address})
	default:
		return r.Ours()
	}
}

// env is an attempt.Env of real time, which a bubble makes virtual.
type env struct{ p *door.Probe }

func (env) Now() time.Time         { return time.Now() }
func (env) SleepUntil(t time.Time) { time.Sleep(time.Until(t)) }
func (e env) Dial(address string, deadline time.Time) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	conn, err := e.p.DialContext(ctx, "tcp", address)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	return conn, err
}
