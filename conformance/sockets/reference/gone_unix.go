//go:build unix

package reference

import (
	"net"
	"syscall"
)

// gone tells whether the peer has closed the connection and everything before
// its end was read.
func gone(c net.Conn) bool {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return true
	}
	over := true
	if err := raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		over = n == 0 && err == nil || err != nil && err != syscall.EAGAIN
	}); err != nil {
		return true
	}
	return over
}
