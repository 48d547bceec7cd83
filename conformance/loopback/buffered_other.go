//go:build !linux

package loopback

import "net"

// agentConn is libvirt's end of the agent's socket.
type agentConn struct{ *net.UnixConn }
