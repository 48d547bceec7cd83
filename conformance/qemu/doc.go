// Package qemu is the testbed "qemu": every VM of a case is a real QEMU
// machine whose init is the guest of the scenario (package guestd), with the
// real guest agent beside it. Our prober reaches it over a wire in this process
// and over the agent's port; no privilege is needed.
//
// The world is the one of package simbed: its platform, its story and its
// trace. The kernel follows the wall clock (package wall). A domain that is
// destroyed is a QEMU that is killed; the next one begins from the template in
// a fraction of a second, and stands ready before it is needed.
//
//	bed.go          the testbed
//	unsupported.go  what it cannot express
//	outside.go      the ground of one run
//	host.go         the machine of one VM, as the platform handles it
//	life.go         what the machine does by itself
//	agent.go        libvirt's end of the agent's port
//
// Below: image finds the guest image, machine starts QEMUs, qmp speaks to them,
// wire is the network.
package qemu
