package kubevirt_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

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
			if v := judge.Judge(c, tr, judge.Options{}); v.Result != judge.Pass || v.View != trace.ViewGuest {
				t.Errorf("%s: %s %s %+v", c.ID(), v.Result, v.Reason, v.Failures)
			}
			k.gone(bed)
		})
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
