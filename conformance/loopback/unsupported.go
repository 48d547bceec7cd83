package loopback

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/engine"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Unsupported implements testbed.Testbed: it says what real sockets, or the
// wall clock, cannot do.
func (b *Bed) Unsupported(c *scenarios.Case) string {
	why := append(b.lacks(c), shared(c)...)
	for i := range c.Events {
		if c.Events[i].Kind == scenarios.PanicAttempt {
			why = append(why, "event panic: a try outside does not panic on demand")
		}
	}
	return reasons(why)
}

// UnsupportedBehind is Unsupported for RunBehind.
func (b *Bed) UnsupportedBehind(c *scenarios.Case) string {
	return reasons(append(b.lacks(c), shared(c)...))
}

// shared finds ports on which handshakes are counted for more than one probe:
// of two at once nobody knows which is which.
func shared(c *scenarios.Case) (why []string) {
	for i := range c.VMs {
		v := &c.VMs[i]
		if n := len(v.Resolved.Probes); n > 1 && len(oshost.Counts(v.Program, v.EveryBoot)) > 0 {
			why = append(why, fmt.Sprintf("guest %s: %d probes share a count of handshakes that real sockets refuse or drop", v.Name, n))
		}
	}
	return why
}

// UnsupportedDoor is Unsupported for RunDoor.
func (b *Bed) UnsupportedDoor(c *scenarios.Case) string {
	why := b.lacks(c)
	for i := range c.VMs { // who dials by himself does not say so
		why = append(why, oshost.Unsupported(c.VMs[i].Program, c.VMs[i].EveryBoot)...)
	}
	for i := range c.Faults {
		switch c.Faults[i].Kind {
		case scenarios.AgentCode:
			why = append(why, "fault agentCode: no libvirt stands between the prober and the agent's socket")
		case scenarios.AgentLock:
			why = append(why, "fault agentLock: no libvirt has a lock between the prober and the agent's socket")
		default:
		}
	}
	for i := range c.Events {
		switch e := &c.Events[i]; e.Kind {
		case scenarios.StepClock:
			why = append(why, "event stepClock: the clock of this machine is not ours to set")
		case scenarios.RestartProber:
			if e.At <= engine.ResumeGrace && e.At > engine.ResumeGrace-rebirth {
				why = append(why, fmt.Sprintf("event restartProber at %s: a process takes a moment to begin, and the rule turns at %s", e.At, engine.ResumeGrace))
			}
		default:
		}
	}
	if c.Proxy != "" {
		why = append(why, "prober.proxy: the environment of a prober is its own")
	}
	return reasons(why)
}

// rebirth is how long a process that takes over may need to begin.
const rebirth = 250 * time.Millisecond

func reasons(why []string) string {
	slices.Sort(why)
	return strings.Join(slices.Compact(why), "; ")
}

// lacks is what no prober can meet on this ground.
func (b *Bed) lacks(c *scenarios.Case) []string {
	var why []string
	for i := range c.Faults {
		switch f := &c.Faults[i]; f.Kind {
		case scenarios.RefuseAll, scenarios.ResetAll, scenarios.HideDomain, scenarios.AgentCode, scenarios.AgentLock, scenarios.HalfOpen:
		case scenarios.Partition:
			if !oshost.CanDrop {
				why = append(why, "fault partition: real sockets of this system cannot drop a SYN")
			}
		case scenarios.Delay, scenarios.Loss, scenarios.Bandwidth:
			why = append(why, fmt.Sprintf("fault %s: the network of loopback is whole", f.Kind))
		case scenarios.CloseFails:
			why = append(why, "fault closeFails: no socket fails to close on demand")
		}
	}
	for i := range c.Events {
		switch e := &c.Events[i]; e.Kind {
		case scenarios.Migrate:
			why = append(why, "event migrate: one address is one pod")
		default:
		}
	}
	for i := range c.VMs {
		why = append(why, b.unsupportedVM(&c.VMs[i])...)
	}
	return why
}

func (b *Bed) unsupportedVM(v *scenarios.VM) []string {
	why := oshost.UnsupportedKnocking(v.Program, v.EveryBoot)
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
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address(), port))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
