package spec

import (
	"fmt"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
)

// The run strategies.
const (
	Always         RunStrategy = "Always"
	RerunOnFailure RunStrategy = "RerunOnFailure"
	Manual         RunStrategy = "Manual"
	Once           RunStrategy = "Once"
	Halted         RunStrategy = "Halted"
)

// Started is the strategy of a VM that runs. What starts a Halted one is the
// subresource start, and that makes it Always (LIVE-RECREATE; kubevirt v1.9.0
// pkg/virt-api/rest/lifecycle.go:89-117, 633-650).
func (s RunStrategy) Started() RunStrategy {
	if s == Halted {
		return Always
	}
	return s
}

// runStrategy settles what the VM controller does, with the webhook's words
// for what it refuses (VAL-RUNSTRATEGY).
func (r *resolver) runStrategy(s *kubevirtv1.VirtualMachineSpec) {
	if s.Template == nil {
		r.add(Finding{
			Severity: Rejects, Requirement: "VAL-TEMPLATE", Path: "spec.template", By: ByWebhook,
			Message: "spec.template in body is required",
		})
	}
	switch {
	case s.RunStrategy != nil:
		r.out.RunStrategy = RunStrategy(*s.RunStrategy)
		r.knownStrategy(*s.RunStrategy)
		if s.Running != nil {
			r.refuseStrategy("spec.running", r.worded(
				"Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please use RunStrategy instead",
				"Running and RunStrategy are mutually exclusive"), "")
		}
	case s.Running == nil:
		r.missingStrategy()
	case *s.Running:
		r.out.RunStrategy = Always
	default:
		r.out.RunStrategy = Halted
	}
}

// worded picks the message of KubeVirt >= 1.9 or that of the older releases.
func (r *resolver) worded(today, legacy string) string {
	if r.profile.Name == probes.KubeVirtLegacy {
		return legacy
	}
	return today
}

func (r *resolver) refuseStrategy(path, message, note string) {
	r.add(Finding{
		Severity: Rejects, Requirement: "VAL-RUNSTRATEGY", Path: path, By: ByWebhook,
		Message: message, Note: note,
	})
}

// missingStrategy lets a run go on: the guide prints its template without a
// runStrategy (14.7.6) and expects the machine to run.
func (r *resolver) missingStrategy() {
	r.out.RunStrategy = Always
	f := Finding{
		Severity: Rejects, Requirement: "VAL-RUNSTRATEGY", Path: "spec.running", By: ByWebhook,
		Message: r.worded("RunStrategy must be specified", "One of Running or RunStrategy must be specified"),
		Note:    `KubeVirt main (d923fdb8) and v1.9 say "RunStrategy must be specified", v0.58.0 "One of Running or RunStrategy must be specified"`,
		Assumed: "goes on as runStrategy: Always",
	}
	if r.profile.Name == probes.OpenShiftDoc {
		f.Severity = Warns // the guide's own template is like this
	}
	r.add(f)
}

func (r *resolver) knownStrategy(s kubevirtv1.VirtualMachineRunStrategy) {
	switch s {
	case kubevirtv1.RunStrategyAlways, kubevirtv1.RunStrategyRerunOnFailure, kubevirtv1.RunStrategyManual,
		kubevirtv1.RunStrategyOnce, kubevirtv1.RunStrategyHalted:
		return
	case kubevirtv1.RunStrategyWaitAsReceiver:
		r.refuseStrategy("spec.runStrategy", r.worded(
			"Invalid RunStrategy (WaitAsReceiver), DecentralizedLiveMigration feature gate is not enabled in kubevirt resource",
			"Invalid RunStrategy (WaitAsReceiver)"), "vmprobe knows no VM that only waits for a migration")
	default:
		near := nearest(string(s), []string{"Always", "RerunOnFailure", "Manual", "Once", "Halted"})
		r.refuseStrategy("spec.runStrategy", fmt.Sprintf("Invalid RunStrategy (%s)", s), didYouMean(near))
	}
	r.out.RunStrategy = Always
}
