package kubevirt_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim"
)

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
		if a.object != nil && !a.gone { // nothing of a pod that is gone is looked at
			k.write(namespace, a.object.DeepCopyObject(), start)
		}
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
