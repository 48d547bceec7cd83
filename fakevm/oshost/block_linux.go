package oshost

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// CanDrop tells whether the system can drop SYNs on purpose.
const CanDrop = true

// fillers is how many connections fill an accept queue of length 0, and one
// more to be sure.
const fillers = 2

// blockPort makes a port that drops SYNs: a listener whose accept queue is
// full and that nobody empties. The returned function closes it.
func blockPort(addr string) (unblock func(), err error) {
	where, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("block %s: %w", addr, err)
	}
	to := &syscall.SockaddrInet4{Port: int(where.Port()), Addr: where.Addr().As4()}
	var open []int
	unblock = func() {
		for _, fd := range open {
			_ = syscall.Close(fd)
		}
	}
	socket := func(flags int) (int, error) {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|flags, 0)
		if err == nil {
			open = append(open, fd)
		}
		return fd, err
	}
	fail := func(what string, err error) (func(), error) {
		unblock()
		return nil, &net.OpError{Op: what, Net: "tcp", Addr: net.TCPAddrFromAddrPort(where), Err: err}
	}
	fd, err := socket(0)
	if err != nil {
		return fail("socket", err)
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return fail("setsockopt", err)
	}
	if err := syscall.Bind(fd, to); err != nil {
		return fail("bind", err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		return fail("listen", err)
	}
	for range fillers {
		fd, err := socket(syscall.SOCK_NONBLOCK)
		if err != nil {
			return fail("socket", err)
		}
		if err := syscall.Connect(fd, to); err != nil && !errors.Is(err, syscall.EINPROGRESS) {
			return fail("connect", err)
		}
	}
	return unblock, nil
}
