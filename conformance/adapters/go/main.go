// Command go is an adapter to copy: a readiness prober for TCP sockets on top
// of package engine, for "vmprobe conformance -- go run ./conformance/adapters/go".
// Put your own machine in the place of engine.Worker.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/spec"
)

func main() {
	if err := protocol.Serve(context.Background(), os.Stdin, os.Stdout, &prober{}); err != nil {
		log.Fatal(err)
	}
}

type prober struct {
	configs map[string]config
	workers []*worker
	lastID  int64
	do      []protocol.Action
}

type config struct {
	probe probes.Probe
	tries int32
}

// worker is the engine of one pod and the try that it waits for.
type worker struct {
	engine.Worker
	config
	at protocol.Event // the containerStarted event of its present container
	id int64
}

func (*prober) Hello() protocol.Greeting {
	return protocol.Greeting{Implementation: protocol.Implementation{Name: "go-adapter", Language: "go"}, Features: []string{"tcp", "network-faults"}}
}

func (p *prober) Open(r *protocol.Request) error {
	*p = prober{configs: map[string]config{}}
	profile, _ := probes.LookupProfile(probes.ProfileName(r.Profile))
	for _, vm := range r.VMs {
		machines, err := spec.Decode(vm.Manifest)
		if err != nil {
			return err
		}
		for _, probe := range machines[0].Resolve(profile).Probes {
			p.configs[vm.Name] = config{probe, profile.Tries} // readiness alone: liveness is not claimed
		}
	}
	return nil
}

func (p *prober) Step(now time.Duration, events []protocol.Event) (do []protocol.Action, wakeAt time.Duration, err error) {
	p.do, wakeAt = nil, -1
	for i := range events {
		p.take(now, &events[i])
	}
	for _, w := range p.workers {
		p.step(now, w, engine.Event{Kind: engine.Wake})
		if at, ok := w.WakeAt(); ok && (wakeAt < 0 || at < wakeAt) {
			wakeAt = max(at, now)
		}
	}
	return p.do, wakeAt, nil
}

func (p *prober) take(now time.Duration, e *protocol.Event) {
	if e.Event == protocol.ContainerStarted && e.Pod == e.Instance {
		c, ok := p.configs[e.VM]
		if !ok {
			return
		}
		p.workers = append(p.workers, &worker{config: c, Worker: engine.NewWorker(engine.Config{
			Period: c.probe.Period, InitialDelay: c.probe.InitialDelay, Tries: c.tries,
			FailureThreshold: c.probe.FailureThreshold, SuccessThreshold: c.probe.SuccessThreshold,
		}, now-time.Second/7), at: *e})
	}
	for _, w := range p.workers {
		switch here := w.at.VM == e.VM && w.at.Instance == e.Instance; {
		case e.Event == protocol.ContainerStarted && w.at.VM == e.VM && w.at.Pod == e.Pod:
			w.at = *e
			p.step(now, w, engine.Event{Kind: engine.ContainerStarted, At: time.Duration(e.StartedNs)})
		case e.Event == protocol.ContainerStopped && here:
			p.step(now, w, engine.Event{Kind: engine.ContainerStopped, WillRestart: e.WillRestart})
		case e.Event == protocol.Sync && here:
			p.step(now, w, engine.Event{Kind: engine.Trigger})
		case e.Event == protocol.Answer && w.id == e.ID:
			class := probes.Failure
			if e.Connect == protocol.OK {
				class = probes.Success
			}
			p.do = append(p.do, protocol.Action{Do: protocol.Result, ID: w.id, Class: class.String(), Message: "connect: " + string(e.Connect)})
			p.step(now, w, engine.Event{Kind: engine.TryFinished, Class: class})
		}
	}
}

// step tells the engine and says what it does.
func (p *prober) step(now time.Duration, w *worker, e engine.Event) {
	acts := w.Step(now, e)
	for _, a := range acts.All() {
		act := protocol.Action{VM: w.at.VM, Instance: w.at.Instance}
		switch a.Kind {
		case engine.StartTry:
			p.lastID++
			w.id = p.lastID
			act.Do, act.ID, act.Probe = protocol.Try, w.id, w.probe.Kind.String()
			act.TCP = &protocol.TCPRequest{Host: w.probe.TCP.Host, Port: w.probe.TCP.Port.Number, TimeoutNs: int64(w.probe.Timeout)}
		case engine.Publish:
			act.Do, act.OK = protocol.Ready, &a.Healthy
		default:
			continue
		}
		p.do = append(p.do, act)
	}
}
