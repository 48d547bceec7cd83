package qemu

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/wall"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// How the agent's port is watched: QEMU merges the events of a second, so
// whoever was poked asks again and again for a while.
const (
	agentLook  = 10 * time.Millisecond
	agentWatch = time.Second
)

// watchAgent connects to the agent's port when the guest opens it, as libvirt
// does, and lets it go when the guest closes it. It runs elsewhere.
func (h *host) watchAgent(m agentPort, exited <-chan struct{}, number int, poke chan struct{}) {
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
		case <-exited:
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
func (h *host) connect(m agentPort, open bool) {
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

// Libvirt implements simbed.OutsideLibvirt: it is nil when package guestagent
// plays libvirt's part.
func (h *host) Libvirt() guestagent.Commander {
	if _, ok := h.out.lab.(AgentLab); !ok {
		return nil
	}
	return (*realLibvirt)(h)
}

// realLibvirt sends commands to the agent of the machine that is the VM now.
// Nobody holds the lock.
type realLibvirt host

// now is the machine, or one that is not there.
func (l *realLibvirt) now() AgentMachine {
	l.out.Lock()
	defer l.out.Unlock()
	if m, ok := l.m.(AgentMachine); ok {
		return m
	}
	return l.out.lab.(AgentLab).Absent() //nolint:forcetypeassert // it is one
}

// Begin implements guestagent.Commander.
func (l *realLibvirt) Begin(env guestagent.Env, command string, inner time.Duration, limit time.Time) guestagent.Pending {
	return l.now().Begin(env, command, inner, limit)
}

// Status implements simbed.LibvirtStatus.
func (l *realLibvirt) Status() (guestagent.Status, error) { return l.now().Status() }
