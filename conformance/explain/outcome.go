package explain

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
)

// Outcome is what follows from a liveness (or startup) failure.
type Outcome struct {
	// Steps are what happens to a guest that does not stop by itself, after
	// the verdict.
	Steps []Step `json:"steps" yaml:"steps"`
	// Endings are the ways it can end.
	Endings []Ending `json:"endings" yaml:"endings"`
}

// Step is one action of the platform.
type Step struct {
	After       Duration `json:"after" yaml:"after"`
	What        string   `json:"what" yaml:"what"`
	Requirement string   `json:"requirement" yaml:"requirement"`
}

// Ending is one way in which the machine ends.
type Ending struct {
	When        string `json:"when,omitempty" yaml:"when,omitempty"`
	Phase       string `json:"phase,omitempty" yaml:"phase,omitempty"` // of the VMI
	Recreated   bool   `json:"recreated" yaml:"recreated"`
	What        string `json:"what" yaml:"what"`
	Requirement string `json:"requirement" yaml:"requirement"`
}

// minKillGrace is the shortest grace the kubelet gives (LIVE-GRACE).
const minKillGrace = 2 * time.Second

func outcome(p probes.Probe, profile probes.Profile, r *spec.Resolved) *Outcome {
	switch {
	case !profile.VM:
		return containerOutcome(p, r)
	case profile.RecreateAlways:
		o := vmSteps(r)
		o.Endings = []Ending{{
			Recreated: true, What: "the VMI is deleted and a new instance is created", Requirement: "LIVE-RECREATE",
		}}
		return o
	}
	o := vmSteps(r)
	succeeded := Ending{When: "guest shuts down on ACPI", Phase: "Succeeded"}
	if r.Grace == 0 {
		succeeded.When = "no grace"
	}
	o.Endings = append(o.Endings, ended(succeeded, r.RunStrategy))
	if r.Grace > 0 {
		o.Endings = append(o.Endings, ended(Ending{When: "guest ignores ACPI", Phase: "Failed"}, r.RunStrategy))
	}
	return o
}

// vmSteps is what happens to a guest that ignores everything (LIVE-KILL,
// LIVE-GRACE).
func vmSteps(r *spec.Resolved) *Outcome {
	var steps []Step
	if r.Grace > 0 {
		steps = append(steps,
			Step{0, "SIGTERM to the launcher: ACPI shutdown, sent again every 5s", "LIVE-KILL"},
			Step{Duration(r.Grace), "the domain is destroyed", "LIVE-GRACE"})
	} else {
		steps = append(steps, Step{0, "SIGTERM to the launcher: the domain is destroyed", "LIVE-GRACE"})
	}
	return &Outcome{Steps: append(steps,
		Step{Duration(r.PodGrace), "SIGKILL to whatever is left of the pod", "LIVE-GRACE"})}
}

// ended applies the run strategy to a final phase (LIVE-PHASE, LIVE-RECREATE).
func ended(e Ending, s spec.RunStrategy) Ending {
	e.Requirement = "LIVE-RECREATE"
	switch s = s.Started(); {
	case s == "":
		e.What = "the VMI stays as it is: no VM owns it"
	case s == spec.Always, s == spec.RerunOnFailure && e.Phase == "Failed":
		e.Recreated = true
		e.What = "deleted, a new instance is created at once"
	default:
		e.What = "stays down"
	}
	return e
}

func containerOutcome(p probes.Probe, r *spec.Resolved) *Outcome {
	grace := r.PodGrace
	if p.TerminationGrace >= 0 {
		grace = p.TerminationGrace
	}
	grace = max(grace, minKillGrace)
	o := &Outcome{Steps: []Step{
		{0, "SIGTERM to the container", "LIVE-KILL"},
		{Duration(grace), "SIGKILL", "LIVE-GRACE"},
	}}
	e := Ending{Requirement: "LIVE-KILL", Recreated: true, What: "the container is restarted in place"}
	switch r.RestartPolicy {
	case corev1.RestartPolicyOnFailure:
		e.When, e.What = "exit status not 0", fmt.Sprintf("%s (restartPolicy OnFailure)", e.What)
		o.Endings = append(o.Endings, e,
			Ending{When: "exit status 0", Requirement: "LIVE-KILL", What: "the container stays down"})
		return o
	case corev1.RestartPolicyNever:
		e.Recreated, e.What = false, "the container stays down (restartPolicy Never)"
	case corev1.RestartPolicyAlways:
	}
	o.Endings = append(o.Endings, e)
	return o
}
