package simbed

import (
	"net"
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes/guestagent"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/network"
)

// agentPort is the virtio-serial port of one domain, and where libvirt's end
// of it is now: a live migration takes it from one pod to the other.
type agentPort struct {
	serial *network.Channel
	conn   *agentConn // libvirt's end while the agent has opened the port
	pod    *podState
}

// AgentChannel implements fakevm.Host: the agent opens its port.
func (h *host) AgentChannel(handler func(fakevm.Session) fakevm.Handler) (fakevm.Session, error) {
	return h.channel.serial.Open(handler)
}

// Blocking implements fakevm.Host.
func (h *host) Blocking(s fakevm.Session, fn func(fakevm.BlockingConn)) fakevm.Handler {
	return network.Blocking(h.world.kernel, h.actor, s, func(c net.Conn) { fn(c) })
}

// newPort gives the domain that boots a port of its own.
func (v *vm) newPort(instance int32) {
	v.dropPort()
	if v.out != nil {
		v.newOutsidePort(instance)
		return
	}
	p := &agentPort{serial: v.world.used().serials.Take(), pod: v.pod(instance)}
	p.serial.Renew(v.world.kernel, v.spec.Name)
	v.host.channel = p
	p.serial.OnChange(func(open bool) {
		p.conn = nil
		if open {
			p.conn = &agentConn{kernel: v.world.kernel, serial: p.serial}
		}
		p.tell(v.world)
	})
}

// dropPort ends the port with its domain.
func (v *vm) dropPort() {
	if p := v.host.channel; p != nil {
		p.serial.Destroy()
	}
}

// moveChannel takes the port to the pod of another instance.
func (v *vm) moveChannel(instance int32) {
	p := v.host.channel
	if p.pod.channel != nil {
		p.pod.channel.Disconnect()
	}
	p.pod = v.pod(instance)
	if p.conn != nil {
		p.conn = &agentConn{kernel: v.world.kernel, serial: p.serial}
	}
	p.tell(v.world)
}

// tell lets libvirt in the pod know whether the agent's end is open.
func (p *agentPort) tell(w *world) {
	if p.pod.channel == nil {
		p.pod.channel = w.newChannel()
	}
	if p.conn == nil {
		p.pod.channel.Disconnect()
		return
	}
	p.pod.channel.Connect(p.conn)
}

// channelOf is libvirt's agent channel in the pod of an instance.
func (v *vm) channelOf(instance int32) *guestagent.Channel {
	p := v.pod(instance)
	if p.channel == nil {
		p.channel = v.world.newChannel()
	}
	return p.channel
}

func (w *world) newChannel() *guestagent.Channel {
	c := w.used().channels.Take()
	c.Renew(mutexes{w.kernel})
	return c
}

// mutexes is the part of a guestagent.Env that a channel needs.
type mutexes struct{ kernel *sim.Kernel }

func (m mutexes) Mutex() guestagent.Mutex    { return &lock{kernel: m.kernel} }
func (m mutexes) Now() time.Time             { return sim.Epoch.Add(m.kernel.Now()) }
func (m mutexes) SleepUntil(t time.Time)     { m.kernel.Current().SleepUntil(t.Sub(sim.Epoch)) }
func (m mutexes) Go(fn func(guestagent.Env)) { panic("simbed: a lock starts no task") }

// agentConn is libvirt's end of the port for whichever task talks to the
// agent: a command may change tasks.
type agentConn struct {
	kernel          *sim.Kernel
	serial          *network.Channel
	task            *sim.Task
	view            net.Conn // of task
	readBy, writeBy time.Time
	closed          bool
}

// Buffered is the number of bytes that can be read at once.
func (c *agentConn) Buffered() int { return c.serial.Buffered() }

// current is the view of the running task.
func (c *agentConn) current() net.Conn {
	if t := c.kernel.Current(); c.view == nil || c.task != t {
		c.task, c.view = t, c.serial.Conn(t)
	}
	return c.view
}

func (c *agentConn) Read(b []byte) (int, error) {
	if c.closed {
		return 0, net.ErrClosed
	}
	v := c.current()
	if err := v.SetReadDeadline(c.readBy); err != nil {
		return 0, err
	}
	return v.Read(b)
}

func (c *agentConn) Write(b []byte) (int, error) {
	if c.closed {
		return 0, net.ErrClosed
	}
	v := c.current()
	if err := v.SetWriteDeadline(c.writeBy); err != nil {
		return 0, err
	}
	return v.Write(b)
}

// Close loses what libvirt has not read, as its socket does.
func (c *agentConn) Close() error {
	c.closed = true
	c.serial.Forget()
	if c.view != nil {
		return c.view.Close()
	}
	return nil
}

func (c *agentConn) LocalAddr() net.Addr  { return &net.UnixAddr{Net: "unix"} }
func (c *agentConn) RemoteAddr() net.Addr { return &net.UnixAddr{Net: "unix"} }

func (c *agentConn) SetDeadline(t time.Time) error {
	c.readBy, c.writeBy = t, t
	return nil
}

func (c *agentConn) SetReadDeadline(t time.Time) error {
	c.readBy = t
	return nil
}

func (c *agentConn) SetWriteDeadline(t time.Time) error {
	c.writeBy = t
	return nil
}
