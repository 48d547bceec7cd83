package syntax

import (
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// Expectation is what must be true of one VM. Absent keys are not asserted.
type Expectation struct {
	// Ready is the complete history of the Ready condition: its first value,
	// then each change in its window.
	Ready []HistoryItem `json:"ready,omitzero"`
	// Endpoints is the history of the EndpointSlice entry.
	Endpoints []HistoryItem `json:"endpoints,omitzero"`
	// Live lists the liveness verdicts by instance; [] means never.
	Live *[]LiveItem `json:"live,omitzero"`
	// Restarts is "none" or the windows of new instances, last "more".
	Restarts *Restarts `json:"restarts,omitzero"`
	// Phase is the history of the VMI phase.
	Phase []PhaseItem `json:"phase,omitzero"`
	// Attempts are the classes of all attempts in order: "S x3", "F", "E ...".
	Attempts map[string][]ClassRun `json:"attempts,omitzero"`
	// Tries are the tries of each attempt: 1, "3 ...".
	Tries map[string][]CountRun `json:"tries,omitzero"`
	// Events bound the cluster events.
	Events []EventCount `json:"events,omitzero"`
	// Requests bound what an endpoint saw.
	Requests map[string]Bounds `json:"requests,omitzero"`
	// Kills are the steps of the terminations.
	Kills *[]KillItem `json:"kills,omitzero"`
	// Violations is "none": a violation logged by the guest fails the case.
	Violations None `json:"violations,omitzero"`

	Pos  diag.Pos            `json:"-"`
	Keys map[string]diag.Pos `json:"-"`
}

// When is the place of a change in time: exactly one of in and after.
type When struct {
	// In is a window [lo, hi] of formulas, both inclusive.
	In []Formula `json:"in,omitzero" jsonschema:"minItems=2,maxItems=2"`
	// After is an exact instant, such as readiness#10.
	After Formula `json:"after,omitzero"`
	// Profiles in which the item counts; default: all.
	Profiles []Profile `json:"profiles,omitzero"`

	Pos diag.Pos `json:"-"`
}

// HistoryItem is the first value or a Change.
type HistoryItem struct {
	Initial *bool
	Change  *Change
	Pos     diag.Pos
}

// Change is one transition of a boolean.
type Change struct {
	// To is the new value.
	To bool `json:"to"`
	When
}

// LiveItem is a liveness failure of the n-th instance.
type LiveItem struct {
	// Failed is the number of the instance, from 1.
	Failed Int `json:"failed" jsonschema:"minimum=1"`
	When
}

// Restarts is "none" or a list of windows, last "more".
type Restarts struct {
	None    bool
	Windows []When
	More    bool
	Pos     diag.Pos
}

// PhaseItem is a phase, or a PhaseChange.
type PhaseItem struct {
	To   PhaseName
	When *When
	Pos  diag.Pos
}

// PhaseChange is a phase and when it begins.
type PhaseChange struct {
	// To is the new phase.
	To PhaseName `json:"to"`
	When
}

// ClassRun is "S x3", "F", "E ...".
type ClassRun struct {
	Class probes.Class
	Times int // 0: any number, also none
	Pos   diag.Pos
}

// CountRun is 1, "1 x3", "3 ...".
type CountRun struct {
	N     int
	Times int // 0: any number, also none
	Pos   diag.Pos
}

// EventCount bounds the number of cluster events with a reason.
type EventCount struct {
	// Reason of the event: ProbeWarning, Unhealthy, GuestAgentPingFailed, ...
	Reason Text `json:"reason"`
	// Contains is a part of its message; default: any.
	Contains Text `json:"contains,omitzero"`
	// Profiles in which it counts; default: all.
	Profiles []Profile `json:"profiles,omitzero"`
	Bounds
}

// Bounds of a number: count, or min and max. None given: at least one.
type Bounds struct {
	// Count is the exact number.
	Count Int `json:"count,omitzero"`
	// Min is the least number.
	Min Int `json:"min,omitzero"`
	// Max is the greatest number.
	Max Int `json:"max,omitzero"`

	Pos diag.Pos `json:"-"`
}

// KillItem is one step of a termination.
type KillItem struct {
	// With is what is done to the guest or its launcher.
	With KillWith `json:"with"`
	When
}

// Variants are the values of a vary name: a list, or a mapping from labels.
type Variants struct {
	Values []Variant
	Pos    diag.Pos
}
