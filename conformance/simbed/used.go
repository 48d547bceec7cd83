package simbed

import (
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/prober"
)

// used are things that one run made and the next one, of the same case, makes
// anew.
type used struct {
	serials   sim.Shelf[network.Channel]
	channels  sim.Shelf[guestagent.Channel]
	platforms sim.Shelf[platform.VM]
	guests    sim.Shelf[fakevm.Guest]
	driver    prober.Driver
}

func (u *used) rewind() {
	u.serials.Rewind()
	u.channels.Rewind()
	u.platforms.Rewind()
	u.guests.Rewind()
}

// used are those of the memory; without one, of this run alone.
func (w *world) used() *used {
	if w.recall == nil {
		return &w.own
	}
	return &w.recall.memory.used
}
