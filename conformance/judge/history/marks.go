package history

import (
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// marks are events by their kinds.
type marks [trace.LastKind + 1][]Mark

func (all *marks) of(k trace.Kind) []Mark { return all[k] }

func (all *marks) add(m Mark) { all[m.Kind] = append(all[m.Kind], m) }

// clear is the same memory for the events of another run.
func (all *marks) clear() {
	for i := range all {
		all[i] = all[i][:0]
	}
}

// clear makes the memory of a VM that of another one, of which nothing is
// known yet.
func (v *VM) clear(spec *scenarios.VM) {
	v.Name, v.Spec, v.Containers, v.Strays = spec.Name, spec, v.Containers[:0], v.Strays[:0]
	v.marks.clear()
}
