package wall

import (
	"net"
	"syscall"
	"unsafe"
)

// AgentConn is libvirt's end of the agent's socket. It can tell what could be
// read without waiting, as libvirt's I/O thread would have read it.
type AgentConn struct{ *net.UnixConn }

// Buffered is the number of bytes that can be read at once.
func (c *AgentConn) Buffered() int {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	var n int32
	_ = raw.Control(func(fd uintptr) {
		const fionread = 0x541b
		_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, fd, fionread, uintptr(unsafe.Pointer(&n))) //nolint:gosec // the kernel writes an int
	})
	return int(n)
}
