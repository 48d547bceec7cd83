package kubevirt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// run is one case on the cluster.
type run struct {
	bed       *Bed
	c         *scenarios.Case
	namespace string
	ctx       context.Context //nolint:containedctx // of the one run that it is
	cancel    context.CancelFunc
	work      sync.WaitGroup
	poke      chan struct{} // something has changed
	started   func()        // lets the next case start
	created   time.Time     // when the pods were
	outages   outages
	pulse     pulse

	mu        sync.Mutex
	observer  *observe.Observer
	logs      map[string]bool   // uids of pods whose logs are read
	waiting   map[string]string // by VM: why its container does not run
	said      map[string]string // by VM: the last line of its log that was no report
	progress  map[string][]fakevm.Progress
	came      map[string]time.Time     // by VM: when its first guest did
	over      map[string]bool          // uids of launcher pods that have ended
	guests    map[string]chan struct{} // by VM: wakes whoever leads its guest
	launchers map[string]string        // by VM: its launcher pod
	nodes     map[string]bool          // on which its pods are
	notes     []string                 // what was changed in the manifests
	err       error
}

// open makes the namespace of a case.
func (b *Bed) open(ctx context.Context, c *scenarios.Case) (*run, error) {
	r := b.newRun(ctx, c)
	var err error
	if r.namespace, err = b.newNamespace(ctx, c); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (b *Bed) newRun(ctx context.Context, c *scenarios.Case) *run {
	r := &run{
		bed: b, c: c, observer: observe.New(c), poke: make(chan struct{}, 1),
		logs: map[string]bool{}, waiting: map[string]string{}, said: map[string]string{},
		progress: map[string][]fakevm.Progress{}, came: map[string]time.Time{},
		over: map[string]bool{}, guests: map[string]chan struct{}{}, launchers: map[string]string{}, nodes: map[string]bool{},
	}
	r.observer.BootWithin(needsGuest(c))
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// close ends everything of the run and asks for the removal of its namespace.
func (r *run) close() {
	r.cancel()
	r.work.Wait()
	if r.namespace != "" {
		r.bed.remove(r.namespace)
	}
}

// changed wakes whoever waits for news.
func (r *run) changed() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// fail ends the run: the harness cannot go on.
func (r *run) fail(err error) {
	r.mu.Lock()
	if r.err == nil {
		r.err = err
	}
	r.mu.Unlock()
	r.changed()
}

func (r *run) note(vm, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said[vm] = line
}

// broken is why the run cannot go on.
func (r *run) broken() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, r.observer.Err())
}

// tail is how long the API and the logs may take to tell of the last moment.
const tail = time.Second

// play lets the case happen.
func (r *run) play(h trace.Header) (*trace.Trace, error) {
	if err := r.look(); err != nil {
		return nil, err
	}
	nodes, err := r.bed.nodesState(r.ctx)
	if err != nil {
		return nil, err
	}
	if err := r.create(); err != nil {
		return nil, err
	}
	first, last, err := r.begin()
	if err != nil {
		return nil, err
	}
	if r.c.Profile.VM {
		r.work.Go(r.settle)
		r.work.Go(func() { r.pulse.feel(r.ctx, r.bed.Raw) })
	} else {
		r.bed.load.started(r.created, last)
		r.started()
	}
	if err := r.await(last.Add(r.c.Until+tail), func() bool { return false }); err != nil {
		return nil, err
	}
	if err := r.cutOff(); err != nil {
		return nil, err
	}
	if err := r.nodeLost(nodes); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.observer.TooLate(max(r.bed.load.late(first, now), r.pulse.lateness(now)))
	h.Notes = r.notes
	return r.observer.Trace(h)
}

// await waits until an instant, or until done holds.
func (r *run) await(until time.Time, done func() bool) error {
	for {
		if err := r.broken(); err != nil || done() {
			return err
		}
		timer := time.NewTimer(time.Until(until))
		select {
		case <-r.poke:
			timer.Stop()
		case <-timer.C:
			return r.broken()
		case <-r.ctx.Done():
			timer.Stop()
			return r.ctx.Err()
		}
	}
}

// create makes services, and pods or VMs.
func (r *run) create() error {
	core := r.bed.Client.CoreV1()
	for i := range r.c.VMs {
		v := &r.c.VMs[i]
		err := insist(r.ctx, nil, func() error {
			_, err := core.Services(r.namespace).Create(r.ctx, r.bed.serviceOf(v), metav1.CreateOptions{})
			return err
		})
		if err != nil {
			return explain("create services", err)
		}
	}
	if r.c.Profile.VM {
		return r.createVMs()
	}
	for i := range r.c.VMs {
		pod, err := r.bed.podOf(r.c, &r.c.VMs[i])
		if err != nil {
			return err
		}
		err = insist(r.ctx, early, func() error {
			now := time.Now()
			_, err := core.Pods(r.namespace).Create(r.ctx, pod, metav1.CreateOptions{})
			if r.created.IsZero() && (err == nil || passing(err)) {
				r.created = now
			}
			return err
		})
		if err != nil {
			return explain("create pods", err)
		}
	}
	return nil
}

// begin waits for every guest, and starts the story of each when it begins. It
// returns when the first and the last one began.
func (r *run) begin() (first, last time.Time, err error) {
	started := map[string]bool{}
	all := func() bool {
		for i := range r.c.VMs {
			name := r.c.VMs[i].Name
			r.mu.Lock()
			began, ok := r.observer.Began(name)
			r.mu.Unlock()
			if !ok || started[name] {
				continue
			}
			started[name] = true
			if first.IsZero() || began.Before(first) {
				first = began
			}
			last = slices.MaxFunc([]time.Time{last, began}, time.Time.Compare)
			for j := range r.c.Events {
				if e := &r.c.Events[j]; e.VM == name {
					r.work.Go(func() { r.tell(e, began) })
				}
			}
		}
		return len(started) == len(r.c.VMs)
	}
	if err := r.await(time.Now().Add(r.bed.Patience), all); err != nil {
		return first, last, err
	}
	if all() {
		return first, last, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var why []string
	kind := "pod"
	if r.c.Profile.VM {
		kind = "launcher of VM"
	}
	for i := range r.c.VMs {
		if name := r.c.VMs[i].Name; !started[name] {
			why = append(why, strings.TrimSuffix(fmt.Sprintf("%s %s: %s %s", kind, name, r.waiting[name], r.said[name]), " "))
		}
	}
	return first, last, fmt.Errorf("no guest reports after %v: %s", r.bed.Patience, strings.Join(why, "; "))
}
