// Command go is a TCP prober to copy: put your own machine in the place of engine.
package main

import (
	"log"
	"time"

	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/probes/spec"
)

func main() {
	if err := protocol.ServeStdio(protocol.NewWorkers("go-adapter", newWorker, "tcp", "restart", "network-faults")); err != nil {
		log.Fatal(err)
	}
}

type worker struct {
	engine.Worker
	tcp *protocol.TCPRequest
}

func newWorker(p protocol.Probe) (protocol.Worker, error) {
	r, tries, err := spec.ResolveProbe(p.VM.Manifest, p.Profile, protocol.KindOf(p.Kind))
	tcp := &protocol.TCPRequest{Host: r.TCP.Host, Port: r.TCP.Port.Number, TimeoutNs: int64(r.Timeout)}
	return &worker{engine.NewWorker(engine.ConfigOf(&r, tries), p.Started), tcp}, err
}

func (w *worker) Step(now time.Duration, e protocol.Event) []protocol.Action {
	kind := map[protocol.Happening]engine.EventKind{
		protocol.ContainerStarted: engine.ContainerStarted, protocol.ContainerStopped: engine.ContainerStopped,
		protocol.Terminating: engine.Terminating, protocol.Sync: engine.Trigger, protocol.Answer: engine.TryFinished,
	}[e.Event] // or it is a wake-up
	class := map[bool]probes.Class{true: probes.Success, false: probes.Failure}[e.Connect == protocol.OK]
	return w.run(now, engine.Event{Kind: kind, At: time.Duration(e.StartedNs), WillRestart: e.WillRestart, Class: class}, "connect: "+string(e.Connect))
}

func (w *worker) run(now time.Duration, e engine.Event, message string) (do []protocol.Action) {
	acts := w.Worker.Step(now, e)
	for i, a := range acts.All() {
		if i == 0 && e.Kind == engine.TryFinished {
			do = append(do, protocol.Action{Do: protocol.Result, Class: e.Class.String(), Message: message, Retry: a.Kind == engine.StartTry})
		}
		switch {
		case a.Kind == engine.Publish:
			do = append(do, protocol.Action{Do: protocol.Ready, OK: &a.Healthy})
		case a.Kind == engine.LivenessFailed:
			do = append(do, protocol.Action{Do: protocol.LiveFailed})
		case w.tcp.Port > 0 && a.Kind == engine.StartTry:
			do = append(do, protocol.Action{Do: protocol.Try, TCP: w.tcp})
		case a.Kind == engine.StartTry:
			more := w.run(now, engine.Event{Kind: engine.TryFinished, Class: probes.Errored}, "no such port")
			do = append(append(do, protocol.Action{Do: protocol.Try}), more...)
		}
	}
	return do
}
