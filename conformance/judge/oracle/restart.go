package oracle

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
)

// backedOff is the shortest time from the end of a container to the next one
// that had to wait for its back-off: ten seconds, less the grain of timestamps.
const backedOff = 9 * time.Second

// heldOver finds the container that follows k without the pod's status telling
// of the stop between them; nil: it must tell (NONRUNNING-FAIL).
//
// A kubelet writes the status of a pod at the beginning of a sync, and one sync
// kills a container for its probe and starts the next. A sync may also find the
// container dead already, so that either is legal. Where the next container has
// to wait for its back-off, or never comes, another sync tells of the stop.
func (c *court) heldOver(v *history.VM, k *history.Container) *history.Container {
	if c.profile().VM || v.Spec.Resolved.RestartPolicy == corev1.RestartPolicyNever || !c.unhealed(k) {
		return nil
	}
	for _, next := range v.Containers {
		if next.Instance == k.Instance+1 && next.Start < k.Stop+backedOff {
			return next
		}
	}
	if c.run.End < k.Stop+backedOff && terminating(v, k.Instance) == history.Never {
		return &history.Container{Instance: k.Instance + 1, Start: c.run.End, Stop: history.Never} // it was about to come
	}
	return nil
}

// unhealed tells whether a probe had the container killed.
func (*court) unhealed(k *history.Container) bool {
	for _, s := range k.Stints {
		if len(s.Verdicts) > 0 && s.Verdicts[0].T <= k.Stop {
			return true
		}
	}
	return false
}
