// Package overlay takes the dials of every net.Dialer, also of one that a
// prober has made deep inside and that nobody can inject, and gives them to the
// simulated network. It needs a build with an overlay of package net, which
// hack/netoverlay makes from the local toolchain:
//
//	go run github.com/vmprobe/vmprobe/hack/netoverlay -dir out/netoverlay
//	go test -overlay out/netoverlay/overlay.json -tags netoverlay ./...
//
// In a test, conformance.Overlay does all of it.
package overlay

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/vmprobe/vmprobe/conformance/door"
)

// Recipe is what somebody has to do who has built without the overlay.
const Recipe = `this test dials through net.Dialer, and package net was built without the overlay that takes such dials:
	go run github.com/vmprobe/vmprobe/hack/netoverlay -dir out/netoverlay
	go test -overlay out/netoverlay/overlay.json -tags netoverlay ./...`

// errOutside is the end of a dial to where no simulated network leads.
var errOutside = errors.New("only TCP leads into the simulated network: a real socket would stop virtual time")

// take makes a dial of a net.Dialer on the simulated network, within the
// Timeout and the Deadline of the dialer. Its Control and LocalAddr have no
// meaning there. Unix sockets are left alone.
func take(ctx context.Context, d *net.Dialer, network, address string, dial door.Dial) (conn net.Conn, taken bool, err error) { //nolint:unparam // used by what is built with the overlay
	switch network {
	case "tcp", "tcp4", "tcp6":
	case "unix", "unixgram", "unixpacket":
		return nil, false, nil
	default:
		return nil, true, &net.OpError{Op: "dial", Net: network, Err: errOutside}
	}
	if end := deadline(d); !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	conn, err = dial(ctx, network, address)
	return conn, true, err
}

// deadline is when a dialer gives up; zero: never.
func deadline(d *net.Dialer) time.Time {
	end := d.Deadline
	if d.Timeout > 0 {
		if by := time.Now().Add(d.Timeout); end.IsZero() || by.Before(end) {
			end = by
		}
	}
	return end
}
