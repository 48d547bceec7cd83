// Package guestd is the inside of a real VM: the program that its kernel
// starts first (PID 1). It lets a fakevm.Guest live on the VM's own sockets,
// with the real guest agent beside it, and does to the machine for real what
// the guest's script says: it crashes the kernel, powers off, resets.
//
// A host talks to it over a virtio-serial port (ControlPort), one line of JSON
// a message, so that no network is needed for it. The guest's times are those
// of the run: the host sets the offset to the VM's own clock and corrects it.
//
// A VM that has no such port, as one of KubeVirt, is asked over its network
// (ConsolePort) and tells the rest on its serial console, as package guestlog
// says. ConsoleArgument on the kernel's command line chooses that.
//
//	protocol.go     what host and guest say to each other
//	thread.go       the guest's one logical thread, on a clock that is corrected
//	daemon.go       the control port
//	ground.go       the ground of the guest: sockets, ports, power
//	agent.go        the real qemu-ga, and the commands that it runs
//	port.go         virtio-serial ports
//	console.go      requests over the network, reports on the console
//	console_linux.go  the devices for that
//	machine_linux.go  mounts, modules, network, power button
//
// The package is exempt from the determinism rules of its parent, as oshost is.
package guestd
