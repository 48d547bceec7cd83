package kubelet

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	remote "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // so that events can refer to pods
	"k8s.io/kubernetes/pkg/kubelet/container"
	kubeprober "k8s.io/kubernetes/pkg/kubelet/prober"
	"k8s.io/kubernetes/pkg/kubelet/prober/results"
	"k8s.io/kubernetes/pkg/kubelet/status"
	"k8s.io/utils/exec"

	"github.com/vmprobe/vmprobe/probes"
)

// theirs runs a plan with the kubelet's prober manager, in a bubble. All its
// probes are exec probes, so that no network is needed: the worker is what is
// tested here, and it does not know the handlers.
type theirs struct {
	status.Manager // nil: only GetPodStatus is asked for
	p              *plan
	start          time.Time // of the plan
	m              kubeprober.Manager

	over chan struct{}

	mu      sync.Mutex
	pods    map[string]*theirPod
	log     []entry
	process int // which one lives, from 0
}

// theirPod is the world of one pod.
type theirPod struct {
	t        *theirs
	number   int
	plan     *podPlan
	object   *v1.Pod // with all its probes
	status   v1.PodStatus
	there    bool // the container has been created
	killing  bool
	deleted  bool
	panics   bool // the next try does
	instance int
	resumed  [3]bool  // by slot: the state of the container is not known yet
	attempt  [3]int32 // by slot
	try      [3]int32
}

// quiet keeps the logs of the kubelet, which says a lot about probes that
// fail.
func quiet() {
	klog.SetLogger(klog.Logger{})
}

// runTheirs must be called in a bubble.
func runTheirs(p *plan) []entry {
	t := &theirs{p: p, over: make(chan struct{}), pods: map[string]*theirPod{}}
	defer close(t.over)
	t.m = t.manager(0)
	time.Sleep(time.Hour) // a manager older than any period adds no random delay
	t.start = time.Now()
	ctx := context.Background()
	for i := range p.pods {
		t.add(ctx, i)
	}
	for n, at := range p.restarts {
		t.at(at, func() { t.restart(ctx, n) })
	}
	for _, s := range p.steps {
		t.at(s.at, func() { t.step(s.by) })
	}
	time.Sleep(p.until)
	t.mu.Lock()
	log := t.log
	t.mu.Unlock()
	for _, one := range t.pods {
		t.m.RemovePod(one.object)
	}
	time.Sleep(time.Hour) // a worker hears of its end between two attempts
	return log
}

// manager is that of a process.
func (t *theirs) manager(process int) kubeprober.Manager {
	results := func(kind probes.Kind) results.Manager { return t.results(kind, process) }
	return kubeprober.NewManager(t, results(probes.Liveness), results(probes.Readiness), results(probes.Startup), runner{t, process}, recorder{})
}

// restart kills the process and starts another, which finds the pods as they
// are: what lives on of the old one is not heard any more.
func (t *theirs) restart(ctx context.Context, n int) {
	for _, one := range t.pods {
		t.m.RemovePod(one.object)
	}
	rand.Seed(t.p.draws[n]) //nolint:staticcheck // works by randseednop=0 in go.mod
	t.process++
	t.m = t.manager(t.process)
	for _, one := range t.pods {
		run := one.container().State.Running
		old := run != nil && run.StartedAt.Before(&metav1.Time{Time: time.Now().Add(-10 * time.Second)})
		if !old && one.plan.probes[0].Kind == probes.Startup && !t.p.literal.young {
			one.container().Started = new(bool)
		}
		for slot := range one.plan.probes {
			one.attempt[slot], one.try[slot], one.resumed[slot] = 0, 0, old
			m, alone := t.m, one.alone(slot)
			time.AfterFunc(t.p.begins(t.now(), one.number, slot)-t.now(), func() { m.AddPod(ctx, alone) })
		}
	}
}

// results are those of one kind of probe. What they tell goes through set; the
// channel of updates holds twenty, and Set waits when it is full.
func (t *theirs) results(kind probes.Kind, process int) results.Manager {
	m := results.NewManager()
	go func() {
		for {
			select {
			case <-m.Updates():
			case <-t.over:
				return
			}
		}
	}()
	return &recording{m, t, kind, process}
}

type recording struct {
	results.Manager
	t       *theirs
	kind    probes.Kind
	process int
}

// Set notes what changes by the result of an attempt.
func (r *recording) Set(id container.ContainerID, result results.Result, pod *v1.Pod) {
	before, known := r.Manager.Get(id)
	r.Manager.Set(id, result, pod)
	if known && before == result {
		return
	}
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	one := r.t.pods[pod.Name]
	slot := one.slot(r.kind)
	if r.process != r.t.process || id != one.id() || !one.runs() {
		return // nobody looks
	}
	healthy := result == results.Success
	if r.kind == probes.Startup {
		one.container().Started = &healthy // by the kubelet's status manager
	}
	if !known && !one.resumed[slot] {
		return // what a container begins with
	}
	one.resumed[slot] = false
	if r.kind != probes.Readiness && one.deleted && !r.t.p.literal.verdict {
		return
	}
	r.t.log = append(r.t.log, entry{at: r.t.now(), pod: one.number, slot: slot, what: stateChanged, healthy: healthy})
	if r.kind != probes.Readiness && !healthy {
		one.kill()
	}
}

func (t *theirs) now() time.Duration { return time.Since(t.start) }

// after does something at an instant, under the lock.
func (t *theirs) at(instant time.Duration, fn func()) {
	time.AfterFunc(instant-t.now(), func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		fn()
	})
}

// add arranges the life of a pod. Each worker begins at its own instant: a pod
// is added once for each, with one probe more every time.
func (t *theirs) add(ctx context.Context, i int) {
	one := &theirPod{t: t, number: i, plan: &t.p.pods[i]}
	one.object = &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: one.plan.name, Namespace: "default", UID: types.UID(one.plan.name)},
		Spec: v1.PodSpec{
			RestartPolicy: v1.RestartPolicyAlways,
			Containers:    []v1.Container{{Name: "c"}},
		},
	}
	t.mu.Lock()
	t.pods[one.plan.name] = one
	t.mu.Unlock()
	for slot := range one.plan.probes {
		set(&one.object.Spec.Containers[0], &one.plan.probes[slot])
		alone := one.alone(slot)
		time.AfterFunc(one.plan.added[slot]-t.now(), func() { t.m.AddPod(ctx, alone) })
	}
	t.at(one.plan.start, one.start)
	if one.plan.deleted > 0 {
		t.at(one.plan.deleted, one.remove)
	}
	if one.plan.syncs > 0 {
		one.sync(1)
	}
	if one.plan.panics > 0 {
		one.lose(1)
	}
}

// step is a step of the wall clock, of which the kubelet compares nothing but the
// start of a container: that is then earlier, or later.
func (t *theirs) step(by time.Duration) {
	for _, one := range t.pods {
		if one.runs() {
			run := one.container().State.Running
			run.StartedAt = metav1.NewTime(run.StartedAt.Add(-by))
		}
	}
}

// lose makes the next try panic, for the n-th time.
func (p *theirPod) lose(n int) {
	p.t.at(p.plan.lost(p.number, n), func() {
		if p.t.now() < p.t.p.until {
			p.panics = true
			p.lose(n + 1)
		}
	})
}

// set gives a container a probe.
func set(c *v1.Container, p *probes.Probe) {
	switch spec := specOf(p); p.Kind {
	case probes.Readiness:
		c.ReadinessProbe = spec
	case probes.Liveness:
		c.LivenessProbe = spec
	case probes.Startup:
		c.StartupProbe = spec
	}
}

// alone is the pod with one of its probes.
func (p *theirPod) alone(slot int) *v1.Pod {
	object := p.object.DeepCopy()
	object.Spec.Containers[0] = v1.Container{Name: "c"}
	set(&object.Spec.Containers[0], &p.plan.probes[slot])
	return object
}

func specOf(p *probes.Probe) *v1.Probe {
	return &v1.Probe{
		ProbeHandler:        v1.ProbeHandler{Exec: &v1.ExecAction{Command: p.Command}},
		InitialDelaySeconds: int32(p.InitialDelay / time.Second),
		TimeoutSeconds:      int32(p.Timeout / time.Second),
		PeriodSeconds:       int32(p.Period / time.Second),
		SuccessThreshold:    p.SuccessThreshold, FailureThreshold: p.FailureThreshold,
	}
}

func (p *theirPod) container() *v1.ContainerStatus { return &p.status.ContainerStatuses[0] }

func (p *theirPod) runs() bool { return p.there && p.container().State.Running != nil }

func (p *theirPod) id() container.ContainerID {
	return container.ContainerID{Type: "sim", ID: fmt.Sprintf("%s-%d", p.plan.name, p.instance)}
}

func (p *theirPod) slot(kind probes.Kind) int {
	for i := range p.plan.probes {
		if p.plan.probes[i].Kind == kind {
			return i
		}
	}
	panic("a result of a probe that there is not")
}

func (p *theirPod) start() {
	p.instance++
	p.there, p.killing, p.resumed = true, false, [3]bool{}
	started := p.plan.probes[0].Kind != probes.Startup
	p.status = v1.PodStatus{Phase: v1.PodRunning, PodIP: "10.0.0.1", ContainerStatuses: []v1.ContainerStatus{{
		Name: "c", ContainerID: "sim://" + p.id().ID, Started: &started,
		State: v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Now())}},
	}}}
}

func (p *theirPod) kill() {
	if p.killing {
		return
	}
	p.killing = true
	p.t.at(align(p.t.now()+p.plan.grace, residue(p.number, onStop)), p.stop)
}

func (p *theirPod) stop() {
	p.container().State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 1}}
	p.t.at(align(p.t.now()+p.plan.restart, residue(p.number, onStart)), p.start)
}

// remove is what the kubelet does with a pod that is being deleted.
func (p *theirPod) remove() {
	if !p.runs() || p.killing {
		return
	}
	p.killing, p.deleted = true, true
	p.t.m.StopLivenessAndStartup(p.object)
	p.t.at(align(p.t.now()+shutdown, residue(p.number, onStop)), func() {
		p.container().State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{}}
		p.t.m.RemovePod(p.object)
	})
}

// sync is the n-th pod sync of the kubelet; the next one follows.
func (p *theirPod) sync(n int) {
	time.AfterFunc(p.plan.sync(p.number, n)-p.t.now(), func() {
		if p.t.now() > p.t.p.until {
			return
		}
		if status, ok := p.t.GetPodStatus(p.object.UID); ok {
			p.t.m.UpdatePodStatus(context.Background(), p.object, &status)
		}
		p.sync(n + 1)
	})
}

// GetPodStatus implements status.Manager.
func (t *theirs) GetPodStatus(uid types.UID) (v1.PodStatus, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.pods[string(uid)]
	if one == nil || !one.there {
		return v1.PodStatus{}, false
	}
	return *one.status.DeepCopy(), true
}

// runner runs commands for a process. It implements container.CommandRunner.
type runner struct {
	*theirs
	process int
}

// RunInContainer makes a try.
func (t runner) RunInContainer(_ context.Context, _ container.ContainerID, cmd []string, timeout time.Duration) ([]byte, error) {
	t.mu.Lock()
	if t.process != t.theirs.process {
		t.mu.Unlock()
		return nil, errDead
	}
	one := t.pods[cmd[0]]
	slot := 0
	for i := range one.plan.probes {
		if one.plan.probes[i].Kind.String() == cmd[1] {
			slot = i
		}
	}
	if one.try[slot] == 0 {
		one.attempt[slot]++
	}
	one.try[slot]++
	attempt, try := one.attempt[slot], one.try[slot]
	took, class := t.p.answer(one.number, slot, attempt, try)
	line := entry{at: t.now(), pod: one.number, slot: slot, what: tryStarted, attempt: attempt, try: try}
	t.log = append(t.log, line)
	panics := one.panics
	if one.panics = false; panics {
		one.try[slot] = 0
		line.what, line.class = tryFinished, probes.Errored
		t.log = append(t.log, line)
	}
	t.mu.Unlock()
	if panics {
		panic("as the plan wants")
	}
	time.Sleep(took)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.process != t.theirs.process {
		return nil, errDead
	}
	if class != probes.Errored || try == 3 {
		one.try[slot] = 0
	}
	line.at, line.what, line.class = t.now(), tryFinished, class
	t.log = append(t.log, line)
	switch {
	case took >= timeout:
		return nil, remote.ErrCommandTimedOut
	case class == probes.Failure:
		return []byte("no"), exec.CodeExitError{Err: errors.New("exit status 1"), Code: 1}
	case class == probes.Errored:
		return nil, errors.New("the runtime does not answer")
	}
	return nil, nil
}

// errDead is what a process hears that does not live any more.
var errDead = errors.New("the process was killed")

// recorder hears no events.
type recorder struct{}

func (recorder) Event(runtime.Object, string, string, string)          {}
func (recorder) Eventf(runtime.Object, string, string, string, ...any) {}
func (recorder) AnnotatedEventf(runtime.Object, map[string]string, string, string, string, ...any) {
}
func (r recorder) WithLogger(klog.Logger) record.EventRecorderLogger { return r }
