package scenarios

import (
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
)

// VM finds a virtual machine of the case by name; nil when there is none.
func (c *Case) VM(name string) *VM {
	for i := range c.VMs {
		if c.VMs[i].Name == name {
			return &c.VMs[i]
		}
	}
	return nil
}

// Probe finds a probe of the VM by kind; nil when there is none.
func (v *VM) Probe(kind probes.Kind) *probes.Probe {
	for i := range v.Resolved.Probes {
		if v.Resolved.Probes[i].Kind == kind {
			return &v.Resolved.Probes[i]
		}
	}
	return nil
}

// eachNamed calls fn with every named point of a program, its instant and its
// end: the next step of the same endpoint, or the end of a power step's
// "for".
func eachNamed(p *fakevm.Program, fn func(name string, at, end time.Duration, hasEnd bool)) {
	for _, e := range p.Endpoints {
		for i, s := range e.Steps {
			if s.As == "" {
				continue
			}
			if i+1 < len(e.Steps) {
				fn(s.As, s.At, e.Steps[i+1].At, true)
			} else {
				fn(s.As, s.At, 0, false)
			}
		}
	}
	for _, s := range p.Power {
		if s.As != "" {
			fn(s.As, s.At, s.At+s.For, s.For > 0)
		}
	}
}
