package platform

import (
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/vmprobe/vmprobe/sim/trace"
)

// migration is a live migration under way.
type migration struct {
	running bool
	number  int32 // of migrations so far
}

// Migrate starts a live migration now: the container of the target pod starts
// and its probes begin their own life (MIG-DUAL). After d the guest is handed
// over, or the target is given up when succeeds is false. A target that is
// killed before ends the migration as failed (MIG-HTTP-LIVE).
func (v *VM) Migrate(d time.Duration, succeeds bool) error {
	switch {
	case !v.cfg.Profile.VM:
		return apierrors.NewBadRequest("a pod cannot be migrated")
	case v.vmi.Phase != running || v.active == nil || !v.active.domain.Active:
		return v.conflict("VM is not running")
	case v.migration.running:
		return v.conflict("a migration is in progress already")
	case v.outcome.deleted || v.active.killing:
		return v.conflict("the VMI is being shut down")
	}
	v.migration.running = true
	v.migration.number++
	number := v.migration.number
	v.record(trace.Event{Instance: v.active.instance, Kind: trace.MigrationStarted})
	p := v.newPod(true)
	v.target = p
	v.startContainer(p, false)
	v.setDomain(p, Domain{Exists: true, Active: true, State: DomainPaused, Reason: "Migration"})
	v.publishVMI()
	v.after(max(d, 0), func() {
		if v.migration.running && v.migration.number == number {
			v.endMigration(succeeds)
		}
	})
	return nil
}

// endMigration hands over or gives the target up; without a migration it does
// nothing.
func (v *VM) endMigration(ok bool) {
	if !v.migration.running {
		return
	}
	target := v.target
	v.migration.running, v.target = false, nil
	if !ok && (!v.rules().FailedMoves || !target.running) {
		v.record(trace.Event{Instance: v.active.instance, Kind: trace.MigrationEnded, Value: "failed"})
		v.setDomain(target, Domain{State: DomainShutoff, Reason: "Failed"})
		if target.running {
			v.exitLauncher(target, false)
		}
		v.publishVMI()
		return
	}
	source := v.active
	state := source.domain
	v.record(trace.Event{Instance: target.instance, Kind: trace.MigrationEnded, Value: "succeeded"})
	v.setDomain(source, Domain{State: DomainShutoff, Reason: "Migrated"})
	if state.State == DomainRunning {
		state.Reason = "Migrated"
	}
	v.active = target
	if v.rules().ReadyMoves {
		target.probeReady = source.probeReady
		v.touchPod(target)
	}
	v.setDomain(target, state)
	v.cfg.Guest.Move(target.instance)
	v.exitLauncher(source, true)
	v.setGate(target)
	// virt-controller looks again when the gate has reached the pod's status;
	// until then Ready is what the source made of it.
	v.afterInVMI(PodLatency+VMILatency, v.touchVMI)
	v.deliverAnnotation()
	v.publishVMI()
}
