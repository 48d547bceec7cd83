package trace

import (
	"slices"
	"time"
)

// Version is the version of the file format.
const Version = 1

// Header is the first line of a trace: everything needed to run it again.
type Header struct {
	Case    string   // scenarios.Case.ID, or any name
	Profile string   // name of the profile
	Seed    uint64   // seed of the run
	Tool    string   // version of the program that wrote it
	VMs     []string // names in the order of the manifests
	View    View     // from where the run was watched
	// Wall tells that the run took place in wall time, on real connections.
	// Late is how late the harness itself was at worst, by its own clock; 0 in
	// virtual time.
	Wall bool
	Late time.Duration
	// Slack is by how much judges widen the upper edges of windows, in wall time;
	// 0: by what they do in virtual time.
	Slack time.Duration
	// Notes are what else must be known of the run: what a testbed changed in the
	// manifests.
	Notes []string
}

// Trace is a whole run.
type Trace struct {
	Header
	Events  []Event
	Digest  string   // logical digest, see Hasher
	Minutes []uint64 // digest of each virtual minute
}

// Seal computes Digest and Minutes from the header and the events.
func (t *Trace) Seal() {
	h := NewHasher(t.VMs)
	for i := range t.Events {
		h.Add(h.Index(t.Events[i].VM), &t.Events[i])
	}
	t.Digest, t.Minutes = h.Digest(), h.Minutes()
}

// Difference is the first record in which two runs part.
type Difference struct {
	VM     string // whose record it is; empty: the world's
	Record int    // number of the record among those of the VM, from 0
	A, B   *Event // nil: this run has no such record
}

// Diff finds the earliest difference of two traces by the fields of the
// logical digest; nil when there is none. Headers are not compared.
func Diff(a, b *Trace) *Difference {
	var first *Difference
	for _, vm := range vmsOf(a, b) {
		d := diffVM(vm, byVM(a, vm), byVM(b, vm))
		if d != nil && (first == nil || d.at() < first.at()) {
			first = d
		}
	}
	return first
}

func (d *Difference) at() int64 {
	switch {
	case d.A == nil:
		return int64(d.B.T)
	case d.B == nil:
		return int64(d.A.T)
	}
	return int64(min(d.A.T, d.B.T))
}

func diffVM(vm string, a, b []*Event) *Difference {
	for i := range max(len(a), len(b)) {
		d := Difference{VM: vm, Record: i}
		if i < len(a) {
			d.A = a[i]
		}
		if i < len(b) {
			d.B = b[i]
		}
		if d.A == nil || d.B == nil || !Same(d.A, d.B) {
			return &d
		}
	}
	return nil
}

// Same tells whether two records are equal in everything but Msg.
func Same(a, b *Event) bool {
	x, y := *a, *b
	x.Msg, y.Msg = "", ""
	return x == y
}

func byVM(t *Trace, vm string) []*Event {
	var list []*Event
	for i := range t.Events {
		if t.Events[i].VM == vm {
			list = append(list, &t.Events[i])
		}
	}
	return list
}

func vmsOf(traces ...*Trace) []string {
	names := []string{""}
	for _, t := range traces {
		names = append(names, t.VMs...)
		for i := range t.Events {
			if names[len(names)-1] != t.Events[i].VM {
				names = append(names, t.Events[i].VM)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
