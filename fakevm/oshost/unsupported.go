package oshost

import (
	"fmt"

	"github.com/vmprobe/vmprobe/fakevm"
)

// Unsupported tells what of the programs real sockets cannot show, one
// sentence each, in the order of the programs; nil means all of it works.
//
// The kernel completes, refuses and drops handshakes before anybody is asked:
// none can be delayed, and nobody counts those that came to nothing.
func Unsupported(programs ...fakevm.Program) []string {
	why := UnsupportedKnocking(programs...)
	each(programs, func(name string, c *fakevm.Counted) {
		if never(c) && c.Times > 0 {
			why = append(why, name+": nobody counts handshakes that real sockets refuse or drop")
		}
	})
	return why
}

// Counts lists the ports on which handshakes are counted that come to nothing.
func Counts(programs ...fakevm.Program) (ports []uint16) {
	for _, p := range programs {
		for i := range p.Endpoints {
			e := &p.Endpoints[i]
			for j := range e.Steps {
				for k := range e.Steps[j].Replies {
					if c := &e.Steps[j].Replies[k]; never(c) && c.Times > 0 {
						ports = append(ports, e.Port)
					}
				}
			}
		}
	}
	return ports
}

// never tells whether nothing is ever accepted.
func never(c *fakevm.Counted) bool {
	return c.Reply.Connect == fakevm.Refuse || c.Reply.Connect == fakevm.Blackhole
}

// UnsupportedKnocking is Unsupported where whoever dials calls Knock before.
func UnsupportedKnocking(programs ...fakevm.Program) []string {
	var why []string
	each(programs, func(name string, c *fakevm.Counted) { why = append(why, unsupported(name, c)...) })
	return why
}

func each(programs []fakevm.Program, fn func(name string, c *fakevm.Counted)) {
	for _, p := range programs {
		for i := range p.Endpoints {
			e := &p.Endpoints[i]
			name := string(e.Kind)
			if e.Port != 0 {
				name = fmt.Sprintf("%s/%d", e.Kind, e.Port)
			}
			for j := range e.Steps {
				for k := range e.Steps[j].Replies {
					fn(name, &e.Steps[j].Replies[k])
				}
			}
		}
	}
}

func unsupported(name string, c *fakevm.Counted) []string {
	var why []string
	r := &c.Reply
	if r.Connect == fakevm.Blackhole && !CanDrop {
		why = append(why, name+": real sockets of this system cannot drop a SYN")
	}
	if r.ConnectDelay > 0 {
		why = append(why, name+": real sockets cannot delay a handshake")
	}
	if r.TCP != nil && r.TCP.Backlog > 0 {
		why = append(why, name+": the length of a real accept queue is the kernel's")
	}
	return why
}
