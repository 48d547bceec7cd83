//go:build netoverlay

package overlay

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/vmprobe/vmprobe/conformance/door"
)

// Built tells whether package net was built with the overlay.
const Built = true

// present is where dials go; nil: to the real network.
var present = hook()

// hook is set once, before anybody dials: net.DialHook is an ordinary variable.
func hook() *atomic.Pointer[door.Dial] {
	p := new(atomic.Pointer[door.Dial])
	net.DialHook = func(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error, bool) {
		dial := p.Load()
		if dial == nil {
			return nil, nil, false
		}
		conn, taken, err := take(ctx, d, network, address, *dial)
		return conn, err, taken
	}
	return p
}

// Install gives all dials of the process to a network, until remove is called:
// the Hook of a bubble.Bed. Two runs at a time are a panic.
func Install(dial door.Dial) (remove func()) {
	if !present.CompareAndSwap(nil, &dial) {
		panic("overlay: two runs at a time take the dials of net.Dialer")
	}
	return func() { present.Store(nil) }
}
