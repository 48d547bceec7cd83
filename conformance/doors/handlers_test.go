package doors_test

import (
	"context"
	"net"
	"time"

	vmdoor "github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/driven"
	"github.com/vmprobe/vmprobe/conformance/door/kernel"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/attempt"
)

// onKernel is our handler as a function on the kernel.
func onKernel(_ context.Context, e *kernel.Env, p *probes.Probe) probes.Result {
	return attempt.Try(kernelEnv{e}, &attempt.Target{Probe: p, Profile: e.Profile, Address: e.Address})
}

type kernelEnv struct{ e *kernel.Env }

func (k kernelEnv) Now() time.Time         { return k.e.Now() }
func (k kernelEnv) SleepUntil(t time.Time) { _ = k.e.Sleep(context.Background(), t.Sub(k.e.Now())) }
func (k kernelEnv) Dial(address string, deadline time.Time) (net.Conn, error) {
	return k.e.DialContext(k.e.WithTimeout(context.Background(), deadline.Sub(k.e.Now())), "tcp", address)
}

// inBubble is our handler as a function in a bubble.
func inBubble(_ context.Context, r driven.Request) probes.Result {
	switch r.Probe.Spec.Handler {
	case probes.HTTPGet, probes.TCPSocket:
		return attempt.Try(bubbleEnv{r.Probe}, &attempt.Target{Probe: &r.Probe.Spec, Profile: &r.Probe.Profile, Address: r.Address})
	default:
		return r.Ours()
	}
}

// bubbleEnv is an attempt.Env of real time, which a bubble makes virtual.
type bubbleEnv struct{ p *vmdoor.Probe }

func (bubbleEnv) Now() time.Time         { return time.Now() }
func (bubbleEnv) SleepUntil(t time.Time) { time.Sleep(time.Until(t)) }
func (e bubbleEnv) Dial(address string, deadline time.Time) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	return e.p.DialContext(ctx, "tcp", address)
}
