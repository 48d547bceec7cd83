package simbed

import (
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// Ours is our own prober with another way to make tries; nil: its own.
func (g *Ground) Ours(tryer prober.Tryer) (Prober, error) {
	w := *g.w
	if tryer != nil {
		w.tryer = tryer
	}
	return w.ours(g)
}

// Age is for how long the prober process has run at instant 0.
func (g *Ground) Age() time.Duration { return g.w.age() }

// Host is the machine from which the prober dials.
func (g *Ground) Host() *network.Host { return g.w.prober }

// Try makes a try as our own prober does, of any handler, and calls done from
// the kernel's thread when it ends.
func (g *Ground) Try(req prober.Request, done func(probes.Result)) { g.w.Try(req, done) }

// Exec runs a command in the container of a VM's pod and calls done when it
// has ended; with os.ErrDeadlineExceeded when it has not by then.
func (g *Ground) Exec(
	actor sim.Actor, name string, argv []string, deadline time.Duration,
	done func(exit int, output []byte, err error),
) {
	v := g.w.vm(name)
	g.w.kernel.Go(actor, func(t *sim.Task) {
		t.Daemon()
		done((&container{v}).Exec(argv, sim.Epoch.Add(deadline)))
	})
}

// AgentPort is the virtio-serial port of the guest agent, as it is reached from
// the pod of an instance; nil: there is no domain in it, or no such instance.
func (g *Ground) AgentPort(name string, instance int32) *network.Channel {
	v := g.w.vm(name)
	if instance < 1 || int(instance) > len(v.pods) {
		return nil
	}
	p := v.host.channel
	if p == nil || p.pod != v.pod(instance) || !(&domain{v, instance}).Status().Exists {
		return nil
	}
	return p.serial
}
