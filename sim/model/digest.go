package model

import (
	"fmt"
	"math/bits"
	"strconv"

	"github.com/vmprobe/vmprobe/sim/trace"
)

// Digest is what the twins must agree on: a running hash per VM over the ends
// of attempts, the states of probes, verdicts, and the starts and ends of
// containers, combined in the order of the VMs. It is a trace.Sink for the
// world on a kernel, which records more than that.
type Digest struct {
	numbers map[string]int
	vms     []trace.VMHash
}

// NewDigest starts a digest over n VMs named by [Name].
func NewDigest(n int) *Digest {
	d := &Digest{numbers: make(map[string]int, n), vms: make([]trace.VMHash, n)}
	for i := range n {
		name := Name(i)
		d.numbers[name], d.vms[i] = i, trace.StartVMHash(name)
	}
	return d
}

// Record implements trace.Sink. Events of VMs that it does not know, and of
// kinds that the fast path does not have, are passed over.
func (d *Digest) Record(e trace.Event) {
	switch e.Kind {
	case trace.AttemptFinished, trace.ProbeState, trace.LivenessFailed,
		trace.ContainerStarted, trace.ContainerStopped:
		if i, ok := d.numbers[e.VM]; ok {
			d.vms[i].Add(&e)
		}
	default:
	}
}

// Sum combines the VMs.
func (d *Digest) Sum() Sum {
	var s Sum
	for i := range d.vms {
		s = s.with(d.vms[i].Sum())
	}
	return s
}

// Sum is a combined digest.
type Sum uint64

func (s Sum) with(vm uint64) Sum {
	hi, lo := bits.Mul64(uint64(s)^0x9e3779b97f4a7c15, vm^0xd6e8feb86659fd93)
	return Sum(hi ^ lo ^ bits.RotateLeft64(vm, 17))
}

// String is 16 hexadecimal digits.
func (s Sum) String() string { return fmt.Sprintf("%016x", uint64(s)) }

// Name is the name of VM i of a fleet: "vm-0", "vm-1", ...
func Name(i int) string { return string(appendName(nil, i)) }

func appendName(b []byte, i int) []byte {
	return strconv.AppendInt(append(b, "vm-"...), int64(i), 10)
}
