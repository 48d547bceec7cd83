package kubevirt

import (
	"context"
	"sync"
	"time"
)

// load knows how busy the nodes are. A pod that is long in coming to life is so
// because its node has too much to do, and the kubelet of such a node is late
// with everything: verdicts about runs of that time would be about the load.
type load struct {
	gate chan struct{} // has room for the cases whose pods may start at a time; nil: any

	mu   sync.Mutex
	slow []span
}

// span is a time in which a start took so much longer than usual.
type span struct {
	from, to time.Time
	by       time.Duration
}

const (
	// usualStart is what the pods of a case need from their creation to the
	// first word of the guest on a node that has time: about two seconds.
	usualStart = 4 * time.Second
	// usualBoot is what VMs need from their creation until their guests answer.
	usualBoot = 45 * time.Second
	// startsPerCPU are the cases whose pods start at a time for each processor
	// of the nodes: starting is most of the work that a pod is to its node.
	startsPerCPU  = 2
	fewestStarts  = 2
	unknownStarts = 4
)

// starts is how many cases may start at a time on the cluster.
func starts(cpus int64, known bool) int {
	if !known {
		return unknownStarts
	}
	return max(int(cpus)*startsPerCPU, fewestStarts)
}

// limit sets how many cases may start at a time.
func (l *load) limit(n int) { l.gate = make(chan struct{}, n) }

// enter waits until a case may start. Call leave, once or more, when it has.
func enter(ctx context.Context, gate chan struct{}) (leave func(), err error) {
	if gate == nil {
		return func() {}, nil
	}
	select {
	case gate <- struct{}{}:
		return sync.OnceFunc(func() { <-gate }), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// started takes how long the pods of a case needed to come to life.
func (l *load) started(created, began time.Time) { l.took(created, began, usualStart) }

// startedVM takes how long the VMs of a case needed to boot.
func (l *load) startedVM(created, booted time.Time) { l.took(created, booted, usualBoot) }

func (l *load) took(from, to time.Time, usual time.Duration) {
	if by := to.Sub(from) - usual; by > 0 {
		l.mu.Lock()
		l.slow = append(l.slow, span{from, to, by})
		l.mu.Unlock()
	}
}

// late is by how much starts between two instants took longer than usual, at
// most.
func (l *load) late(from, to time.Time) (by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.slow {
		if s.to.After(from) && s.from.Before(to) {
			by = max(by, s.by)
		}
	}
	return by
}
