package loopback

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Unsupported implements testbed.Testbed: it says what real sockets, or the
// wall clock, cannot do.
func (b *Bed) Unsupported(c *scenarios.Case) string {
	var why []string
	for i := range c.Faults {
		switch f := &c.Faults[i]; f.Kind {
		case scenarios.RefuseAll, scenarios.ResetAll, scenarios.HideDomain, scenarios.AgentCode:
		case scenarios.Partition, scenarios.Delay, scenarios.Loss, scenarios.HalfOpen, scenarios.Bandwidth:
			why = append(why, fmt.Sprintf("fault %s: the network of loopback is whole", f.Kind))
		case scenarios.CloseFails:
			why = append(why, "fault closeFails: no socket fails to close on demand")
		case scenarios.AgentLock:
			why = append(why, "fault agentLock: no second client shares libvirt's lock")
		}
	}
	for i := range c.Events {
		switch e := &c.Events[i]; e.Kind {
		case scenarios.Migrate:
			why = append(why, "event migrate: one address is one pod")
		case scenarios.PanicAttempt:
			why = append(why, "event panic: a try outside does not panic on demand")
		default:
		}
	}
	for i := range c.VMs {
		why = append(why, b.unsupportedVM(&c.VMs[i])...)
	}
	slices.Sort(why)
	return strings.Join(slices.Compact(why), "; ")
}

func (b *Bed) unsupportedVM(v *scenarios.VM) []string {
	why := oshost.Unsupported(v.Program, v.EveryBoot)
	if v.Resolved.ForwardedPorts != nil {
		why = append(why, "a list of masquerade ports: nothing is between the sockets")
	}
	for _, p := range v.Resolved.Probes {
		if p.Handler == probes.HTTPGet && p.HTTP.Host != "" || p.Handler == probes.TCPSocket && p.TCP.Host != "" {
			why = append(why, "a probe of another host: names and addresses of the simulation do not exist")
		}
	}
	for _, program := range []*fakevm.Program{&v.Program, &v.EveryBoot} {
		for i := range program.Endpoints {
			if p := program.Endpoints[i].Port; p > 0 && p < 1024 && !b.mayBind(p) {
				why = append(why, fmt.Sprintf("port %d: this user may not listen below 1024", p))
			}
		}
	}
	return why
}

// mayBind tells whether the user may listen on a low port.
func (b *Bed) mayBind(port uint16) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", b.address(), port))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
