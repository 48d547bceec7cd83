package qemu

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu/machine"
	"github.com/vmprobe/vmprobe/conformance/qemu/wire"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/wall"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/probes/realtime"
	"github.com/vmprobe/vmprobe/scenarios"
)

// outside is the ground of one run. It implements simbed.Outside.
type outside struct {
	*wall.Thread
	lab     Lab
	c       *scenarios.Case
	seed    uint64
	ctx     context.Context //nolint:containedctx // of the one run that it is
	cancel  context.CancelFunc
	began   chan struct{} // closed when the clock runs
	start   time.Time     // of the clock, when it runs
	hosts   []*host
	work    sync.WaitGroup
	closing sync.Once
}

func newOutside(ctx context.Context, lab Lab, c *scenarios.Case, seed uint64) *outside {
	o := &outside{Thread: wall.NewThread(), lab: lab, c: c, seed: seed, began: make(chan struct{})}
	o.ctx, o.cancel = context.WithCancel(ctx)
	return o
}

// firstGuest is the address of the first VM; the prober has hostAddress.
const firstGuest = 15

func hostAddress() netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 2, 2}) }

// maxVMs is how many VMs a case may have here: addresses end.
const maxVMs = 200

// Host implements simbed.Outside.
func (o *outside) Host(spec *scenarios.VM, log func(fakevm.Record)) (simbed.OutsideHost, error) {
	address := netip.AddrFrom4([4]byte{10, 0, 2, byte(firstGuest + len(o.hosts))})
	mac, err := net.ParseMAC(machine.MAC)
	if err != nil {
		return nil, err
	}
	w, err := wire.New(wire.Config{Host: hostAddress(), Guest: address, GuestMAC: mac, Seed: o.seed + uint64(len(o.hosts))})
	if err != nil {
		return nil, err
	}
	h := &host{out: o, spec: spec, address: address, wire: w, log: log}
	o.hosts = append(o.hosts, h)
	h.prepare()
	if h.returns() {
		h.prepare()
	}
	h.made = h.spares
	return h, nil
}

// Go implements simbed.Outside.
func (o *outside) Go(fn func(simbed.OutsideEnv)) {
	o.work.Go(func() { fn(o.env()) })
}

func (o *outside) env() *realtime.Env {
	return realtime.NewEnvOn(o.ctx, o.dial, func(fn func(guestagent.Env)) { o.work.Go(func() { fn(o.env()) }) })
}

// Mutex implements simbed.Outside.
func (o *outside) Mutex() guestagent.Mutex { return realtime.NewMutex() }

// dial connects to the guest that has an address.
func (o *outside) dial(ctx context.Context, address string) (net.Conn, error) {
	ip, number, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return nil, err
	}
	for _, h := range o.hosts {
		if h.Address() == ip {
			return h.wire.Dial(ctx, uint16(port))
		}
	}
	return nil, fmt.Errorf("dial tcp %s: no such host on the wires of the testbed", address)
}

// Run implements simbed.Outside. The clock starts when every first machine
// stands ready. When it returns nothing of the run is left.
func (o *outside) Run(ctx context.Context, until time.Duration) error {
	defer o.close()
	for _, h := range o.hosts {
		for _, p := range h.made {
			if err := p.wait(ctx); err != nil {
				return err
			}
		}
	}
	return o.Thread.Run(ctx, until, func(start time.Time) {
		o.start = start
		close(o.began)
	})
}

// close kills every machine and waits until nothing runs any more.
func (o *outside) close() {
	o.closing.Do(func() {
		o.Halt()
		o.cancel()
		for _, h := range o.hosts {
			h.close()
		}
		o.work.Wait()
	})
}
