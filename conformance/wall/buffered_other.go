//go:build !linux

package wall

import "net"

// AgentConn is libvirt's end of the agent's socket.
type AgentConn struct{ *net.UnixConn }
