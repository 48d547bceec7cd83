package kubevirt_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/scenarios"
)

// refusedConnection is what a client says when nobody listens.
func refusedConnection() error {
	return &url.Error{Op: "Get", URL: "https://cluster", Err: syscall.ECONNREFUSED}
}

// line is the way to the API of a fake cluster. It can be cut.
type line struct {
	mu      sync.Mutex
	broken  bool
	watches []watch.Interface
}

// through lets lists and watches of the fake cluster go over the line.
func (l *line) through(k *kubelet) {
	k.client.PrependReactor("list", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.broken {
			return true, nil, refusedConnection()
		}
		return false, nil, nil
	})
	k.client.PrependWatchReactor("*", func(a clienttesting.Action) (bool, watch.Interface, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.broken {
			return true, nil, refusedConnection()
		}
		w, err := k.client.Tracker().Watch(a.GetResource(), a.GetNamespace())
		l.watches = append(l.watches, w)
		return true, w, err
	})
}

// cut breaks the line for a while.
func (l *line) cut(after, during time.Duration) {
	set := func(broken bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.broken = broken
		for _, w := range l.watches {
			w.Stop()
		}
		l.watches = nil
	}
	time.Sleep(after)
	set(true)
	time.Sleep(during)
	set(false)
}

// TestOutage: a run during which the API was out of order tells for how long; of
// one whose end nobody saw nothing can be said.
func TestOutage(t *testing.T) {
	c := load(t, "default-failure-threshold")[0]
	for name, o := range map[string]struct{ after, during time.Duration }{
		"while": {c.Until / 2, 4 * time.Second}, "end": {c.Until - 2*time.Second, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			k, l := newKubelet(t, c), &line{}
			l.through(k)
			bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
			go l.cut(o.after, o.during)
			tr, err := bed.Run(t.Context(), c, 1)
			switch name {
			case "end":
				if err == nil || !strings.Contains(err.Error(), "cut off from the API for ") || !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("the end is not seen: %v", err)
				}
			default:
				if err != nil || tr.Late < o.during || tr.Late > o.during+3*time.Second {
					t.Errorf("an outage of %v: %+v, %v", o.during, tr, err)
				}
			}
			time.Sleep(2 * time.Minute) // the fake kubelet ends
			k.gone(bed)
		})
	}
}

// failing answers the first tries of a verb with an error; done: after it was
// carried out.
func failing(k *kubelet, verb, resource string, times int, done bool) {
	var mu sync.Mutex
	k.client.PrependReactor(verb, resource, func(a clienttesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		if times--; times < 0 {
			return false, nil, nil
		}
		if create, ok := a.(clienttesting.CreateAction); ok && done {
			if err := k.client.Tracker().Create(a.GetResource(), create.GetObject(), a.GetNamespace()); err != nil {
				return true, nil, err
			}
		}
		return true, nil, refusedConnection()
	})
}

// TestRetries: what fails on its way is tried again, also where it had come
// through; when it comes to nothing the case is over, and no other.
func TestRetries(t *testing.T) {
	c := load(t, "default-failure-threshold")[0]
	for name, broken := range map[string]func(*kubelet){
		"namespaces": func(k *kubelet) { failing(k, "create", "namespaces", 3, true) },
		"services":   func(k *kubelet) { failing(k, "create", "services", 3, true) },
		"pods":       func(k *kubelet) { failing(k, "create", "pods", 3, false) },
		"busy": func(k *kubelet) {
			times := 3
			k.client.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
				times--
				return times >= 0, nil, apierrors.NewTooManyRequests("later", 1)
			})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newKubelet(t, c)
			broken(k)
			bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
			tr, err := bed.Run(t.Context(), c, 1)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if v := judge.Judge(c, tr, judge.Options{}); v.Result != judge.Pass {
				t.Errorf("%s: %s %s %+v", name, v.Result, v.Reason, v.Failures)
			}
			k.gone(bed)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		k := newKubelet(t, c)
		bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
		failing(k, "create", "services", 330, false) // for longer than anybody insists
		if _, err := bed.Run(t.Context(), c, 1); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("an API that does not answer: %v", err)
		}
		if _, err := bed.Run(t.Context(), c, 1); err != nil {
			t.Errorf("the next case: %v", err)
		}
		k.gone(bed)
	})
}

// TestLateWrite: what a case does is done late when the API is out of order, and
// the run tells by how much.
func TestLateWrite(t *testing.T) {
	cases := load(t, "*")
	i := slices.IndexFunc(cases, func(c *scenarios.Case) bool {
		return len(c.VMs) == 1 && len(c.Events) == 1 && c.Events[0].Kind == scenarios.DeleteVMI && len(c.Faults) == 0 && c.Until < 5*time.Minute
	})
	if i < 0 {
		t.Fatal("no case deletes a pod")
	}
	c := cases[i]
	synctest.Test(t, func(t *testing.T) {
		k := newKubelet(t, c)
		failing(k, "delete", "pods", 50, false)
		bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
		tr, err := bed.Run(t.Context(), c, 1)
		if err != nil || tr.Late < 5*time.Second || tr.Late > 6*time.Second {
			t.Errorf("%s: late by %+v, %v", c.ID(), tr, err)
		}
		k.gone(bed)
	})
}

// TestPulled: an image that is pulled at the second try comes in time.
func TestPulled(t *testing.T) {
	c := load(t, "default-failure-threshold")[0]
	synctest.Test(t, func(t *testing.T) {
		k := newKubelet(t, c)
		k.client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
			pod := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod) //nolint:forcetypeassert // pods are
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
				Name:  pod.Spec.Containers[0].Name,
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "registry: 503"}},
			}}
			return false, nil, nil
		})
		bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
		if _, err := bed.Run(t.Context(), c, 1); err != nil {
			t.Error(err)
		}
		k.gone(bed)
	})
}

// TestLook: an API that begins no watch ends the case in time.
func TestLook(t *testing.T) {
	c := load(t, "default-failure-threshold")[0]
	synctest.Test(t, func(t *testing.T) {
		k := newKubelet(t, c)
		l := &line{broken: true}
		l.through(k)
		bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
		begun := time.Now()
		if _, err := bed.Run(t.Context(), c, 1); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error(err)
		}
		if took := time.Since(begun); took > 5*time.Minute {
			t.Errorf("it took %v", took)
		}
		l.cut(0, 0)
		k.gone(bed)
	})
}

// TestNodeLost: of a run whose node was lost for a moment nothing can be said.
func TestNodeLost(t *testing.T) {
	c := load(t, "default-failure-threshold")[0]
	node := func(since time.Time) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(since),
		}}}}
	}
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			k := newKubelet(t, c)
			if err := k.client.Tracker().Add(node(time.Now())); err != nil {
				t.Fatal(err)
			}
			k.client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
				a.(clienttesting.CreateAction).GetObject().(*corev1.Pod).Spec.NodeName = "node" //nolint:forcetypeassert // pods are
				return false, nil, nil
			})
			go func() {
				time.Sleep(c.Until / 2)
				if lost { // and it is ready again
					if err := k.client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("nodes"), node(time.Now()), ""); err != nil {
						t.Error(err)
					}
				}
			}()
			bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
			if _, err := bed.Run(t.Context(), c, 1); errors.Is(err, observe.ErrLost) != lost || !lost && err != nil {
				t.Errorf("lost %t: %v", lost, err)
			}
			k.gone(bed)
		})
	}
}
