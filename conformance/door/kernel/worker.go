package kernel

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/desk"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// Worker makes one probe of one container, attempt after attempt, on the calling
// goroutine: a whole prober, as a function that waits through its Env alone. ctx
// ends with the container: Env.Sleep returns then, what is under way goes on. In
// pods with a startup probe, readiness and liveness are called when it has
// passed.
//
// What it tells, it tells by p.Report; dials of p and e are the same. p.Events
// says nothing here.
type Worker func(ctx context.Context, e *Env, p *door.Probe, c door.Container)

// work is one probe of one pod. It implements door.Ground.
type work struct {
	w     *workers
	m     *machine
	slot  int
	actor sim.Actor
	pod   *pod
	probe *door.Probe
	desk  desk.Desk

	life *life           // of the container whose worker runs; nil: none does
	env  *Env            // of that worker
	next *door.Container // waits for it to return
}

// life is that of a container, as its worker sees it.
type life struct {
	context.Context
	ended    bool
	sleeping *sim.Task
}

// Err implements context.Context. Done is nil: nobody can wait for it here.
func (l *life) Err() error {
	if l.ended {
		return context.Canceled
	}
	return nil
}

func (l *life) end() {
	if l.ended = true; l.sleeping != nil {
		l.sleeping.Unpark()
	}
}

// begin calls the worker for a container, when it has returned from the one
// before.
func (k *work) begin(c door.Container) {
	if k.life != nil {
		k.next = &c
		return
	}
	l := &life{Context: context.Background()}
	k.life = l
	r := k.w.run
	r.g.Kernel().Go(k.actor, func(t *sim.Task) {
		t.Daemon() // it may wait for what never comes
		t.Recover(r.panicked("worker"))
		k.env = r.env(t, k.m.cfg.Name, c.Instance)
		k.env.life = l
		r.progress.Add(1)
		r.bed.Worker(l, k.env, k.probe, c)
		r.progress.Add(1)
		k.life, k.env = nil, nil
		if next := k.next; next != nil {
			k.next = nil
			k.begin(*next)
		}
	})
}

// end tells the worker that its container is gone.
func (k *work) end() {
	if k.next = nil; k.life != nil {
		k.life.end()
	}
}

// Dial implements door.Ground, as the methods below do.
func (k *work) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return k.env.DialContext(ctx, network, address)
}

// DialAgent connects to the guest agent.
func (k *work) DialAgent(ctx context.Context, instance int32) (net.Conn, error) {
	return k.env.dialAgent(ctx, instance)
}

// await waits for something that others do, and tell by done.
func (k *work) await(start func(done func())) {
	t, over := k.env.task, false
	start(func() {
		over = true
		t.Unpark()
	})
	k.w.run.wait(func() {
		for !over {
			t.Park(sim.Forever)
		}
	})
}

// Exec runs a command in the container.
func (k *work) Exec(ctx context.Context, argv []string, timeout time.Duration) (exit int, output []byte, err error) {
	if ctx.Err() != nil {
		return 0, nil, os.ErrDeadlineExceeded
	}
	k.await(func(done func()) {
		by := k.env.task.Now() + timeout
		k.w.run.g.Exec(k.actor, k.m.cfg.Name, argv, by, func(code int, out []byte, e error) {
			exit, output, err = code, out, e
			done()
		})
	})
	return exit, output, err
}

// Try makes a try by our own handler.
func (k *work) Try(instance, attempt, try int32) (result probes.Result) {
	k.await(func(done func()) {
		k.w.run.g.Try(prober.Request{
			VM: k.m.number, Name: k.m.cfg.Name, Slot: k.slot, Actor: k.actor,
			Instance: instance, Pod: k.pod.number, Attempt: attempt, Try: try, Probe: &k.m.cfg.Probes[k.slot],
		}, func(r probes.Result) {
			result = r
			done()
		})
	})
	return result
}

// Report takes what the worker tells.
func (k *work) Report(r door.Report) { k.desk.Take(r) }
