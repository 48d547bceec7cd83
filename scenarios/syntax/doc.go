// Package syntax is the shape of a Scenario document: Go types that mirror
// the YAML one to one, with the place of everything, and the strict decoder
// that fills them. The same types, with their comments, become the JSON
// Schema. What the words mean is decided one level up, in package scenarios.
package syntax

import (
	"time"

	"github.com/vmprobe/vmprobe/scenarios/diag"
)

// APIVersion and Kind identify a Scenario document.
const (
	APIVersion = "vmprobe.dev/v1alpha1"
	Kind       = "Scenario"
)

// Text is a string and its place.
type Text struct {
	S   string
	Pos diag.Pos
}

// Name is a word that formulas may use: camelCase letters and digits.
type Name struct{ Text }

// Ident is a kebab-case word: the name of a scenario.
type Ident struct{ Text }

// Formula is the text of an expression such as "agentUp + period".
type Formula struct{ Text }

// Dur is a Go duration with a unit, such as "1m30s".
type Dur struct {
	D   time.Duration
	Set bool
	Pos diag.Pos
}

// SignedDur is a duration that may be negative, such as "-1h".
type SignedDur struct{ Dur }

// Int is a whole number, zero or more.
type Int struct {
	N   int64
	Set bool
	Pos diag.Pos
}

// enumerated is a text of which only some values exist.
type enumerated interface{ Values() []string }

// Profile is the name of a profile.
type Profile struct{ Text }

// Values of a Profile.
func (Profile) Values() []string {
	return []string{"openshift-doc", "kubevirt-legacy", "kubevirt", "kubernetes"}
}

// Feature is what a prober must claim.
type Feature struct{ Text }

// Values of a Feature.
func (Feature) Values() []string {
	return []string{"exec", "guest-agent-ping", "migration", "pause", "restart", "startup"}
}

// PowerDo is what a guest does to itself.
type PowerDo struct{ Text }

// Values of a PowerDo.
func (PowerDo) Values() []string {
	return []string{"crash", "hang", "resume", "reboot", "poweroff", "suspend", "starve"}
}

// AgentErrorCode is a libvirt error code.
type AgentErrorCode struct{ Text }

// Values of an AgentErrorCode.
func (AgentErrorCode) Values() []string {
	return []string{"AGENT_UNRESPONSIVE", "NO_DOMAIN", "OPERATION_INVALID", "INTERNAL_ERROR"}
}

// MigrationResult says how a migration ends.
type MigrationResult struct{ Text }

// Values of a MigrationResult.
func (MigrationResult) Values() []string { return []string{"succeeded", "failed"} }

// KillWith is one step of a termination.
type KillWith struct{ Text }

// Values of a KillWith.
func (KillWith) Values() []string { return []string{"acpi", "destroy", "sigterm", "sigkill"} }

// PhaseName is a phase of a VMI.
type PhaseName struct{ Text }

// Values of a PhaseName.
func (PhaseName) Values() []string {
	return []string{"Pending", "Scheduling", "Scheduled", "Running", "Succeeded", "Failed", "Unknown"}
}

// None is the word "none".
type None struct{ Text }

// Values of a None.
func (None) Values() []string { return []string{"none"} }
