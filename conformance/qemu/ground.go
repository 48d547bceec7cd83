package qemu

import (
	"context"
	"fmt"
	"net"

	"github.com/vmprobe/vmprobe/conformance/qemu/machine"
	"github.com/vmprobe/vmprobe/conformance/qemu/qmp"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// Lab makes the VMs of a Bed: QEMUs of our own, or domains of libvirt. It is
// safe for concurrent use.
type Lab interface {
	// Prepare does what is done once; Start does it, too.
	Prepare(ctx context.Context) error
	// Start starts a VM whose guest answers and has not begun.
	Start(ctx context.Context) (Machine, error)
	// Close removes what is left; every VM was killed before.
	Close() error
}

// Machine is a VM of a Lab.
type Machine interface {
	// Port is the guest's control port, Frames its network card.
	Port() *machine.Control
	Frames() net.Conn
	// Halt stops the processors; hung: behind the back of whoever could know.
	// GoOn lets them run, PowerButton presses it.
	Halt(ctx context.Context, hung bool) error
	GoOn(ctx context.Context) error
	PowerButton(ctx context.Context) error
	// Listen hands every event to fn, in order. fn must not call the machine.
	Listen(fn func(qmp.Event))
	// Exited is closed when the VM has ended.
	Exited() <-chan struct{}
	// Kill ends it as a power cut does. It may be called more than once.
	Kill()
	// Pids are the processes that have to run for it to be in time, as far as
	// they are in reach.
	Pids() []int
	// String names it in messages.
	String() string
}

// agentPort is a Machine whose agent's port is ours to connect to.
type agentPort interface {
	AgentOpen(ctx context.Context) (bool, error)
	DialAgent() (*net.UnixConn, error)
}

// AgentMachine is a Machine whose agent is asked by a real libvirt.
type AgentMachine interface {
	Machine
	guestagent.Commander
	// Status is what libvirt knows of the domain, of which the fields Exists,
	// Active, State and Reason are used.
	Status() (guestagent.Status, error)
}

// AgentLab is a Lab of AgentMachines.
type AgentLab interface {
	Lab
	// Absent is the libvirt of a VM that is not there.
	Absent() AgentMachine
}

// WatchdogLab is a Lab whose VMs may have a watchdog device.
type WatchdogLab interface {
	Lab
	// Watchdogs says why they cannot now; nil: they can.
	Watchdogs() error
	// StartWatched is Start for a VM with such a device, which does what the
	// action says.
	StartWatched(ctx context.Context, action fakevm.WatchdogAction) (Machine, error)
}

// process is a Machine that is a QEMU of our own.
type process struct{ *machine.Machine }

// Port implements Machine.
func (p process) Port() *machine.Control { return p.Control }

// Frames implements Machine.
func (p process) Frames() net.Conn { return p.Net }

// Halt implements Machine.
func (p process) Halt(ctx context.Context, _ bool) error { return p.run(ctx, "stop") }

// GoOn implements Machine.
func (p process) GoOn(ctx context.Context) error { return p.run(ctx, "cont") }

// PowerButton implements Machine.
func (p process) PowerButton(ctx context.Context) error { return p.run(ctx, "system_powerdown") }

func (p process) run(ctx context.Context, command string) error {
	_, err := p.QMP.Run(ctx, command, nil)
	return err
}

// Pids implements Machine.
func (p process) Pids() []int { return []int{p.Pid()} }

// String implements Machine.
func (p process) String() string { return fmt.Sprintf("QEMU (process %d)", p.Pid()) }

// processes is a Lab of QEMUs of our own.
type processes struct{ *machine.Lab }

// Start implements Lab.
func (p processes) Start(ctx context.Context) (Machine, error) {
	m, err := p.Lab.Start(ctx)
	if err != nil {
		return nil, err
	}
	return process{m}, nil
}
