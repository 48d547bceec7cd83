package virt

// EventKind is what an event is about.
type EventKind string

// The kinds of events.
const (
	Lifecycle EventKind = "lifecycle" // Code: virDomainEventType, Detail: by its code
	AgentPort EventKind = "agent"     // Code: AgentConnected or AgentDisconnected, Detail: why
	Reboot    EventKind = "reboot"    // the guest was reset, one to several times each
	Watchdog  EventKind = "watchdog"  // Code: virDomainEventWatchdogAction
)

// virDomainEventType.
const (
	Defined = iota
	Undefined
	Started
	Suspended
	Resumed
	Stopped
	Shutdown
	PMSuspended
	Crashed
)

// Details of Stopped: why the domain has ended.
const (
	AfterShutdown = 0 // its guest has shut down
	AfterCrash    = 2
)

// Whether the guest agent has its port open. A domain begins with
// AgentDisconnected; libvirt tells of one change a second at most.
const (
	AgentConnected    = 1
	AgentDisconnected = 2
)

// Event is what libvirt tells of a domain.
type Event struct {
	Domain       string
	Kind         EventKind
	Code, Detail int
}

// virDomainEventWatchdogAction.
const (
	WatchdogNone = iota
	WatchdogPause
	WatchdogReset
	WatchdogPoweroff
	WatchdogShutdown
)

// WatchdogAction is the word of a domain's XML for the Code of a Watchdog event.
func WatchdogAction(code int) string {
	words := []string{"none", "pause", "reset", "poweroff", "shutdown", "debug", "inject-nmi"}
	if code < 0 || code >= len(words) {
		return "unknown"
	}
	return words[code]
}
