package syntax

import (
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Guest is what one VM does. Keys such as "http/8080", "https/8443" and
// "tcp/22" are lists of steps of that port.
type Guest struct {
	// DomainDelay is the time from container start to guest boot; default 0s.
	DomainDelay Dur `json:"domainDelay,omitzero"`
	// Watchdog is the timeout with which the guest feeds the watchdog device of
	// its manifest, in whole seconds; default: nobody feeds it, and it does
	// nothing.
	Watchdog Dur `json:"watchdog,omitzero"`
	// EveryBoot holds the same keys with times since each boot of each
	// instance.
	EveryBoot *Boot `json:"everyBoot,omitzero"`
	Boot
}

// Boot is a script: endpoints by port, agent, exec and power.
type Boot struct {
	// Agent is the qemu-guest-agent.
	Agent []AgentStep `json:"agent,omitzero"`
	// Exec is what the command of an exec probe does.
	Exec []ExecStep `json:"exec,omitzero"`
	// Power is what the guest does to itself.
	Power []Power `json:"power,omitzero"`
	// Freezes are windows in which the filesystems are frozen (GA-FREEZE).
	Freezes []Freeze `json:"freezes,omitzero"`
	// ACPI is how the guest takes a power button: "ignore" or {delay: 5s};
	// default: honoured after 2 s.
	ACPI *ACPI `json:"acpi,omitzero"`

	Ports []Endpoint `json:"-"` // http/N, https/N, tcp/N in the order of the file
	Pos   diag.Pos   `json:"-"`
}

// Endpoint is one listening thing and its steps.
type Endpoint struct {
	Kind  fakevm.EndpointKind
	Port  uint16
	Steps []Step
	Pos   diag.Pos // of the key
}

// Step is the behaviour of an endpoint from an instant on.
type Step struct {
	At      Dur
	As      Name
	Replies []Answer
	Counted bool // written as "replies"
	Pos     diag.Pos
}

// Answer is one reply and how often it is given.
type Answer struct {
	Reply fakevm.Reply
	Times int // 0: for ever
	Pos   diag.Pos
}

// HTTPStep is the behaviour of an HTTP port from an instant on.
type HTTPStep struct {
	// At is the start of the step; default 0s.
	At Dur `json:"at,omitzero"`
	// As names the step for formulas.
	As Name `json:"as,omitzero"`
	// Reply answers every request.
	Reply *HTTPAnswer `json:"reply,omitzero"`
	// Replies are used up one by one: "REPLY", "REPLY xN", last "REPLY ...".
	Replies []HTTPAnswer `json:"replies,omitzero"`

	Pos diag.Pos `json:"-"`
}

// TCPStep is the behaviour of a TCP port from an instant on.
type TCPStep struct {
	// At is the start of the step; default 0s.
	At Dur `json:"at,omitzero"`
	// As names the step for formulas.
	As Name `json:"as,omitzero"`
	// Reply answers every connection.
	Reply *TCPAnswer `json:"reply,omitzero"`
	// Replies are used up one by one: "REPLY", "REPLY xN", last "REPLY ...".
	Replies []TCPAnswer `json:"replies,omitzero"`

	Pos diag.Pos `json:"-"`
}

// AgentStep is the behaviour of the guest agent from an instant on.
type AgentStep struct {
	// At is the start of the step; default 0s.
	At Dur `json:"at,omitzero"`
	// As names the step for formulas.
	As Name `json:"as,omitzero"`
	// Reply answers every command.
	Reply *AgentAnswer `json:"reply,omitzero"`
	// Replies are used up one by one: "REPLY", "REPLY xN", last "REPLY ...".
	Replies []AgentAnswer `json:"replies,omitzero"`

	Pos diag.Pos `json:"-"`
}

// ExecStep is the behaviour of the probe's command from an instant on.
type ExecStep struct {
	// At is the start of the step; default 0s.
	At Dur `json:"at,omitzero"`
	// As names the step for formulas.
	As Name `json:"as,omitzero"`
	// Reply is what every run of the command does.
	Reply *ExecAnswer `json:"reply,omitzero"`
	// Replies are used up one by one: "REPLY", "REPLY xN", last "REPLY ...".
	Replies []ExecAnswer `json:"replies,omitzero"`

	Pos diag.Pos `json:"-"`
}

// HTTPAnswer is a status (200), refused, blackhole, unaccepted, hang, close,
// reset, or a mapping.
type HTTPAnswer struct{ Answer }

// TCPAnswer is ok, refused, blackhole, unaccepted, reset, close, or a mapping.
type TCPAnswer struct{ Answer }

// AgentAnswer is ok, down, hang, error, garbage, or a mapping.
type AgentAnswer struct{ Answer }

// ExecAnswer is an exit status (0), hang, missing, killed, or a mapping.
type ExecAnswer struct{ Answer }

// Connect is what happens to a SYN: a duration (the SYN-ACK comes so much
// later), refused, blackhole or unaccepted.
type Connect struct {
	How   fakevm.Connect
	Delay Dur
	Set   bool
}

// Times is how often a reply is given: a number, or "..." for ever.
type Times struct {
	N   int
	Set bool
}

// HTTPMapping is an HTTP reply in full. Without raw, silent and an explicit
// status the status is 200, or 302 with redirect.
type HTTPMapping struct {
	// Connect is what happens to the SYN.
	Connect Connect `json:"connect,omitzero"`
	// Redirect sends a Location header with this target.
	Redirect Text `json:"redirect,omitzero"`
	// Times is how often the reply is given, in a list of replies.
	Times Times `json:"times,omitzero"`
	fakevm.HTTPReply
}

// TCPMapping is a TCP reply in full.
type TCPMapping struct {
	// Connect is what happens to the SYN.
	Connect Connect `json:"connect,omitzero"`
	// Then is what the service does after the handshake: silent, reset, close.
	Then Then `json:"then,omitzero"`
	// Times is how often the reply is given, in a list of replies.
	Times Times `json:"times,omitzero"`
	fakevm.TCPReply
}

// Then is what a TCP service does after the handshake.
type Then struct{ Text }

// Values of a Then.
func (Then) Values() []string { return []string{"silent", "reset", "close"} }

// AgentMapping is an agent reply in full.
type AgentMapping struct {
	// Times is how often the reply is given, in a list of replies.
	Times Times `json:"times,omitzero"`
	fakevm.AgentReply
}

// ExecMapping is an exec reply in full.
type ExecMapping struct {
	// Times is how often the reply is given, in a list of replies.
	Times Times `json:"times,omitzero"`
	fakevm.ExecReply
}

// Power is one action of the guest on itself.
type Power struct {
	// At is when.
	At Dur `json:"at"`
	// Do is what.
	Do PowerDo `json:"do"`
	// For ends a hang, or delays the next boot after a reboot.
	For Dur `json:"for,omitzero"`
	// As names the step for formulas.
	As Name `json:"as,omitzero"`

	Pos diag.Pos `json:"-"`
}

// Freeze is a window with frozen filesystems.
type Freeze struct {
	// At is the start.
	At Dur `json:"at"`
	// For is the length.
	For Dur `json:"for"`

	Pos diag.Pos `json:"-"`
}

// ACPI is "ignore" or {delay: 5s}.
type ACPI struct {
	Ignore bool
	Delay  Dur
}

// ACPIDelay honours the power button after a while.
type ACPIDelay struct {
	// Delay from the press of the button to power off.
	Delay Dur `json:"delay"`
}
