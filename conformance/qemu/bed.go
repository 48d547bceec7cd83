package qemu

import (
	"context"

	"github.com/vmprobe/vmprobe/conformance/qemu/machine"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/conformance/wall"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Name is the word of --testbed.
const Name = "qemu"

// Bed is the testbed "qemu". Use New; Close removes what it leaves.
type Bed struct {
	name, tool string
	lab        Lab
}

// ErrMissing says that QEMU or the guest image is not there; its text says how
// to get it.
var ErrMissing = machine.ErrMissing

// New makes the testbed; tool is the version written into traces, say gets
// notes for the user. Nothing is started yet.
func New(tool string, say func(string)) (*Bed, error) {
	lab, err := machine.NewLab(say)
	if err != nil {
		return nil, err
	}
	return &Bed{Name, tool, processes{lab}}, nil
}

// On makes a testbed with another name on other VMs, which it closes.
func On(name, tool string, lab Lab) *Bed { return &Bed{name, tool, lab} }

// Prepare boots the template if there is none; Run does it, too.
func (b *Bed) Prepare(ctx context.Context) error { return b.lab.Prepare(ctx) }

// Close removes what is left; no run may be under way.
func (b *Bed) Close() error { return b.lab.Close() }

// Name implements testbed.Testbed.
func (b *Bed) Name() string { return b.name }

// Run implements testbed.Testbed: it takes as long as the case says. When it
// returns, no QEMU of the run is left.
func (b *Bed) Run(ctx context.Context, c *scenarios.Case, seed uint64) (*trace.Trace, error) {
	return b.RunBehind(ctx, c, seed, nil)
}

// RunBehind is Run with the prober that a door puts into the world; nil: our
// own. The suite makes its tries for it: see simbed.Ground.Away.
func (b *Bed) RunBehind(ctx context.Context, c *scenarios.Case, seed uint64, door simbed.Door) (*trace.Trace, error) {
	o := newOutside(ctx, b.lab, c, seed)
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
