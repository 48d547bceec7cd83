package oshost

import (
	"fmt"

	"github.com/vmprobe/vmprobe/fakevm"
)

// Unsupported tells what of the programs real sockets cannot show, one
// sentence each, in the order of the programs; nil means all of it works.
//
// The kernel completes a handshake before anybody is asked, so a SYN cannot be
// dropped or delayed, and a guest that does not run still accepts.
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
					why = append(why, unsupported(name, &e.Steps[j].Replies[k].Reply)...)
				}
			}
		}
		for _, s := range p.Power {
			switch s.Do {
			case fakevm.Crash, fakevm.Hang, fakevm.Suspend:
				why = append(why, fmt.Sprintf("power %s at %s: real sockets accept for a guest that does not run", s.Do, s.At))
			case fakevm.Reboot:
				if s.For > 0 {
					why = append(why, fmt.Sprintf("power reboot at %s: real sockets accept while the guest is away", s.At))
				}
			case fakevm.Resume, fakevm.PowerOff:
			}
		}
	}
	return why
}

func unsupported(name string, r *fakevm.Reply) []string {
	var why []string
	if r.Connect == fakevm.Blackhole {
		why = append(why, name+": real sockets cannot drop a SYN")
	}
	if r.ConnectDelay > 0 {
		why = append(why, name+": real sockets cannot delay a handshake")
	}
	if r.TCP != nil && r.TCP.Backlog > 0 {
		why = append(why, name+": the length of a real accept queue is the kernel's")
	}
	return why
}
