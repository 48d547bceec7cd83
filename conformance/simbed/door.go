package simbed

import (
	"time"

	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// Prober is the prober of a world: our own, or one behind a door.
type Prober interface {
	// Add takes a VM up; its pods are told later.
	Add(c prober.VMConfig) (VMProber, error)
	// Restart kills the prober process and starts it again.
	Restart()
	// StepClock moves the wall clock of the prober's node.
	StepClock(by time.Duration)
}

// VMProber is a prober's view of one VM.
type VMProber interface {
	platform.Prober
	// Bind names the platform to which verdicts go; before the first container.
	Bind(p prober.Platform)
	// PanicNext makes the next try of the VM's probes panic.
	PanicNext()
}

// Door puts a prober into a world that is being built. What the prober does
// from then on, it does on the ground.
type Door func(g *Ground) (Prober, error)

// ours is the door of our own prober.
func (w *world) ours(*Ground) (Prober, error) {
	d := &w.used().driver
	err := d.Renew(prober.Config{
		Kernel: w.kernel, Sink: w.sink, Tryer: w.tryer, Age: w.age(),
		Engine: w.deviation.Engine, Rules: w.deviation.Prober, Freedom: w.liberty.Prober,
	})
	return driver{d}, err
}

// driver is our own prober.
type driver struct{ *prober.Driver }

// Add implements Prober.
func (d driver) Add(c prober.VMConfig) (VMProber, error) { return d.Driver.Add(c) }
