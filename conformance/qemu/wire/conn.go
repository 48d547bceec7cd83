package wire

import (
	"errors"
	"net"
	"os"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
)

// conn is a connection whose errors are those of a socket.
type conn struct{ *gonet.TCPConn }

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	return n, socketError(err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	return n, socketError(err)
}

// socketError gives an error of the stack, which is but a sentence, the errno
// that a socket of the kernel has in its place.
func socketError(err error) error {
	op := (*net.OpError)(nil)
	if err == nil || !errors.As(err, &op) || op.Timeout() {
		return err
	}
	for _, e := range []struct {
		stack tcpip.Error
		errno syscall.Errno
	}{
		{&tcpip.ErrConnectionRefused{}, syscall.ECONNREFUSED},
		{&tcpip.ErrConnectionReset{}, syscall.ECONNRESET},
		{&tcpip.ErrConnectionAborted{}, syscall.ECONNABORTED},
		{&tcpip.ErrHostUnreachable{}, syscall.EHOSTUNREACH},
		{&tcpip.ErrNetworkUnreachable{}, syscall.ENETUNREACH},
		{&tcpip.ErrClosedForSend{}, syscall.EPIPE},
		{&tcpip.ErrTimeout{}, syscall.ETIMEDOUT},
	} {
		if op.Err != nil && op.Err.Error() == e.stack.String() {
			return &net.OpError{Op: op.Op, Net: op.Net, Source: op.Source, Addr: op.Addr, Err: os.NewSyscallError(op.Op, e.errno)}
		}
	}
	return err
}
