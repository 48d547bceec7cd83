package network

import (
	"net"
	"slices"
)

// HostEnd is the host side of a [Channel] for code that does not run in a task:
// its calls never wait. A function is told when it is worth asking again.
type HostEnd struct {
	channel *Channel
	changed func()
	closed  bool
}

// HostEnd makes one. changed is called, from the kernel's thread, whenever there
// may be something new; it must call no method of the end. What arrives goes to
// whoever reads first.
func (c *Channel) HostEnd(changed func()) *HostEnd {
	e := &HostEnd{channel: c, changed: changed}
	c.ends = append(c.ends, e)
	return e
}

// Read takes bytes that have arrived. ErrAgain: there are none; io.EOF: the
// domain is gone, and all is read.
func (e *HostEnd) Read(b []byte) (int, error) {
	if e.closed {
		return 0, e.Failed("read", net.ErrClosed)
	}
	if len(b) == 0 {
		return 0, nil
	}
	return e.channel.pull(b)
}

// Write sends what the buffer takes and returns how much that was, with
// ErrAgain when it was not all.
func (e *HostEnd) Write(b []byte) (int, error) {
	if e.closed {
		return 0, e.Failed("write", net.ErrClosed)
	}
	return e.channel.push(b)
}

// Close ends this end only; the channel stays.
func (e *HostEnd) Close() error {
	if e.closed {
		return e.Failed("close", net.ErrClosed)
	}
	e.closed = true
	e.channel.ends = slices.DeleteFunc(e.channel.ends, func(o *HostEnd) bool { return o == e })
	return nil
}

// Failed is an error of an operation, as the system words it.
func (e *HostEnd) Failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "unix", Addr: e.Addr(), Err: err}
}

// Addr is the address of the port.
func (e *HostEnd) Addr() net.Addr { return &net.UnixAddr{Net: "unix", Name: e.channel.name} }
