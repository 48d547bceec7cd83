package libvirt

import (
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Unsupported implements testbed.Testbed: it says what libvirt does not do on
// demand, beside what real VMs do not.
func (b *Bed) Unsupported(c *scenarios.Case) string { return b.lacks(c, b.Bed.Unsupported(c)) }

// UnsupportedBehind is Unsupported for RunBehind with another prober.
func (b *Bed) UnsupportedBehind(c *scenarios.Case) string {
	return b.lacks(c, b.Bed.UnsupportedBehind(c))
}

// lacks adds what libvirt does not do to what real VMs do not.
func (b *Bed) lacks(c *scenarios.Case, vms string) string {
	var why []string
	if vms != "" {
		why = append(why, vms)
	}
	for i := range c.Faults {
		switch c.Faults[i].Kind {
		case scenarios.HideDomain:
			why = append(why, "fault hideDomain: libvirt hides no domain that runs")
		case scenarios.AgentCode:
			why = append(why, "fault agentCode: the codes are libvirt's own")
		default:
		}
	}
	for i := range c.Events {
		switch c.Events[i].Kind {
		case scenarios.SuspendIO:
			why = append(why, "event suspendIO: no disk fails on demand")
		case scenarios.Snapshot:
			why = append(why, "event snapshot: the domain has no disk")
		default:
		}
	}
	if b.lab.daemon == nil && slices.ContainsFunc(c.VMs, hangs) {
		why = append(why, "a guest that hangs: its process is out of reach with --connect")
	}
	return strings.Join(why, "; ")
}

func hangs(v scenarios.VM) bool {
	return slices.ContainsFunc(slices.Concat(v.Program.Power, v.EveryBoot.Power), func(p fakevm.PowerStep) bool { return p.Do == fakevm.Hang })
}
