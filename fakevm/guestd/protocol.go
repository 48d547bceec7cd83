package guestd

import (
	"time"

	"github.com/vmprobe/vmprobe/fakevm"
)

// The names of the virtio-serial ports.
const (
	ControlPort = "org.vmprobe.ctl.0"
	AgentPort   = "org.qemu.guest_agent.0"
)

// What a host may ask.
const (
	OpClock  = "clock"  // the VM's monotonic clock
	OpLoad   = "load"   // makes the guest, which is off; once in the life of a VM
	OpBoot   = "boot"   // the guest begins; once. On a console it brings Load, too
	OpAdjust = "adjust" // another offset of the run's clock
	OpRun    = "run"    // a command as a container runtime runs it, without the agent
	OpAgent  = "agent"  // starts the real agent and stops it again: it is in memory then
)

// Request is what a host says; every request has one answer.
type Request struct {
	ID int64  `json:"id"` // > 0
	Op string `json:"op"`
	// Offset is run time less the VM's monotonic clock (boot, adjust).
	Offset time.Duration `json:"offset,omitempty"`
	// Paused: the VM was paused until now; what counts from its boot stood
	// still (adjust).
	Paused bool     `json:"paused,omitempty"`
	Load   *Load    `json:"load,omitempty"`
	Boot   *Boot    `json:"boot,omitempty"`
	Argv   []string `json:"argv,omitempty"` // run
}

// Load is what a guest is.
type Load struct {
	Address   string         `json:"address"` // IPv4, of a /24
	Program   fakevm.Program `json:"program"`
	EveryBoot fakevm.Program `json:"everyBoot"`
	// Commands are the programs that probes run; each is made, and asks the
	// script what it has to do.
	Commands []string `json:"commands,omitempty"`
}

// Boot is the beginning of a guest.
type Boot struct {
	At       time.Duration     `json:"at"`                 // instant of the run
	Progress []fakevm.Progress `json:"progress,omitempty"` // of earlier boots
	// Number counts the boots of the VM, from 1, and Zero is when the run began:
	// of a guest that reports on its console.
	Number int        `json:"number,omitempty"`
	Zero   *time.Time `json:"zero,omitempty"`
}

// What a guest tells by itself.
const (
	EventReady = "ready" // the ports are there
	EventBoot  = "boot"  // the guest begins
	EventSaw   = "saw"   // Record, Progress
	EventStep  = "step"  // Endpoint, As
	EventPower = "power" // Power, For
	EventAgent = "agent" // the agent's port may have been opened or closed
	EventPress = "press" // the power button was pressed
)

// Message is what a guest says: the answer to a request, or an event.
type Message struct {
	ID    int64  `json:"id,omitempty"` // of the request that is answered
	Error string `json:"error,omitempty"`
	// Clock is the VM's monotonic clock when the message was made.
	Clock time.Duration `json:"clock"`
	// Late is by how much the guest's thread was late at worst since the last
	// answer to OpClock, which alone has it.
	Late  time.Duration `json:"late,omitempty"`
	Event string        `json:"event,omitempty"`
	// At is the instant of the run, of an event.
	At       time.Duration      `json:"at,omitempty"`
	Record   *fakevm.Record     `json:"record,omitempty"`
	Progress []fakevm.Progress  `json:"progress,omitempty"`
	Endpoint string             `json:"endpoint,omitempty"`
	As       string             `json:"as,omitempty"`
	Power    fakevm.PowerAction `json:"power,omitempty"`
	// For is PowerStep.For of that action.
	For     time.Duration `json:"for,omitempty"`
	Outcome *Outcome      `json:"outcome,omitempty"` // of run
	// Boot is the number of the guest's boot, 0: it has not booted; of a guest
	// that reports on its console.
	Boot int `json:"boot,omitempty"`
}

// Outcome is what a command does.
type Outcome struct {
	Exit    int64  `json:"exit"`
	Signal  int    `json:"signal,omitempty"` // ended by this signal
	Output  []byte `json:"output,omitempty"`
	Missing bool   `json:"missing,omitempty"` // there is no such program
}
