package network

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

// ChannelLatency is the one-way delay of a [Channel].
const ChannelLatency = 50 * time.Microsecond

// ErrPortOpen is returned by Open of a port that is open already.
var ErrPortOpen = errors.New("network: virtio-serial port is open")

// Channel is a virtio-serial port: a byte pipe between the host side, which
// is there as long as the domain, and the guest's agent, which opens and
// closes the port. Network faults do not touch it.
//
// Bytes written while the port is closed stay in the host's socket buffer, at
// most [Window] of them, and reach whoever opens the port next, as with QEMU:
// that is how a new agent comes to see stale commands. A full buffer makes
// the writer wait. The host side sees no end of file when the port closes;
// see OnChange. Bytes written within one latency travel together.
type Channel struct {
	kernel  *sim.Kernel
	name    string
	guest   direction // towards the agent
	host    direction // towards the host
	port    *port     // nil while closed
	handler Handler
	change  func(open bool)
	tasks   []*sim.Task // those of the host side that wait
	ends    []*HostEnd  // those that are told
	frozen  int
	gone    bool
}

// direction is the buffer of one direction and when it is looked at.
type direction struct {
	buf     []byte
	head    int
	arrived int
	timer   sim.Timer
}

func (d *direction) size() int { return len(d.buf) - d.head }

func (d *direction) take(n int) {
	d.head += n
	d.arrived -= n
	if d.head == len(d.buf) {
		d.buf, d.head = d.buf[:0], 0
	}
}

func (d *direction) add(b []byte) {
	if d.head > 0 && len(d.buf)+len(b) > cap(d.buf) {
		d.buf = d.buf[:copy(d.buf, d.buf[d.head:])]
		d.head = 0
	}
	d.buf = append(d.buf, b...)
}

// NewChannel makes a closed port. Ties of its events are those of the actor
// of its name.
func NewChannel(k *sim.Kernel, name string) *Channel {
	c := new(Channel)
	c.Renew(k, name)
	return c
}

// Renew makes the port a new one, and keeps its memory. Its kernel was reset,
// and nobody uses it any more.
func (c *Channel) Renew(k *sim.Kernel, name string) {
	*c = Channel{
		kernel: k, name: name, tasks: c.tasks[:0], ends: c.ends[:0],
		guest: direction{buf: c.guest.small()}, host: direction{buf: c.host.small()},
	}
	actor := k.Name("channel/" + name)
	k.Init(&c.guest.timer, actor, c.toGuest)
	k.Init(&c.host.timer, actor, c.toHost)
}

// small is the empty buffer, unless it has become a large one.
func (d *direction) small() []byte {
	if cap(d.buf) > Window {
		return nil
	}
	return d.buf[:0]
}

// OnChange sets who is told when the port opens and closes, in the event in
// which it does: libvirt's agent lifecycle event.
func (c *Channel) OnChange(fn func(open bool)) { c.change = fn }

// Connected reports whether the port is open.
func (c *Channel) Connected() bool { return c.port != nil }

// Open opens the guest's end. The handler is made at once and hears bytes
// that waited one latency later.
func (c *Channel) Open(handler func(Session) Handler) (Session, error) {
	if c.port != nil {
		return nil, ErrPortOpen
	}
	if c.gone {
		return nil, net.ErrClosed
	}
	p := &port{channel: c}
	c.port = p
	if handler != nil {
		c.handler = handler(p)
	}
	if c.guest.size() > 0 {
		c.kernel.Set(&c.guest.timer, c.kernel.Now()+ChannelLatency)
	}
	if c.change != nil && c.port == p {
		c.change(true)
	}
	return p, nil
}

// Freeze stops the guest's end: bytes for it wait. What the agent sends while
// its vCPU stands still is the caller's business.
func (c *Channel) Freeze() (thaw func()) {
	return counted(&c.frozen, func() {
		if c.frozen == 0 && c.guest.size() > 0 {
			c.kernel.Set(&c.guest.timer, c.kernel.Now())
		}
	})
}

// Destroy ends the channel with its domain: the host side reads what has
// arrived, then io.EOF, and writes fail with EPIPE. The agent hears nothing.
func (c *Channel) Destroy() {
	if c.gone {
		return
	}
	c.gone = true
	c.kernel.Stop(&c.guest.timer)
	c.close()
	c.wake()
}

func (c *Channel) close() {
	if c.port == nil {
		return
	}
	c.port, c.handler = nil, nil
	if c.change != nil {
		c.change(false)
	}
}

func (c *Channel) toGuest() {
	if c.port == nil || c.frozen > 0 {
		return
	}
	d := &c.guest
	d.arrived = d.size()
	data := d.buf[d.head:]
	n := len(data)
	if c.handler != nil {
		c.handler.OnData(data)
	}
	d.take(n)
	c.wake() // room for a writer
}

func (c *Channel) toHost() {
	c.host.arrived = c.host.size()
	if c.host.arrived == 0 {
		if c.handler != nil {
			c.handler.OnDrained()
		}
		return
	}
	c.wake()
}

func (c *Channel) wake() {
	for _, t := range c.tasks {
		t.Unpark() // runs nothing yet
	}
	c.tasks = c.tasks[:0]
	for _, e := range c.ends {
		e.changed()
	}
}

func (c *Channel) wait(t *sim.Task, deadline time.Duration) bool {
	c.tasks = append(c.tasks, t)
	defer func() {
		for i, w := range c.tasks {
			if w == t {
				c.tasks = append(c.tasks[:i], c.tasks[i+1:]...)
				break
			}
		}
	}()
	return t.Park(deadline)
}

// port is the guest's end while it is open.
type port struct{ channel *Channel }

func (p *port) live() *Channel {
	if p.channel.port != p {
		return nil
	}
	return p.channel
}

func (p *port) Send(b []byte) {
	c := p.live()
	if c == nil || len(b) == 0 {
		return
	}
	if d := &c.host; d.size() == d.arrived {
		// The first bytes under way. The timer may be armed already, to tell
		// the agent that all is read: that is put off to the same instant.
		c.kernel.Set(&d.timer, c.kernel.Now()+ChannelLatency)
	}
	c.host.add(b)
}

func (p *port) Pending() int {
	if c := p.live(); c != nil {
		return c.host.size()
	}
	return 0
}

func (p *port) Close() {
	if c := p.live(); c != nil {
		c.close()
	}
}

// Reset is Close, and loses what the host side has not read.
func (p *port) Reset() {
	if c := p.live(); c != nil {
		c.Forget()
		c.close()
	}
}

func (p *port) Remote() string { return p.channel.name }

// Buffered is the number of bytes that the host side can read at once.
func (c *Channel) Buffered() int { return c.host.arrived }

// Unread is the number of bytes that one side has sent and the other has not
// read, in both directions.
func (c *Channel) Unread() int { return c.guest.size() + c.host.size() }

// Forget loses what the host side has not read: it has closed its connection to
// the port. What it wrote stays for the guest.
func (c *Channel) Forget() {
	c.host.buf, c.host.head, c.host.arrived = c.host.buf[:0], 0, 0
	c.drained()
}

// drained lets the guest know, one latency later, that all is read.
func (c *Channel) drained() {
	if c.host.size() == 0 && c.handler != nil && !c.host.timer.Armed() {
		c.kernel.Set(&c.host.timer, c.kernel.Now()+ChannelLatency)
	}
}

// Conn is a view of the host side for a task. Closing it closes the view
// only: a Read or Write of it that waits ends with net.ErrClosed.
func (c *Channel) Conn(t *sim.Task) net.Conn {
	return &channelConn{channel: c, task: t, readBy: sim.Forever, writeBy: sim.Forever}
}

type channelConn struct {
	channel         *Channel
	task            *sim.Task
	closed          bool
	readBy, writeBy time.Duration
}

func (v *channelConn) Read(b []byte) (int, error) {
	if err := v.check("read", v.readBy); err != nil || len(b) == 0 {
		return 0, err
	}
	for {
		n, err := v.channel.pull(b)
		switch {
		case err == nil:
			return n, nil
		case v.closed:
			return 0, v.failed("read", net.ErrClosed)
		case !errors.Is(err, ErrAgain):
			return 0, err
		case !v.channel.wait(v.task, v.readBy):
			return 0, v.failed("read", os.ErrDeadlineExceeded)
		}
	}
}

func (v *channelConn) Write(b []byte) (int, error) {
	if err := v.check("write", v.writeBy); err != nil {
		return 0, err
	}
	for done := 0; ; {
		if v.closed {
			return done, v.failed("write", net.ErrClosed)
		}
		n, err := v.channel.push(b[done:])
		done += n
		switch {
		case err == nil:
			return done, nil
		case !errors.Is(err, ErrAgain):
			return done, v.failed("write", err)
		case !v.channel.wait(v.task, v.writeBy):
			return done, v.failed("write", os.ErrDeadlineExceeded)
		}
	}
}

// pull takes what the host side can read at once; ErrAgain: nothing yet.
func (c *Channel) pull(b []byte) (int, error) {
	d := &c.host
	switch {
	case d.arrived > 0:
	case c.gone && d.size() == 0:
		return 0, io.EOF
	default:
		return 0, ErrAgain
	}
	n := copy(b, d.buf[d.head:d.head+d.arrived])
	d.take(n)
	c.drained()
	return n, nil
}

// push sends what the buffer takes and returns how much that was, with ErrAgain
// when it was not all.
func (c *Channel) push(b []byte) (int, error) {
	if c.gone {
		return 0, os.NewSyscallError("write", syscall.EPIPE)
	}
	n := min(len(b), Window-c.guest.size())
	if n > 0 {
		c.guest.add(b[:n])
		if c.port != nil && c.frozen == 0 && !c.guest.timer.Armed() {
			c.kernel.Set(&c.guest.timer, c.kernel.Now()+ChannelLatency)
		}
	}
	if n < len(b) {
		return n, ErrAgain
	}
	return n, nil
}

func (v *channelConn) check(op string, deadline time.Duration) error {
	switch {
	case v.closed:
		return v.failed(op, net.ErrClosed)
	case v.task.Now() >= deadline:
		return v.failed(op, os.ErrDeadlineExceeded)
	}
	return nil
}

func (v *channelConn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "unix", Addr: v.RemoteAddr(), Err: err}
}

func (v *channelConn) Close() error {
	v.closed = true
	v.channel.wake()
	return nil
}

func (v *channelConn) LocalAddr() net.Addr  { return &net.UnixAddr{Net: "unix"} }
func (v *channelConn) RemoteAddr() net.Addr { return &net.UnixAddr{Net: "unix", Name: v.channel.name} }

func (v *channelConn) SetDeadline(t time.Time) error {
	v.readBy = instant(t)
	v.writeBy = v.readBy
	return nil
}

func (v *channelConn) SetReadDeadline(t time.Time) error {
	v.readBy = instant(t)
	return nil
}

func (v *channelConn) SetWriteDeadline(t time.Time) error {
	v.writeBy = instant(t)
	return nil
}
