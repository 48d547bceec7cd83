// Package loopback is the testbed "loopback": the guests of a case stand on
// real TCP sockets of 127.0.0.0/8, one address a VM, with a unix socket for the
// guest agent, and our prober makes its tries over them.
//
// The world is the one of package simbed: its platform, its guests, its story
// and its trace. Only the ground changes. The kernel follows the wall clock:
// whoever comes from a socket takes its lock, and with the lock the kernel has
// lived up to the present instant. A heartbeat measures by how much the
// harness itself is late; what it cannot resolve becomes an error, not a
// verdict.
//
//	bed.go          the testbed
//	unsupported.go  what it cannot express
//	host.go         the ground of one guest
//
// The kernel on the wall clock is package wall.
package loopback
