// Package attempt makes one try of a handler: blocking code over a net.Conn
// from a given dialer with an absolute deadline. It runs unchanged over the
// simulated network, over loopback and to a real VM.
package attempt

import (
	"net"
	"time"
)

// Env is the world of one try.
type Env interface {
	// Now is the present instant on the clock of the deadlines.
	Now() time.Time
	// Dial opens a TCP connection to "host:port". It returns an error that
	// is os.ErrDeadlineExceeded (by errors.Is) when the deadline passes, and
	// syscall.ECONNREFUSED or ECONNRESET likewise.
	Dial(address string, deadline time.Time) (net.Conn, error)
	// SleepUntil parks the caller.
	SleepUntil(t time.Time)
}
