package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/wall"
	"github.com/vmprobe/vmprobe/conformance/wall/rundir"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/probes/realtime"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Bed is the testbed "loopback". Use New; Close removes what it leaves.
type Bed struct {
	tool string
	dir  *rundir.Dir // of the agents' sockets
}

// addresses counts those that the process has handed out: its beds share them.
var addresses atomic.Uint32 //nolint:gochecknoglobals // one network, one counter

// New makes the testbed; tool is the version written into traces.
func New(tool string) (*Bed, error) {
	dir, err := rundir.New("", dirPrefix)
	if err != nil {
		return nil, fmt.Errorf("loopback: %w", err)
	}
	if err := dir.Fits("127.127.255.254"); err != nil {
		return nil, fmt.Errorf("loopback: %w", errors.Join(err, dir.Close()))
	}
	return &Bed{tool: tool, dir: dir}, nil
}

// dirPrefix is how the directories of beds are called.
const dirPrefix = "vmprobe-lo-"

// Close removes the sockets.
func (b *Bed) Close() error { return b.dir.Close() }

// Name implements testbed.Testbed.
func (*Bed) Name() string { return "loopback" }

// address gives every VM of the process one of its own, 127.64.0.1 to
// 127.127.255.254, beginning somewhere by the number of the process.
func address() string {
	const size = 64 * 256 * 254
	n := (uint32(os.Getpid())*509 + addresses.Add(1)) % size //nolint:gosec // a process id is positive
	return net.IPv4(127, byte(64+n/(256*254)), byte(n/254%256), byte(1+n%254)).String()
}

// Run implements testbed.Testbed: it takes as long as the case says.
func (b *Bed) Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	return b.play(ctx, c, seed, &outside{bed: b, Thread: wall.NewThread()}, nil)
}

// RunBehind is Run with the prober that a door puts into the world. The suite
// makes its tries for it: see simbed.Ground.Away.
func (b *Bed) RunBehind(ctx context.Context, c *scenarios.Case, seed uint64, door simbed.Door) (*trace.Trace, error) {
	return b.play(ctx, c, seed, &outside{bed: b, Thread: wall.NewThread()}, door)
}

// Street is where the prober of a run finds the guests.
type Street interface {
	// Locker is the thread of the world: whoever comes from elsewhere takes it
	// before he touches the ground of a Door.
	sync.Locker
	// AgentSocket is the path of the socket of a VM's guest agent. It is there
	// while the agent has its port open, for one client at a time.
	AgentSocket(vm string) string
	// Over tells that the run has ended: what comes now does not count. The
	// lock is held.
	Over() bool
}

// RunDoor is Run with another prober, which makes its tries by itself: door
// puts it into the world.
func (b *Bed) RunDoor(ctx context.Context, c *scenarios.Case, seed uint64, door func(Street, *simbed.Ground) (simbed.Prober, error)) (*trace.Trace, error) {
	o := &outside{bed: b, Thread: wall.NewThread(), foreign: true, sockets: map[string]string{}}
	return b.play(ctx, c, seed, o, func(g *simbed.Ground) (simbed.Prober, error) { return door(o, g) })
}

func (b *Bed) play(ctx context.Context, c *scenarios.Case, seed uint64, o *outside, door simbed.Door) (*trace.Trace, error) {
	o.ctx, o.cancel = context.WithCancel(ctx)
	defer o.close()
	sink := wall.NewSink(o.Thread)
	if err := (simbed.Bed{Bare: true, Outside: o, Door: door}).Play(ctx, c, seed, sink); err != nil {
		return nil, err
	}
	h := trace.Header{Case: c.ID(), Profile: string(c.Profile.Name), Seed: seed, Tool: b.tool, Wall: true, Late: o.Late()}
	for i := range c.VMs {
		h.VMs = append(h.VMs, c.VMs[i].Name)
	}
	return sink.Trace(h), nil
}

// outside is the ground of one run. It implements simbed.Outside.
type outside struct {
	*wall.Thread
	bed    *Bed
	ctx    context.Context //nolint:containedctx // of the one run that it is
	cancel context.CancelFunc
	hosts  []*host
	tries  sync.WaitGroup

	foreign bool              // the prober is not ours
	sockets map[string]string // of agents, by VM, when it is not
}

// AgentSocket implements Street.
func (o *outside) AgentSocket(vm string) string { return o.sockets[vm] }

// Host implements simbed.Outside.
func (o *outside) Host(vm *scenarios.VM, log func(fakevm.Record)) (simbed.OutsideHost, error) {
	own := address()
	h := &host{address: own, socket: filepath.Join(o.bed.dir.Path, own), foreign: o.foreign}
	if o.foreign {
		o.sockets[vm.Name] = h.socket
	}
	h.counts = oshost.Counts(vm.Program, vm.EveryBoot)
	h.fail = func(err error) { o.FailLocked(fmt.Errorf("guest %s: %w", vm.Name, err)) }
	h.Host = oshost.New(oshost.Config{Address: own, AgentSocket: h.socket, Log: log, Fail: h.fail, Thread: o.Thread, Forwarded: vm.Resolved.ForwardedPorts})
	o.hosts = append(o.hosts, h)
	return h, nil
}

// Go implements simbed.Outside.
func (o *outside) Go(fn func(simbed.OutsideEnv)) {
	o.tries.Go(func() { fn(o.env()) })
}

func (o *outside) env() *realtime.Env {
	return realtime.NewEnvOn(o.ctx, o.dial, func(fn func(guestagent.Env)) { o.tries.Go(func() { fn(o.env()) }) })
}

// dial connects to a guest, which counts the SYN where the kernel tells of none.
func (o *outside) dial(ctx context.Context, address string) (net.Conn, error) {
	done := o.knock(address)
	c, err := (&net.Dialer{KeepAlive: -1}).DialContext(ctx, "tcp", address)
	if done != nil {
		o.Lock()
		defer o.Unlock()
		done()
	}
	return c, err
}

func (o *outside) knock(address string) (done func()) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil // dialing says so, too
	}
	o.Lock()
	defer o.Unlock()
	for _, h := range o.hosts {
		if h.address == at.Addr().String() && slices.Contains(h.counts, at.Port()) {
			return h.Knock(at.Port())
		}
	}
	return nil
}

// Mutex implements simbed.Outside.
func (o *outside) Mutex() guestagent.Mutex { return realtime.NewMutex() }

// Run implements simbed.Outside. When it returns nothing of the run is left.
func (o *outside) Run(ctx context.Context, until time.Duration) error {
	defer o.close()
	return o.Thread.Run(ctx, until, nil)
}

func (o *outside) close() {
	o.Halt()
	o.cancel()
	for _, h := range o.hosts {
		h.Close()
	}
	o.hosts = nil
	o.tries.Wait()
}
