package qemu

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu/machine"
	"github.com/vmprobe/vmprobe/conformance/wall"
)

// How the agent's port is watched: QEMU merges the events of a second, so
// whoever was poked asks again and again for a while.
const (
	agentLook  = 10 * time.Millisecond
	agentWatch = time.Second
)

// watchAgent connects to the agent's port when the guest opens it, as libvirt
// does, and lets it go when the guest closes it. It runs elsewhere.
func (h *host) watchAgent(m *machine.Machine, number int, poke chan struct{}) {
	until := time.Now().Add(agentWatch)
	for {
		look := time.Hour
		if time.Now().Before(until) {
			look = agentLook
		}
		timer := time.NewTimer(look)
		select {
		case <-timer.C:
		case <-poke:
			until = time.Now().Add(agentWatch)
		case <-m.Exited():
			timer.Stop()
			return
		case <-h.out.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
		open, err := m.AgentOpen(h.out.ctx)
		if err != nil {
			return // QEMU is about to end
		}
		h.out.Lock()
		if h.boot == number && open != h.open {
			h.connect(m, open)
		}
		h.out.Unlock()
	}
}

// connect follows the agent's end of the port.
func (h *host) connect(m *machine.Machine, open bool) {
	if !open {
		h.disconnect()
		return
	}
	c, err := m.DialAgent()
	if err != nil || h.changed == nil {
		return // the next look tries again
	}
	h.open = true
	h.changed(&wall.AgentConn{UnixConn: c})
}

func (h *host) disconnect() {
	if h.open && h.changed != nil {
		h.changed(nil)
	}
	h.open = false
}
