package history

import (
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// marks are events by their kinds, of which there are few: a list is searched
// sooner than a map.
type marks []marksOf

// marksOf are the events of one kind.
type marksOf struct {
	kind trace.Kind
	list []Mark
}

// expectedKinds is about how many kinds of events a VM has.
const expectedKinds = 16

func (all marks) of(k trace.Kind) []Mark {
	for i := range all {
		if all[i].kind == k {
			return all[i].list
		}
	}
	return nil
}

func (all *marks) add(m Mark) {
	for i := range *all {
		if of := &(*all)[i]; of.kind == m.Kind {
			of.list = append(of.list, m)
			return
		}
	}
	*all = append(*all, marksOf{m.Kind, []Mark{m}})
}

// clear makes the memory of a VM that of another one, of which nothing is
// known yet.
func (v *VM) clear(spec *scenarios.VM) {
	*v = VM{Name: spec.Name, Spec: spec, Containers: v.Containers[:0], Strays: v.Strays[:0], marks: v.marks.cleared()}
}

// cleared is the same memory for the events of another run.
func (all marks) cleared() marks {
	if all == nil {
		return make(marks, 0, expectedKinds)
	}
	for i := range all {
		all[i].list = all[i].list[:0]
	}
	return all
}
