// Package explain says what the probes of a manifest mean: effective values
// and where they came from, when a VM becomes ready, how long a fault goes
// unseen, what a liveness failure does, and what a reader should worry about.
// It runs nothing; the numbers are those of package bounds.
package explain

import (
	"strconv"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/probes/spec/bounds"
)

// Duration is a time in seconds: "160s", "2.5s".
type Duration time.Duration

// String gives whole seconds where they are whole.
func (d Duration) String() string {
	return strconv.FormatFloat(time.Duration(d).Seconds(), 'f', -1, 64) + "s"
}

// MarshalText makes JSON and YAML say "160s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Window is a span of time with both edges.
type Window struct {
	Earliest Duration `json:"earliest" yaml:"earliest"`
	Latest   Duration `json:"latest" yaml:"latest"`
}

func window(w bounds.Window) Window { return Window{Duration(w.Lo), Duration(w.Hi)} }

// Analysis is one machine in one profile.
type Analysis struct {
	Kind      string             `json:"kind" yaml:"kind"`
	Namespace string             `json:"namespace" yaml:"namespace"`
	Name      string             `json:"name" yaml:"name"`
	Profile   probes.ProfileName `json:"profile" yaml:"profile"`
	// Rejected tells that the API would refuse the object and nothing could
	// be run; see Findings.
	Rejected bool `json:"rejected" yaml:"rejected"`
	// RunStrategy is empty for pods and for a VMI without a VM.
	RunStrategy spec.RunStrategy `json:"runStrategy,omitempty" yaml:"runStrategy,omitempty"`
	Grace       Duration         `json:"terminationGracePeriod" yaml:"terminationGracePeriod"`
	PodGrace    Duration         `json:"podTerminationGracePeriod" yaml:"podTerminationGracePeriod"`
	Probes      []Probe          `json:"probes" yaml:"probes"`
	Findings    []Finding        `json:"findings" yaml:"findings"`
}

// Probe is one probe of a machine.
type Probe struct {
	Kind     string    `json:"kind" yaml:"kind"`       // readiness, liveness, startup
	Handler  string    `json:"handler" yaml:"handler"` // httpGet, tcpSocket, guestAgentPing, exec
	Target   string    `json:"target" yaml:"target"`   // "HTTP :1500/healthz"
	Settings []Setting `json:"settings" yaml:"settings"`
	// FirstAttempt counts from container start; its latest edge is excluded.
	FirstAttempt Window `json:"firstAttempt" yaml:"firstAttempt"`
	// Ready is when a target that is healthy throughout is Ready, from
	// container start; nil for probes other than readiness.
	Ready *Window `json:"ready,omitempty" yaml:"ready,omitempty"`
	// ReadyOffSchedule is the earliest instant when off-schedule runs happen.
	ReadyOffSchedule *Duration `json:"readyOffSchedule,omitempty" yaml:"readyOffSchedule,omitempty"`
	Faults           []Fault   `json:"faults" yaml:"faults"`
	// OnFailure is what a liveness or startup verdict does; nil for readiness.
	OnFailure *Outcome `json:"onFailure,omitempty" yaml:"onFailure,omitempty"`
}

// Setting is one effective value.
type Setting struct {
	Field       string      `json:"field" yaml:"field"`
	Value       string      `json:"value" yaml:"value"`
	Origin      spec.Origin `json:"origin" yaml:"origin"`
	Note        string      `json:"note,omitempty" yaml:"note,omitempty"`
	Requirement string      `json:"requirement" yaml:"requirement"`
}

// Fault is one way of failing and how long it takes to notice.
type Fault struct {
	Mode    string `json:"mode" yaml:"mode"`
	Title   string `json:"title" yaml:"title"`
	Class   string `json:"class" yaml:"class"`     // of one attempt
	Attempt Window `json:"attempt" yaml:"attempt"` // how long one attempt lasts
	// Detected and Recovered count from begin and end of the fault; nil when
	// the probe never sees it, and Recovered for other kinds than readiness.
	Detected    *Window `json:"detected,omitempty" yaml:"detected,omitempty"`
	Recovered   *Window `json:"recovered,omitempty" yaml:"recovered,omitempty"`
	Note        string  `json:"note,omitempty" yaml:"note,omitempty"`
	Requirement string  `json:"requirement" yaml:"requirement"`
}

// Finding is something that a reader should know.
type Finding struct {
	Severity    spec.Severity `json:"severity" yaml:"severity"`
	Requirement string        `json:"requirement" yaml:"requirement"`
	Path        string        `json:"path,omitempty" yaml:"path,omitempty"`
	Line        int           `json:"line,omitempty" yaml:"line,omitempty"`
	Column      int           `json:"column,omitempty" yaml:"column,omitempty"`
	Message     string        `json:"message" yaml:"message"`
	By          string        `json:"by" yaml:"by"`
	Note        string        `json:"note,omitempty" yaml:"note,omitempty"`
	Assumed     string        `json:"assumed,omitempty" yaml:"assumed,omitempty"`
}

// Analyze explains one machine in one profile.
func Analyze(m *spec.Machine, profile probes.Profile) Analysis {
	r := m.Resolve(profile)
	a := Analysis{
		Kind: m.Kind, Namespace: m.Namespace, Name: m.Name, Profile: profile.Name,
		Rejected: r.Rejected(), RunStrategy: r.RunStrategy,
		Grace: Duration(r.Grace), PodGrace: Duration(r.PodGrace),
		Probes: []Probe{}, Findings: []Finding{},
	}
	for _, p := range r.Probes {
		a.Probes = append(a.Probes, analyzeProbe(p, profile, &r))
	}
	all := append(r.Findings, warnings(m, profile, &r)...)
	for _, f := range all {
		at := m.Position(f.Path)
		a.Findings = append(a.Findings, Finding{
			Severity: f.Severity, Requirement: f.Requirement, Path: f.Path, Line: at.Line, Column: at.Column,
			Message: f.Message, By: f.By, Note: f.Note, Assumed: f.Assumed,
		})
	}
	sortFindings(a.Findings)
	return a
}

func analyzeProbe(p probes.Probe, profile probes.Profile, r *spec.Resolved) Probe {
	b := bounds.Of(p, profile)
	out := Probe{
		Kind: p.Kind.String(), Handler: p.Handler.String(), Target: target(p),
		FirstAttempt: window(b.First),
	}
	for _, s := range r.Settings[p.Kind] {
		out.Settings = append(out.Settings, Setting(s))
	}
	if p.Kind == probes.Readiness {
		up, early := window(b.Up), Duration(b.UpEarliest)
		out.Ready, out.ReadyOffSchedule = &up, &early
	} else {
		out.OnFailure = outcome(p, profile, r)
	}
	for _, f := range b.Faults {
		out.Faults = append(out.Faults, fault(p, f))
	}
	return out
}

func fault(p probes.Probe, f bounds.Fault) Fault {
	out := Fault{
		Mode: string(f.Mode), Title: f.Mode.Title(), Class: f.Class.String(), Attempt: window(f.Attempt),
		Note: f.Note, Requirement: f.Requirement,
	}
	if !f.Detected {
		return out
	}
	detect := window(f.Detect)
	out.Detected = &detect
	if p.Kind == probes.Readiness {
		back := Window{Duration(f.RecoverEarliest), Duration(f.Recover.Hi)}
		out.Recovered = &back
	}
	return out
}

// target words what the probe asks.
func target(p probes.Probe) string {
	switch p.Handler {
	case probes.HTTPGet:
		// net/url puts the missing slash between host and path.
		return p.HTTP.Scheme + " " + p.HTTP.Host + ":" + port(p.HTTP.Port) + "/" + strings.TrimPrefix(p.HTTP.Path, "/")
	case probes.TCPSocket:
		return "TCP " + p.TCP.Host + ":" + port(p.TCP.Port)
	case probes.GuestAgentPing:
		return "guest-ping"
	case probes.Exec:
		if len(p.Command) > 0 {
			return p.Command[0]
		}
	case probes.NoHandler:
	}
	return "nothing"
}

func port(p probes.Port) string {
	if p.Name != "" {
		return p.Name
	}
	return strconv.Itoa(p.Number)
}
