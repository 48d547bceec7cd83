package platform

import "time"

// backOff is how long a pod waits before it starts its container again.
type backOff struct {
	delay time.Duration // of the next restart that waits; 0: none waits
	ended time.Duration // when the last container ended
	known bool          // one has ended
}

// next tells how long the container that follows one which ran from started to
// stopped has to wait, and counts it. killed: the kubelet has ended it for its
// probe, in the sync that is to start the next one.
//
// The kubelet measures from the end of the last container that has ended as its
// status knows (kubernetes v1.37.2
// pkg/kubelet/kuberuntime/kuberuntime_manager.go:2077-2109). That is the one
// which ended of itself; of one that was killed in this sync the status says
// that it runs, and the one before counts. So the first kill finds none and is
// not counted, the second does not wait, and a later one does only when the
// container lived shorter than the delay.
func (b *backOff) next(started, stopped time.Duration, killed bool) (wait time.Duration) {
	if stopped-started > BackOffReset {
		b.delay = 0
	}
	since, known := stopped, true
	if killed {
		since, known = b.ended, b.known
	}
	b.ended, b.known = stopped, true
	if !known {
		return 0
	}
	if stopped-since < b.delay {
		wait = b.delay // counted from here, as the status knows of the stop now
	}
	b.delay = min(max(2*b.delay, BackOffInitial), BackOffMax)
	return wait
}
