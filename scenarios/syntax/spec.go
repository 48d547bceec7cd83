package syntax

import "github.com/vmprobe/vmprobe/scenarios/diag"

// Document is a Scenario: what the guests do and what must be seen of it.
type Document struct {
	// APIVersion is "vmprobe.dev/v1alpha1".
	APIVersion Text `json:"apiVersion"`
	// Kind is "Scenario".
	Kind Text `json:"kind"`
	// Metadata names the scenario.
	Metadata Metadata `json:"metadata"`
	// Spec is the story.
	Spec Spec `json:"spec"`

	Pos diag.Pos `json:"-"`
}

// Metadata names the scenario.
type Metadata struct {
	// Name is kebab-case and equals the name of the file without ".yaml".
	Name Ident `json:"name"`
}

// Spec is the story: guests, faults and events, then expectations.
type Spec struct {
	// Title is one sentence that states the rule.
	Title Text `json:"title"`
	// Requirements are the ids of the rules that a failure here breaks.
	Requirements []Text `json:"requirements"`
	// Profiles in which the scenario runs; default: every profile in which
	// the handlers of the manifests exist.
	Profiles []Profile `json:"profiles,omitzero"`
	// Features that a prober must claim, beside those that the manifests and
	// events imply.
	Features []Feature `json:"features,omitzero"`
	// Kills names mutants that must fail here at every seed.
	Kills []Text `json:"kills,omitzero"`
	// Vary gives names to values; one run per combination. Use them as $name
	// anywhere in spec.
	Vary map[string]Variants `json:"vary,omitzero"`
	// Until is the end of the run; everything until here is judged.
	Until Dur `json:"until,omitzero"`
	// Prober says how old the prober is.
	Prober *Prober `json:"prober,omitzero"`
	// Guests script the virtual machines by their manifests' names.
	Guests map[string]Guest `json:"guests,omitzero"`
	// Faults are windows in which something between prober and guest is broken.
	Faults []Fault `json:"faults,omitzero"`
	// Events happen to a VM or to the prober.
	Events []Event `json:"events,omitzero"`
	// Let names formulas; max(a, b) and min(a, b) may be used here only.
	Let map[string]Formula `json:"let,omitzero"`
	// Expect is what must be seen, by VM.
	Expect map[string]Expectation `json:"expect,omitzero"`
	// ExpectIn replaces fields of expect in one profile.
	ExpectIn map[string]map[string]Expectation `json:"expectIn,omitzero"`
	// Rejected says that the API must refuse the manifests; nothing runs.
	Rejected []Rejected `json:"rejected,omitzero"`
	// Findings must be reported; the run goes on.
	Findings []Finding `json:"findings,omitzero"`

	Pos  diag.Pos            `json:"-"`
	Keys map[string]diag.Pos `json:"-"` // "spec.expect.web" and the like
}

// Prober describes the prober process.
type Prober struct {
	// Age of the prober at instant 0; default: old. A prober younger than a
	// period jitters its first check (TIM-START-JITTER).
	Age Dur `json:"age,omitzero"`
	// Proxy is a "host:port" that HTTP_PROXY and HTTPS_PROXY of the prober's
	// process name. Nobody may connect to it (HTTP-NO-PROXY).
	Proxy Text `json:"proxy,omitzero"`
}

// Fault is a window in which something is broken. Exactly one of partition,
// refuse, reset, delay, loss, halfOpen, bandwidth, closeFails, hideDomain,
// agentLock and agentCode says what.
type Fault struct {
	// At is the start of the fault.
	At Dur `json:"at"`
	// For is its length; default: until the end of the run.
	For Dur `json:"for,omitzero"`
	// As names the fault for formulas; NAME.end is its end.
	As Name `json:"as,omitzero"`
	// Profiles in which it happens; default: all.
	Profiles []Profile `json:"profiles,omitzero"`

	// Partition makes SYNs and data between two sides vanish: "prober" or VMs.
	Partition []Text `json:"partition,omitzero"`
	// Refuse answers every SYN of the VM by RST.
	Refuse Text `json:"refuse,omitzero"`
	// Reset resets established connections at the start of the window.
	Reset Text `json:"reset,omitzero"`
	// Delay adds "by" to each one-way delivery of the VM.
	Delay Text `json:"delay,omitzero"`
	// Loss drops "percent" of the VM's packets; a lost SYN is sent again.
	Loss Text `json:"loss,omitzero"`
	// HalfOpen makes data towards the prober vanish; SYN-ACK still works.
	HalfOpen Text `json:"halfOpen,omitzero"`
	// Bandwidth limits the VM to "bytesPerSecond".
	Bandwidth Text `json:"bandwidth,omitzero"`
	// CloseFails makes close fail at the prober's end of a connection to the
	// VM; the peer does not notice.
	CloseFails Text `json:"closeFails,omitzero"`
	// HideDomain makes libvirt answer NO_DOMAIN for the VM.
	HideDomain Text `json:"hideDomain,omitzero"`
	// AgentLock lets another caller hold the VM's agent job lock.
	AgentLock Text `json:"agentLock,omitzero"`
	// AgentCode makes agent commands of the VM fail with "code".
	AgentCode Text `json:"agentCode,omitzero"`

	// By is the delay added by "delay".
	By Dur `json:"by,omitzero"`
	// Percent of packets lost by "loss", 1 to 100.
	Percent Int `json:"percent,omitzero" jsonschema:"minimum=1,maximum=100"`
	// BytesPerSecond of "bandwidth", at least 1.
	BytesPerSecond Int `json:"bytesPerSecond,omitzero" jsonschema:"minimum=1"`
	// Code of "agentCode".
	Code AgentErrorCode `json:"code,omitzero"`

	Pos diag.Pos `json:"-"`
}

// Event is something that happens to a VM or to the prober. Exactly one of
// pause, unpause, suspendIO, snapshot, migrate, delete, annotate, trigger,
// restartProber, stepClock, stopContainer and panic says what.
type Event struct {
	// At is when it happens.
	At Dur `json:"at"`
	// As names the event for formulas.
	As Name `json:"as,omitzero"`
	// Profiles in which it happens; default: all.
	Profiles []Profile `json:"profiles,omitzero"`

	// Pause pauses the VM through the API, which may refuse (PAUSE-API).
	Pause Text `json:"pause,omitzero"`
	// Unpause resumes the VM through the API.
	Unpause Text `json:"unpause,omitzero"`
	// SuspendIO pauses the domain with reason IOError, for "for".
	SuspendIO Text `json:"suspendIO,omitzero"`
	// Snapshot pauses the domain with reason Snapshot, for "for".
	Snapshot Text `json:"snapshot,omitzero"`
	// Migrate moves the VM to a second pod; it takes "for", ends in "result".
	Migrate Text `json:"migrate,omitzero"`
	// Delete deletes the VMI gracefully.
	Delete Text `json:"delete,omitzero"`
	// Annotate sets kubevirt.io/pause-guest-agent-probes to "value".
	Annotate Text `json:"annotate,omitzero"`
	// Trigger syncs the pod: readiness runs while not Ready.
	Trigger Text `json:"trigger,omitzero"`
	// RestartProber restarts the prober process.
	RestartProber bool `json:"restartProber,omitzero"`
	// StepClock moves the wall clock; may be negative.
	StepClock SignedDur `json:"stepClock,omitzero"`
	// StopContainer ends the compute container.
	StopContainer Text `json:"stopContainer,omitzero"`
	// Panic makes the next attempt panic inside (PANIC-CONTINUE).
	Panic Text `json:"panic,omitzero"`

	// For is how long it lasts.
	For Dur `json:"for,omitzero"`
	// Every repeats a trigger at this distance during "for".
	Every Dur `json:"every,omitzero"`
	// Value of the annotation; "" removes it.
	Value *Text `json:"value,omitzero"`
	// Result of a migration; default succeeded.
	Result MigrationResult `json:"result,omitzero"`

	Pos diag.Pos `json:"-"`
}

// Rejected is a refusal by the API.
type Rejected struct {
	// Message is contained in the refusal.
	Message Text `json:"message"`
	// Profiles in which it must be; default: all.
	Profiles []Profile `json:"profiles,omitzero"`

	Pos diag.Pos `json:"-"`
}

// Finding is a remark of the tool about the manifests or the run.
type Finding struct {
	// Requirement is the id of the rule.
	Requirement Text `json:"requirement"`
	// Contains is a part of the message.
	Contains Text `json:"contains,omitzero"`
	// Profiles in which it must be; default: all.
	Profiles []Profile `json:"profiles,omitzero"`

	Pos diag.Pos `json:"-"`
}
