package qemu

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/oshost"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// Unsupported implements testbed.Testbed: it says what real machines, or the
// wall clock, cannot do.
func (b *Bed) Unsupported(c *scenarios.Case) string {
	why := b.lacks(c)
	for i := range c.Events {
		if c.Events[i].Kind == scenarios.PanicAttempt {
			why = append(why, "event panic: a try outside does not panic on demand")
		}
	}
	return reasons(why)
}

// UnsupportedBehind is Unsupported for RunBehind with another prober.
func (b *Bed) UnsupportedBehind(c *scenarios.Case) string { return reasons(b.lacks(c)) }

func reasons(why []string) string {
	slices.Sort(why)
	return strings.Join(slices.Compact(why), "; ")
}

// lacks is what no prober can meet on this ground.
func (b *Bed) lacks(c *scenarios.Case) []string {
	var why []string
	if len(c.VMs) > maxVMs {
		why = append(why, fmt.Sprintf("%d VMs: at most %d", len(c.VMs), maxVMs))
	}
	for i := range c.Faults {
		switch f := &c.Faults[i]; f.Kind {
		case scenarios.Bandwidth:
			why = append(why, "fault bandwidth: the wire has no limit")
		case scenarios.CloseFails:
			why = append(why, "fault closeFails: no connection fails to close on demand")
		default:
		}
	}
	for i := range c.Events {
		switch e := &c.Events[i]; e.Kind {
		case scenarios.Migrate:
			why = append(why, "event migrate: one wire is one pod")
		default:
		}
	}
	for i := range c.VMs {
		why = append(why, unsupportedVM(&c.VMs[i])...)
		if c.VMs[i].Program.Watchdog != nil {
			why = append(why, b.unwatched(&c.VMs[i])...)
		}
	}
	return why
}

var errNoWatchdog = errors.New("a watchdog device: the VMs of this testbed have none")

// unwatched says why a VM with a watchdog cannot be had.
func (b *Bed) unwatched(v *scenarios.VM) (why []string) {
	if lab, ok := b.lab.(WatchdogLab); !ok {
		why = append(why, errNoWatchdog.Error())
	} else if err := lab.Watchdogs(); err != nil {
		why = append(why, "a watchdog device: "+err.Error())
	}
	power := slices.Concat(v.Program.Power, v.EveryBoot.Power)
	does := func(a fakevm.PowerAction) bool {
		return slices.ContainsFunc(power, func(p fakevm.PowerStep) bool { return p.Do == a })
	}
	if does(fakevm.Hang) && does(fakevm.Crash) {
		why = append(why, "a guest with a watchdog that hangs, and crashes: it hangs by a panic of which nobody is told")
	}
	for _, p := range power {
		if p.Do == fakevm.Resume || p.Do == fakevm.Hang && p.For > 0 {
			why = append(why, "a guest with a watchdog that hangs for a while: it hangs for good, as its processors must run on")
		}
	}
	return why
}

func unsupportedVM(v *scenarios.VM) []string {
	why := oshost.Unsupported(v.Program, v.EveryBoot)
	if v.Resolved.ForwardedPorts != nil {
		why = append(why, "a list of masquerade ports: nothing is between wire and guest")
	}
	for _, p := range v.Resolved.Probes {
		if p.Handler == probes.HTTPGet && p.HTTP.Host != "" || p.Handler == probes.TCPSocket && p.TCP.Host != "" {
			why = append(why, "a probe of another host: names and addresses of the simulation do not exist")
		}
	}
	return why
}
