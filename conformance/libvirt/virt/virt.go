// Package virt is what vmprobe needs of libvirt: domains, the guest agent of a
// domain, and events. It stands on the library's own Go binding, which needs
// cgo: a build with the tag "libvirt" has it (make build-libvirt), any other one
// gets ErrNotBuilt from Open.
//
//	virt.go     the interfaces
//	advice.go   what to do when there is no connection
//	agent.go    commands to the guest agent, as KubeVirt's launcher sends them
//	errors.go   errors of libvirt, by their numbers
//	events.go   events
//	cgo.go      the binding (tag libvirt)
//	mailbox.go  events in order, and never by libvirt's own thread (tag libvirt)
//	stub.go     no binding
package virt

import (
	"errors"

	"github.com/vmprobe/vmprobe/probes/guestagent"
)

// ErrNotBuilt says that this build has no libvirt, and how to get one that has.
var ErrNotBuilt = errors.New("this build of vmprobe has no libvirt: it needs cgo; in a checkout, `make build-libvirt` builds one that has it (Debian: apt-get install --no-install-recommends gcc libc6-dev libvirt0)")

// Conn is a connection to a libvirt daemon. It is safe for concurrent use.
type Conn interface {
	// Version is that of the daemon's library, such as 9.0.0.
	Version() (string, error)
	// Domains are the names of all domains, sorted.
	Domains() ([]string, error)
	// Lookup finds a domain by its name. Close the domain.
	Lookup(name string) (Domain, error)
	// Create starts a transient domain, which libvirt destroys when the
	// connection ends.
	Create(xml string) (Domain, error)
	// Closed is closed when the daemon has gone, or by Close.
	Closed() <-chan struct{}
	// Close ends the connection; domains of it must not be used any more.
	Close() error
}

// Domain is a domain that was there when it was looked up.
type Domain interface {
	Name() string
	// State is the present state; the reason counts when it is paused.
	State() (guestagent.RunState, guestagent.PauseReason, error)
	// Persistent tells whether the domain is defined: one that is not is gone
	// when it stops.
	Persistent() (bool, error)
	// XML describes the domain as it runs.
	XML() (string, error)
	// Agent sends a command to the guest agent, in seconds: AgentDefault, or
	// 0 and more. Calls are not cancelled by anything but their end.
	Agent(command string, timeout int) (string, error)
	// SetAgentTimeout bounds guest-sync and every command, in seconds; it
	// holds for all that comes.
	SetAgentTimeout(seconds int) error
	// AgentAddresses and LeaseAddresses are the IP addresses that the guest
	// agent tells, or libvirt's DHCP server; no loopback or link-local ones.
	AgentAddresses() ([]string, error)
	LeaseAddresses() ([]string, error)
	Suspend() error
	Resume() error
	// PowerButton presses it.
	PowerButton() error
	Destroy() error
	// Start boots a domain that is defined and does not run.
	Start() error
	// Close forgets the domain; nothing happens to it.
	Close()
}

// AgentDefault lets libvirt wait as long as it thinks right: five seconds.
const AgentDefault = -1

// Open connects to a daemon: an address such as qemu:///system. listen hears
// of events of every domain, in order, and of nothing when it is nil.
func Open(uri string, listen func(Event)) (Conn, error) { return open(uri, listen) }

// Built tells whether this build has libvirt.
func Built() bool { return built }
