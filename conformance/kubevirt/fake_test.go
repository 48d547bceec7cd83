package kubevirt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/cluster"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// act is something that a kubelet, a controller or a guest does at an instant
// of the run.
type act struct {
	at     time.Duration
	object runtime.Object   // written to the API
	report *guestlog.Report // of the guest of vm
	vm     string
}

// rehearse simulates a case and lists what a cluster and its guests would do.
func rehearse(t *testing.T, c *scenarios.Case) []act {
	t.Helper()
	p := &player{t: t, containers: map[string]int{}, seqs: map[string]int{}}
	bed := simbed.Bed{Publish: func(api *cluster.Cluster) platform.Publisher { return publisher{api, p} }}
	if err := bed.Play(t.Context(), c, 1, p); err != nil {
		t.Fatal(err)
	}
	return p.acts
}

type player struct {
	t          *testing.T
	acts       []act
	containers map[string]int
	seqs       map[string]int
}

// Record implements trace.Sink.
func (p *player) Record(e trace.Event) {
	r := &guestlog.Report{Version: guestlog.Version, At: e.T, Endpoint: e.Value}
	switch e.Kind {
	case trace.ContainerStarted:
		p.containers[e.VM]++
		p.seqs[e.VM] = 0
		r.Event, r.Endpoint = guestlog.EventHello, ""
	case trace.GuestBoot:
		r.Event = guestlog.EventBoot
	case trace.GuestStep:
		r.Event, r.As = guestlog.EventStep, e.Msg
	case trace.GuestPower:
		r.Event, r.Power = guestlog.EventPower, e.Value
	case trace.Kill:
		if e.Value != "sigterm" {
			return
		}
		r.Event = guestlog.EventTerm
	case trace.GuestSaw:
		if !trace.ViewGuest.ShowsSYNs() && (strings.HasPrefix(e.Msg, `{"connect":"refused"`) || strings.HasPrefix(e.Msg, `{"connect":"blackhole"`)) {
			return
		}
		r.Event, r.Did = guestlog.EventSaw, &fakevm.Reply{}
		if json.Unmarshal([]byte(e.Msg), r.Did) != nil {
			r.Did, r.Seen = nil, e.Msg
		}
	default:
		return
	}
	p.seqs[e.VM]++
	r.Container, r.Seq = p.containers[e.VM], p.seqs[e.VM]
	p.acts = append(p.acts, act{at: e.T, report: r, vm: e.VM})
}

// publisher notes what the platform writes.
type publisher struct {
	*cluster.Cluster
	p *player
}

func (x publisher) note(at time.Duration, o runtime.Object, err error) {
	if err != nil {
		x.p.t.Fatal(err)
	}
	x.p.acts = append(x.p.acts, act{at: at, object: o})
}

func (x publisher) Pod(at time.Duration, pod platform.Pod) {
	x.Cluster.Pod(at, pod)
	o, err := x.Client().CoreV1().Pods(pod.Namespace).Get(context.Background(), pod.Name, metav1.GetOptions{})
	x.note(at, o, err)
}

func (x publisher) Endpoint(at time.Duration, e platform.Endpoint) bool {
	ready := x.Cluster.Endpoint(at, e)
	list, err := x.Client().DiscoveryV1().EndpointSlices(e.Namespace).List(context.Background(), metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + e.VM,
	})
	x.note(at, &list.Items[0], err)
	return ready
}

func (x publisher) Event(at time.Duration, e platform.Event) {
	x.Cluster.Event(at, e)
	list, err := x.Client().CoreV1().Events(e.Namespace).List(context.Background(), metav1.ListOptions{})
	for i := range list.Items {
		if list.Items[i].Reason == e.Reason && list.Items[i].Message == e.Message && list.Items[i].InvolvedObject.Name == e.Pod {
			x.note(at, &list.Items[i], err)
		}
	}
}

// kubelet is a cluster made of client-go's fake: as soon as the pods of a case
// are there, it does what was rehearsed.
type kubelet struct {
	t      *testing.T
	client *fake.Clientset
	acts   []act
	want   int
	mu     sync.Mutex
	have   map[string]int
	logs   map[string]chan []byte
}

// log is what a container has written, read as it is written.
type log struct {
	ctx   context.Context
	lines <-chan []byte
	rest  []byte
}

func (l *log) Read(b []byte) (int, error) {
	if len(l.rest) == 0 {
		select {
		case l.rest = <-l.lines:
		case <-l.ctx.Done():
			return 0, io.EOF
		}
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func newKubelet(t *testing.T, c *scenarios.Case) *kubelet {
	k := &kubelet{
		t: t, client: fake.NewSimpleClientset(), acts: rehearse(t, c), want: len(c.VMs),
		have: map[string]int{}, logs: map[string]chan []byte{},
	}
	for i := range c.VMs {
		k.logs[c.VMs[i].Name] = make(chan []byte, len(k.acts))
	}
	k.client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		pod := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
		pod.UID = types.UID(pod.Name)
		if k.have[a.GetNamespace()]++; k.have[a.GetNamespace()] == k.want {
			go k.live(a.GetNamespace())
		}
		return false, nil, nil
	})
	return k
}

// live does everything at its time.
func (k *kubelet) live(namespace string) {
	time.Sleep(300 * time.Millisecond)
	start := time.Now()
	for _, a := range k.acts {
		time.Sleep(time.Until(start.Add(a.at)))
		if a.report != nil {
			r := *a.report
			r.Wall = time.Now()
			line, _ := json.Marshal(r)
			k.logs[a.vm] <- append(line, '\n')
			continue
		}
		k.write(namespace, a.object.DeepCopyObject(), start)
	}
}

func (k *kubelet) write(namespace string, o runtime.Object, start time.Time) {
	shift := func(at *metav1.Time) {
		if !at.IsZero() {
			*at = metav1.NewTime(start.Add(at.Sub(sim.Epoch)))
		}
	}
	var resource schema.GroupVersionResource
	switch x := o.(type) {
	case *corev1.Pod:
		resource = corev1.SchemeGroupVersion.WithResource("pods")
		x.Namespace, x.UID = namespace, types.UID(x.Name)
		x.Labels[observe.VMLabel] = x.Name
		for i := range x.Status.Conditions {
			shift(&x.Status.Conditions[i].LastTransitionTime)
		}
		for i := range x.Status.ContainerStatuses {
			if last := x.Status.ContainerStatuses[i].LastTerminationState.Terminated; last != nil {
				shift(&last.StartedAt)
				shift(&last.FinishedAt)
			}
			switch s := &x.Status.ContainerStatuses[i].State; {
			case s.Running != nil:
				shift(&s.Running.StartedAt)
			case s.Terminated != nil:
				shift(&s.Terminated.StartedAt)
				shift(&s.Terminated.FinishedAt)
			}
		}
	case *discoveryv1.EndpointSlice:
		resource = discoveryv1.SchemeGroupVersion.WithResource("endpointslices")
		x.Namespace = namespace
	case *corev1.Event:
		resource = corev1.SchemeGroupVersion.WithResource("events")
		x.Namespace, x.InvolvedObject.Namespace = namespace, namespace
	}
	err := k.client.Tracker().Update(resource, o, namespace)
	if apierrors.IsNotFound(err) {
		err = k.client.Tracker().Create(resource, o, namespace)
	}
	if err != nil {
		k.t.Error(err)
	}
}

// read implements Config.Logs.
func (k *kubelet) read(ctx context.Context, _, pod, _ string, previous bool) (io.ReadCloser, error) {
	if previous {
		return nil, errors.New("there is none")
	}
	return io.NopCloser(&log{ctx: ctx, lines: k.logs[pod]}), nil
}

func load(t *testing.T, names ...string) (list []*scenarios.Case) {
	t.Helper()
	for _, name := range names {
		list = append(list, scenariotest.Embedded(t, name, probes.Kubernetes)...)
	}
	return list
}

// TestRunOnTheFake runs cases from their namespace to their verdict, in the
// virtual time of a bubble.
func TestRunOnTheFake(t *testing.T) {
	cases := load(t, "endpoints-killed-and-requalified", "lifecycle-pod-restarts-in-place", "default-failure-threshold",
		"threshold-liveness-of-one", "exec-exit-codes", "multi-recreated-at-once", "default-startup")
	if len(cases) < 7 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			k := newKubelet(t, c)
			bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
			if why := bed.Unsupported(c); why != "" {
				t.Fatalf("%s: %s", c.ID(), why)
			}
			tr, err := bed.Run(t.Context(), c, 1)
			if err != nil {
				t.Fatalf("%s: %v", c.ID(), err)
			}
			if v := judge.Judge(c, tr, judge.Options{Slack: bed.Slack()}); v.Result != judge.Pass || v.View != trace.ViewGuest {
				t.Errorf("%s: %s %s %+v", c.ID(), v.Result, v.Reason, v.Failures)
			}
			k.gone(bed)
		})
	}
}

// gone checks that nothing of the harness is left.
func (k *kubelet) gone(bed *kubevirt.Bed) {
	k.t.Helper()
	if err := bed.Close(); err != nil {
		k.t.Error(err)
	}
	list, err := k.client.CoreV1().Namespaces().List(context.Background(), metav1.ListOptions{})
	if err != nil || len(list.Items) > 0 {
		k.t.Errorf("left: %v %v", list.Items, err)
	}
}

// TestCancelled: a run that is given up leaves nothing, also when the API is
// out of order for a while.
func TestCancelled(t *testing.T) {
	c := load(t, "default-failure-threshold")[0]
	synctest.Test(t, func(t *testing.T) {
		k := newKubelet(t, c)
		refusals := 5
		k.client.PrependReactor("delete", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
			if refusals--; refusals >= 0 {
				return true, nil, apierrors.NewServiceUnavailable("out of order")
			}
			return false, nil, nil
		})
		bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := bed.Run(ctx, c, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a run that was given up: %v", err)
		}
		k.gone(bed)
		time.Sleep(c.Until + time.Minute) // the fake kubelet ends
	})
}

// TestNoImage: a missing image is one clear error, and the next case does not
// try again.
func TestNoImage(t *testing.T) {
	c := load(t, "default-failure-threshold")[0]
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewSimpleClientset()
		client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
			pod := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
				Name: pod.Spec.Containers[0].Name,
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
					Reason: "ErrImageNeverPull", Message: "Container image is not present with pull policy of Never",
				}},
			}}
			return false, nil, nil
		})
		bed := kubevirt.New(kubevirt.Config{Client: client, Image: "nowhere/guest:1"})
		for range 2 {
			_, err := bed.Run(t.Context(), c, 1)
			if !errors.Is(err, kubevirt.ErrCluster) || !strings.Contains(err.Error(), "nowhere/guest:1") || !strings.Contains(err.Error(), "--pod-image") {
				t.Errorf("a missing image: %v", err)
			}
		}
		made := 0
		for _, a := range client.Actions() {
			if a.Matches("create", "namespaces") {
				made++
			}
		}
		if made != 1 {
			t.Errorf("%d namespaces were made", made)
		}
		if err := bed.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestImageOfNodes: the image that a node has is taken, unless another is named.
func TestImageOfNodes(t *testing.T) {
	const have = "vmprobe.test/guest:0123456789ab"
	client := fake.NewSimpleClientset(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node"},
		Status: corev1.NodeStatus{Images: []corev1.ContainerImage{
			{Names: []string{"vmprobe.test/pause:0123456789ab"}}, {Names: []string{"sha256:0", have}},
		}},
	})
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		r := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		r.Status.Allowed = true
		return true, r, nil
	})
	for named, want := range map[string]string{"": have, "mine:1": "mine:1"} {
		bed := kubevirt.New(kubevirt.Config{Client: client, Image: named})
		if err := bed.Prepare(t.Context()); !errors.Is(err, kubevirt.ErrCluster) {
			t.Errorf("a node that is not ready: %v", err)
		}
		if bed.Image != want {
			t.Errorf("image %q, want %q", bed.Image, want)
		}
	}
}

// TestPrepare: what a cluster lacks is told beforehand, with the fix.
func TestPrepare(t *testing.T) {
	for _, c := range []struct {
		name   string
		refuse string // resource
		want   []string
	}{
		{"forbidden", "pods", []string{"create pods, delete pods, deletecollection pods", "get pods/log", "rbac.yaml"}},
		{"no node", "", []string{"no node of the cluster is ready", "vmprobe cluster up"}},
	} {
		client := fake.NewSimpleClientset()
		client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			r := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
			r.Status.Allowed = c.refuse == "" || r.Spec.ResourceAttributes.Resource != c.refuse && r.Spec.ResourceAttributes.Verb != "bind"
			return true, r, nil
		})
		err := kubevirt.New(kubevirt.Config{Client: client}).Prepare(t.Context())
		if !errors.Is(err, kubevirt.ErrCluster) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %s", c.name, err, w)
			}
		}
	}
}

// TestConnect: what is wrong with a kubeconfig is told, with the fix.
func TestConnect(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	for path, want := range map[string]string{
		"":           "no kubeconfig",
		"/nowhere/x": "/nowhere/x",
	} {
		if _, _, err := kubevirt.Connect(path); !errors.Is(err, kubevirt.ErrCluster) || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "--kubeconfig") {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// TestUnsupported: what a pod cannot do is said.
func TestUnsupported(t *testing.T) {
	bed := kubevirt.New(kubevirt.Config{Client: fake.NewSimpleClientset()})
	names, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	runs, reasons := 0, map[string]int{}
	for _, name := range names {
		for _, c := range load(t, strings.TrimSuffix(name, ".yaml")) {
			why := bed.Unsupported(c)
			if why == "" {
				runs++
			}
			for r := range strings.SplitSeq(why, "; ") {
				r, _, _ = strings.Cut(r, ":")
				reasons[r]++
			}
		}
	}
	if runs < 250 {
		t.Errorf("only %d cases of pods run", runs)
	}
	for _, want := range []string{"fault partition", "event restartProber", "event stepClock", "a probe of another host", "prober.proxy"} {
		if reasons[want] == 0 {
			t.Errorf("nothing is refused for %s", want)
		}
	}
	t.Log(runs, fmt.Sprint(reasons))
}
