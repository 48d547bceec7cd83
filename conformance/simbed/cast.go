package simbed

import (
	"strings"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
)

// cast says who of the actors of a case belongs to which group of VMs.
type cast struct {
	groups [][]int // numbers of VMs
	of     []int   // group, by VM
}

// The circle of an actor says what it does: it answers the tries of a group and
// does nothing else, it acts in a group otherwise, or it is the memory itself.
// Whoever is in none may act in any group.
const ofMemory sim.Circle = -1

// ofSyncs is the circle of a prober's syncs, which come to nothing more often than
// not.
const ofSyncs sim.Circle = -2

func answering(group int) sim.Circle { return sim.Circle(2*group + 1) }
func acting(group int) sim.Circle    { return sim.Circle(2*group + 2) }

// newCast makes groups of the VMs of a case: one each, or one of all when a
// try at one may come to another.
func newCast(c *scenarios.Case) *cast {
	k := &cast{of: make([]int, len(c.VMs))}
	together := crosses(c)
	for i := range c.VMs {
		group := 0
		if !together {
			group = i
		}
		if group == len(k.groups) {
			k.groups = append(k.groups, nil)
		}
		k.groups[group] = append(k.groups[group], i)
		k.of[i] = group
	}
	return k
}

// mark puts the actors of a case into their circles.
func (k *cast) mark(kernel *sim.Kernel, c *scenarios.Case) {
	kernel.Mark(actorOfMemory, ofMemory)
	kernel.Mark(sim.ActorOf(nameOfSyncs), ofSyncs)
	for i := range c.VMs {
		name, group := c.VMs[i].Name, k.of[i]
		for _, n := range []string{"guest/" + name, "channel/" + name, "host/" + name, "host/" + name + "+migration"} {
			kernel.Mark(sim.ActorOf(n), answering(group))
		}
		for _, n := range []string{"vm/", "platform/"} {
			kernel.Mark(sim.ActorOf(n+name), acting(group))
		}
		for slot := range c.VMs[i].Resolved.Probes {
			kernel.Mark(sim.ActorOf("workers/"+name)+sim.Actor(slot), acting(group))
		}
	}
}

// crosses tells whether a try at one VM may come to another.
func crosses(c *scenarios.Case) bool {
	for i := range c.VMs {
		v := &c.VMs[i]
		for j := range v.Resolved.Probes {
			p := &v.Resolved.Probes[j]
			if p.Handler == probes.HTTPGet && p.HTTP.Host != "" || p.Handler == probes.TCPSocket && p.TCP.Host != "" {
				return true
			}
		}
		if redirects(&v.Program) || redirects(&v.EveryBoot) {
			return true
		}
	}
	return false
}

// redirects tells whether a guest sends its clients elsewhere.
func redirects(p *fakevm.Program) bool {
	for i := range p.Endpoints {
		for _, s := range p.Endpoints[i].Steps {
			for _, r := range s.Replies {
				h := r.Reply.HTTP
				if h != nil && (h.Status >= 300 && h.Status < 400 || strings.Contains(strings.ToLower(h.Raw), "location")) {
					return true
				}
			}
		}
	}
	return false
}
