package simbed

import (
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/probes/attempt"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Ground is what a door finds in a world: the clock, the trace, and a way to
// reach the guests on a prober's behalf.
type Ground struct{ w *world }

// Kernel is the kernel of the world.
func (g *Ground) Kernel() *sim.Kernel { return g.w.kernel }

// Case is what is played.
func (g *Ground) Case() *scenarios.Case { return g.w.c }

// Record writes an event into the trace.
func (g *Ground) Record(e trace.Event) { g.w.sink.Record(e) }

// Fail ends the run: the harness, or the protocol of a door, is at fault.
func (g *Ground) Fail(err error) {
	if g.w.failure == nil {
		g.w.failure = err
	}
	g.w.kernel.Halt(g.w.failure)
}

// Instances is how many containers the VM with that name has had; false when
// there is no such VM.
func (g *Ground) Instances(name string) (int32, bool) {
	for _, v := range g.w.vms {
		if v.spec.Name == name {
			return int32(len(v.pods)), true
		}
	}
	return 0, false
}

// Address is the IP address of the pod of an instance, which must exist.
func (g *Ground) Address(name string, instance int32) string { return g.w.vm(name).pod(instance).addr }

// AgentEvent writes an event as virt-launcher does, in the name of the
// instance in which the guest runs.
func (g *Ground) AgentEvent(name, reason, message string) {
	v := g.w.vm(name)
	v.platform.LauncherEvent(v.instance, reason, message)
}

// Go runs fn as a task of an actor, at a site: the pod of an instance of a
// VM, which must exist.
func (g *Ground) Go(actor sim.Actor, name string, instance int32, fn func(*Site)) {
	v := g.w.vm(name)
	g.w.kernel.Go(actor, func(t *sim.Task) {
		t.Daemon() // a prober may ask without a deadline
		fn(&Site{env: &taskEnv{task: t, from: g.w.prober}, vm: v, instance: instance, address: v.pod(instance).addr})
	})
}

// Outside is the lock of a world on real ground; nil: the world is simulated.
func (g *Ground) Outside() sync.Locker {
	if g.w.outside == nil {
		return nil
	}
	return g.w.outside
}

// Over tells that a run on real ground has ended: what comes now does not
// count. The lock is held.
func (g *Ground) Over() bool { return g.w.outside.Over() }

// Away is Go on real ground: fn runs elsewhere, without the lock, and what it
// asks for are real exchanges. The lock is held.
func (g *Ground) Away(name string, instance int32, fn func(*Site)) {
	v := g.w.vm(name)
	s := &Site{vm: v, instance: instance, address: v.pod(instance).addr, channel: v.outsideChannel(instance), lock: g.w.outside}
	g.w.outside.Go(func(env OutsideEnv) {
		s.env, s.done = env, env.Done()
		fn(s)
	})
}

// siteEnv is what exchanges see of a world.
type siteEnv interface {
	attempt.Env
	guestagent.Env
}

// Site is where the exchanges of one try are made.
type Site struct {
	env      siteEnv
	vm       *vm
	instance int32
	address  string              // of the pod
	channel  *guestagent.Channel // of its domain; nil: not yet asked for
	lock     sync.Locker         // of the world, for who does not hold it; nil: it is held
	done     <-chan struct{}     // the run is over, or given up
}

// Address is "host:port" in the pod, or of the host when one is given.
func (s *Site) Address(host string, port int) string {
	if host == "" {
		host = s.address
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// deadline is the end of an exchange that may take so long; 0: no end.
func (s *Site) deadline(timeout time.Duration) time.Time {
	if timeout <= 0 {
		timeout = s.vm.world.c.Until + time.Hour
	}
	return s.env.Now().Add(timeout)
}

// HTTP makes a request; a timeout of 0 does not end.
func (s *Site) HTTP(r *attempt.Request, timeout time.Duration) attempt.Response {
	return attempt.Exchange(s.env, r, s.deadline(timeout))
}

// Connect connects and closes.
func (s *Site) Connect(address string, timeout time.Duration) error {
	conn, err := s.env.Dial(address, s.deadline(timeout))
	if err == nil {
		_ = conn.Close()
	}
	return err
}

// Agent has libvirt send a command to the guest agent. inner is its wait for
// each step; a limit of 0 does not end.
func (s *Site) Agent(command string, inner, limit time.Duration) ([]byte, *guestagent.Error) {
	end := guestagent.Far()
	if limit > 0 {
		end = s.env.Now().Add(limit)
	}
	if s.channel == nil {
		s.channel = s.vm.channelOf(s.instance)
	}
	return guestagent.Command(s.env, s.libvirt(), s.channel, command, inner, end)
}

// libvirt is libvirt's view of the domain.
func (s *Site) libvirt() guestagent.Domain {
	d := &domain{s.vm, s.instance}
	if s.lock == nil {
		return d
	}
	return outsideDomain{s.lock, d}
}

// Domain is what virt-launcher sees of its domain.
func (s *Site) Domain() guestagent.Status { return s.libvirt().Status() }

// Exec runs a command in the container.
func (s *Site) Exec(argv []string, timeout time.Duration) (exit int, output []byte, err error) {
	if s.lock == nil {
		return (&container{s.vm}).Exec(argv, s.deadline(timeout))
	}
	return outsideContainer{s.lock, s.vm, s.done}.Exec(argv, s.deadline(timeout))
}
