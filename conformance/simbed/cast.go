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
	groups  [][]int // numbers of VMs
	of      []int   // group, by VM
	inGroup []func(sim.Actor) bool
	answers []func(sim.Actor) bool // those in the group that answer tries
}

// part is what an actor does in a group.
type part struct {
	group   int
	answers bool // tries, and does nothing else
}

// newCast makes groups of the VMs of a case: one each, or one of all when a
// try at one may come to another.
func newCast(c *scenarios.Case) *cast {
	k := &cast{of: make([]int, len(c.VMs))}
	together := crosses(c)
	parts := map[sim.Actor]part{}
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
		name := c.VMs[i].Name
		for _, n := range []string{"guest/", "channel/", "host/"} {
			parts[sim.ActorOf(n+name)] = part{group, true}
		}
		parts[sim.ActorOf("host/"+name+"+migration")] = part{group, true}
		for _, n := range []string{"vm/", "platform/"} {
			parts[sim.ActorOf(n+name)] = part{group, false}
		}
		for slot := range c.VMs[i].Resolved.Probes {
			parts[sim.ActorOf("workers/"+name)+sim.Actor(slot)] = part{group, false}
		}
	}
	memory := sim.ActorOf("memory")
	for group := range k.groups {
		k.inGroup = append(k.inGroup, func(a sim.Actor) bool {
			p, known := parts[a]
			return known && p.group == group || !known && a != memory
		})
		k.answers = append(k.answers, func(a sim.Actor) bool {
			p := parts[a]
			return p.answers && p.group == group
		})
	}
	return k
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
