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
	var why []string
	for _, p := range programs {
		for i := range p.Endpoints {
			e := &p.Endpoints[i]
			name := string(e.Kind)
			if e.Port != 0 {
				name = fmt.Sprintf("%s/%d", e.Kind, e.Port)
			}
			for j := range e.Steps {
				for k := range e.Steps[j].Replies {
					r := &e.Steps[j].Replies[k]
					why = append(why, unsupported(name, r)...)
				}
			}
		}
	}
	return why
}

func unsupported(name string, c *fakevm.Counted) []string {
	var why []string
	r := &c.Reply
	never := r.Connect == fakevm.Refuse || r.Connect == fakevm.Blackhole
	if never && c.Times > 0 {
		why = append(why, name+": nobody counts handshakes that real sockets refuse or drop")
	}
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
