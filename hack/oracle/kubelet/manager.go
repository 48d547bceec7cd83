package kubelet

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	remote "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet/container"
	kubeprober "k8s.io/kubernetes/pkg/kubelet/prober"
	"k8s.io/kubernetes/pkg/kubelet/prober/results"
	"k8s.io/kubernetes/pkg/kubelet/status"
	"k8s.io/utils/exec"

	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/probes"
)

// kubeletProber is the kubelet's prober manager behind the Go door: what the rest of
// the kubelet does for it (status, the sync loop, the container runtime) is
// here, reduced to what the door tells.
type kubeletProber struct {
	status.Manager // nil: only GetPodStatus is asked for
	m              kubeprober.Manager
	over           context.Context // when nobody probes any more
	end            context.CancelFunc

	mu    sync.Mutex
	pods  map[types.UID]*doorPod
	users int
	dead  bool // another process has taken its place
}

// doorPod is a pod as the kubelet knows it.
type doorPod struct {
	object  *v1.Pod
	status  v1.PodStatus
	workers map[probes.Kind]*worker
	first   *worker
}

// worker is one worker of the kubelet.
type worker struct {
	p        *door.Probe
	pod      *doorPod
	instance int32 // of the attempt
	attempt  int32
	try      int32
	healthy  bool // as told
	panics   bool
}

// kubelets is a factory for the Go door. A process that is started kills the one
// before; each draws the delays of its youth (TIM-START-JITTER) from a sequence
// of its own.
func kubelets() func() door.Prober {
	quiet()
	var last *kubeletProber
	seed := int64(0)
	return func() door.Prober {
		if seed++; last == nil || last.bury() {
			seed = 1 // of another run
		}
		rand.Seed(seed) //nolint:staticcheck // works by randseednop=0 in go.mod: the kubelet draws from the global generator
		k := &kubeletProber{pods: map[types.UID]*doorPod{}}
		k.over, k.end = context.WithCancel(context.Background())
		k.m = kubeprober.NewManager(k, k.results(probes.Liveness), k.results(probes.Readiness), k.results(probes.Startup), k, recorder{})
		last = k
		return k
	}
}

// bury takes the process for dead; true: nobody probed any more.
func (k *kubeletProber) bury() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dead = true
	return k.users == 0
}

// Probe implements door.Prober.
func (k *kubeletProber) Probe(ctx context.Context, p *door.Probe) {
	first := <-p.Events()
	w := k.add(p, first)
	k.m.AddPod(klog.NewContext(context.Background(), klog.New(&watcher{k, w})), w.alone())
	for {
		select {
		case e := <-p.Events():
			k.hear(w, e)
		case <-ctx.Done():
			k.leave(w)
			return
		}
	}
}

func uid(p *door.Probe) types.UID { return types.UID(fmt.Sprintf("%s-%d", p.VM, p.Pod)) }

func (k *kubeletProber) add(p *door.Probe, first door.Event) *worker {
	k.mu.Lock()
	defer k.mu.Unlock()
	pod := k.pods[uid(p)]
	if pod == nil {
		object := podOf(p)
		c := &object.Spec.Containers[0]
		c.ReadinessProbe, c.LivenessProbe, c.StartupProbe = nil, nil, nil
		pod = &doorPod{object: object, workers: map[probes.Kind]*worker{}}
		k.pods[uid(p)] = pod
	}
	w := &worker{p: p, pod: pod}
	pod.workers[p.Spec.Kind] = w
	if pod.first == nil {
		pod.first = w
	}
	k.users++
	probing(&pod.object.Spec.Containers[0], p)
	pod.start(first, p)
	return w
}

// podOf is the pod of a manifest, or one with a single container around the
// probes of a VirtualMachineInstance.
func podOf(p *door.Probe) *v1.Pod {
	object := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: p.VM, Namespace: p.Namespace},
		Spec:       v1.PodSpec{RestartPolicy: v1.RestartPolicyAlways, Containers: []v1.Container{{Name: p.VM}}},
	}
	if p.Machine.Pod != nil {
		object = p.Machine.Pod.DeepCopy()
	}
	object.UID = uid(p)
	return object
}

// probing gives a container the probe as the API server would have stored it.
func probing(c *v1.Container, p *door.Probe) {
	set(c, &p.Spec)
	for _, spec := range []*v1.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe} {
		if spec != nil && spec.Exec != nil { // the one that set has made
			spec.ProbeHandler = handlerOf(&p.Spec)
		}
	}
}

func handlerOf(p *probes.Probe) (h v1.ProbeHandler) {
	switch p.Handler {
	case probes.HTTPGet:
		h.HTTPGet = &v1.HTTPGetAction{
			Path: p.HTTP.Path, Port: portOf(p.HTTP.Port), Host: p.HTTP.Host, Scheme: v1.URIScheme(p.HTTP.Scheme),
		}
		for _, f := range p.HTTP.Headers {
			h.HTTPGet.HTTPHeaders = append(h.HTTPGet.HTTPHeaders, v1.HTTPHeader{Name: f.Name, Value: f.Value})
		}
	case probes.TCPSocket:
		h.TCPSocket = &v1.TCPSocketAction{Port: portOf(p.TCP.Port), Host: p.TCP.Host}
	case probes.Exec:
		h.Exec = &v1.ExecAction{Command: p.Command}
	}
	return h
}

func portOf(p probes.Port) intstr.IntOrString {
	if p.Name != "" && p.Number == 0 {
		return intstr.FromString(p.Name)
	}
	return intstr.FromInt32(int32(p.Number))
}

// alone is the pod with no other probe: each worker begins at its own instant.
func (w *worker) alone() *v1.Pod {
	object := w.pod.object.DeepCopy()
	c := &object.Spec.Containers[0]
	c.ReadinessProbe, c.LivenessProbe, c.StartupProbe = nil, nil, nil
	probing(c, w.p)
	return object
}

func idOf(u types.UID, instance int32) container.ContainerID {
	return container.ContainerID{Type: "sim", ID: fmt.Sprintf("%s-%d", u, instance)}
}

func (p *doorPod) running() bool {
	return len(p.status.ContainerStatuses) > 0 && p.status.ContainerStatuses[0].State.Running != nil
}

// start is a container that runs; it is told by each probe of the pod.
func (p *doorPod) start(e door.Event, probe *door.Probe) {
	id := "sim://" + idOf(p.object.UID, e.Instance).ID
	if len(p.status.ContainerStatuses) > 0 && p.status.ContainerStatuses[0].ContainerID == id {
		return
	}
	started := e.Passed || !probe.StartupGate && probe.Spec.Kind != probes.Startup
	p.status = v1.PodStatus{Phase: v1.PodRunning, PodIP: e.Address, ContainerStatuses: []v1.ContainerStatus{{
		Name: p.object.Spec.Containers[0].Name, ContainerID: id, Started: &started,
		State: v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: metav1.NewTime(e.Started)}},
	}}}
}

func (k *kubeletProber) hear(w *worker, e door.Event) {
	pod := w.pod
	k.mu.Lock()
	switch e.Kind {
	case door.ContainerStarted:
		pod.start(e, w.p)
	case door.ContainerStopped:
		pod.status.ContainerStatuses[0].State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 1}}
		if w.healthy && w.p.Spec.Kind == probes.Readiness { // what the kubelet makes of it in its status
			w.healthy = false
			w.p.Report(door.State{Instance: e.Instance})
		}
	case door.StartupPassed:
		passed := true
		pod.status.ContainerStatuses[0].Started = &passed
	case door.ClockStepped:
		// What the kubelet compares with its clock is when the container was
		// started: a clock that is an hour ahead sees it an hour earlier.
		if run := pod.status.ContainerStatuses[0].State.Running; run != nil && w == pod.first {
			run.StartedAt = metav1.NewTime(run.StartedAt.Add(-e.By))
		}
	case door.Panic:
		w.panics = true
	default:
	}
	status := pod.status.DeepCopy()
	k.mu.Unlock()
	switch {
	case e.Kind == door.Terminating:
		k.m.StopLivenessAndStartup(pod.object)
	case e.Kind == door.Sync && w.p.Spec.Kind == probes.Readiness:
		k.m.UpdatePodStatus(context.Background(), pod.object, status)
	}
}

// leave ends the worker, which hears of it between two attempts.
func (k *kubeletProber) leave(w *worker) {
	k.m.RemovePod(w.pod.object)
	time.Sleep(4 * (3*(w.p.Spec.Timeout+time.Second) + w.p.Spec.Period))
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users--; k.users == 0 {
		k.end()
	}
}

// GetPodStatus implements status.Manager.
func (k *kubeletProber) GetPodStatus(u types.UID) (v1.PodStatus, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p := k.pods[u]; p != nil {
		return *p.status.DeepCopy(), true
	}
	return v1.PodStatus{}, false
}

// RunInContainer implements container.CommandRunner.
func (k *kubeletProber) RunInContainer(ctx context.Context, _ container.ContainerID, cmd []string, timeout time.Duration) ([]byte, error) {
	w := klog.FromContext(ctx).GetSink().(*watcher).w
	code, out, err := w.p.Exec(ctx, cmd, timeout)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("command %v timed out: %w", cmd, remote.ErrCommandTimedOut)
	case err != nil:
		return nil, err
	case code != 0:
		return out, exec.CodeExitError{Err: fmt.Errorf("command terminated with %d", code), Code: code}
	}
	return out, nil
}

func (k *kubeletProber) results(kind probes.Kind) results.Manager {
	m := results.NewManager()
	go func() {
		for {
			select {
			case <-m.Updates():
			case <-k.over.Done():
				return
			}
		}
	}()
	return &telling{m, k, kind}
}

// telling passes results on to the world.
type telling struct {
	results.Manager
	k    *kubeletProber
	kind probes.Kind
}

// Set implements results.Manager.
func (t *telling) Set(id container.ContainerID, result results.Result, pod *v1.Pod) {
	before, known := t.Manager.Get(id)
	t.Manager.Set(id, result, pod)
	if known && before == result {
		return
	}
	t.k.mu.Lock()
	one := t.k.pods[pod.UID]
	w := one.workers[t.kind]
	var instance int32
	_, _ = fmt.Sscanf(id.ID[len(pod.UID)+1:], "%d", &instance)
	current := len(one.status.ContainerStatuses) > 0 && one.status.ContainerStatuses[0].ContainerID == "sim://"+id.ID
	runs := current && one.running()
	if passed := result == results.Success; t.kind == probes.Startup && current {
		one.status.ContainerStatuses[0].Started = &passed
	}
	tell := current && (runs || w.healthy)
	if tell {
		w.healthy = result == results.Success
	}
	t.k.mu.Unlock()
	if !tell {
		return
	}
	w.p.Report(door.State{Instance: instance, Healthy: result == results.Success, Unknown: result == results.Unknown})
	if runs && t.kind != probes.Readiness && result == results.Failure {
		w.p.Report(door.Failed{Instance: instance})
	}
}
