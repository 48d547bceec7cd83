package trace

import (
	"fmt"
	"slices"
)

// kindNames are the wire form of the kinds.
var kindNames = [...]string{ //nolint:gochecknoglobals // a constant
	VMICreated:       "vmi-created",
	VMIDeleted:       "vmi-deleted",
	VMIPhase:         "vmi-phase",
	ContainerStarted: "container-started",
	ContainerStopped: "container-stopped",
	DomainState:      "domain-state",
	Kill:             "kill",
	Ready:            "ready",
	Endpoint:         "endpoint",
	Restart:          "restart",
	Pause:            "pause",
	Unpause:          "unpause",
	MigrationStarted: "migration-started",
	MigrationEnded:   "migration-ended",
	Terminating:      "terminating",
	ClusterEvent:     "cluster-event",
	TryStarted:       "try-started",
	TryFinished:      "try-finished",
	AttemptFinished:  "attempt-finished",
	ProbeState:       "probe-state",
	LivenessFailed:   "liveness-failed",
	ProberRestarted:  "prober-restarted",
	Trigger:          "trigger",
	GuestBoot:        "guest-boot",
	GuestPower:       "guest-power",
	GuestWatchdog:    "guest-watchdog",
	GuestStep:        "guest-step",
	GuestSaw:         "guest-saw",
	Violation:        "violation",
	FaultStarted:     "fault-started",
	FaultEnded:       "fault-ended",
	ClockStepped:     "clock-stepped",
	Finding:          "finding",
	Overrun:          "overrun",
}

// LastKind is the last kind: tables by kind have one place more.
const LastKind = Kind(len(kindNames) - 1)

// String is the name of the kind, empty for the zero value.
func (k Kind) String() string {
	if k > LastKind {
		return fmt.Sprintf("kind-%d", uint8(k))
	}
	return kindNames[k]
}

// parseKind gives the kind of a name.
func parseKind(name string) (Kind, error) {
	if k := slices.Index(kindNames[:], name); k > 0 {
		return Kind(k), nil
	}
	return 0, fmt.Errorf("unknown kind %q", name)
}

// Kinds lists every kind of event, in the order of their declaration.
func Kinds() []Kind {
	list := make([]Kind, 0, LastKind)
	for k := Kind(1); k <= LastKind; k++ {
		list = append(list, k)
	}
	return list
}
