package kubevirt_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// TestSweep: what nobody needs any more is removed, what belongs to somebody
// else or is needed stays. A process is the owner only if it is of the same boot and
// process namespace and began when the owner did.
func TestSweep(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	here := kubevirt.Process()
	around, _, ok := strings.Cut(here[strings.IndexByte(here, '/')+1:], "/")
	if boot, _, found := strings.Cut(here, "/"); !ok || !found || boot == "" || around == "" || strings.HasSuffix(here, "/") {
		t.Fatalf("this process is %q", here)
	}
	later, before := time.Now().Add(time.Hour).Format(time.RFC3339), time.Now().Add(-time.Hour).Format(time.RFC3339)
	client := fake.NewSimpleClientset()
	add := func(name, owner, process, expires string, labels map[string]string) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{
			kubevirt.OwnerAnnotation: owner, kubevirt.ProcessAnnotation: process, kubevirt.ExpiresAnnotation: expires,
		}}}
		if err := client.Tracker().Add(ns); err != nil {
			t.Fatal(err)
		}
	}
	ours := map[string]string{kubevirt.ManagedLabel: kubevirt.Manager}
	self, free := host+"/"+strconv.Itoa(os.Getpid()), host+"/2147483600"
	add("mine", self, here, later, ours)
	add("killed", free, here, later, ours)
	add("reused", self, here+"1", later, ours)
	add("another-boot", free, "x"+here[1:], later, ours)
	add("another-container", free, strings.Replace(here, around, "1", 1), later, ours)
	add("older", free, "", later, ours)
	add("elsewhere", "another-host/1", "", later, ours)
	add("expired", "another-host/1", "", before, ours)
	add("odd", "", "", "", ours)
	add("theirs", "", "", before, map[string]string{kubevirt.ManagedLabel: "somebody"})
	for _, c := range []struct {
		all  bool
		want []string // that are left
	}{
		{false, []string{"another-boot", "another-container", "elsewhere", "mine", "older", "theirs"}},
		{true, []string{"theirs"}},
	} {
		if _, err := (kubevirt.Broom{Client: client, All: c.all}).Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for i := range list.Items {
			left = append(left, list.Items[i].Name)
		}
		if slices.Sort(left); !slices.Equal(left, c.want) {
			t.Errorf("all=%t: left %v, want %v", c.all, left, c.want)
		}
	}
}

// TestSweepWaits: what is on its way out is waited for, and if it stays, what the
// cluster says about it is told.
func TestSweepWaits(t *testing.T) {
	for _, lasts := range []time.Duration{10 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			now := metav1.Now()
			client := fake.NewClientset(&corev1.Namespace{
				ObjectMeta: metav1.ObjectMeta{Name: "stuck", Labels: map[string]string{kubevirt.ManagedLabel: kubevirt.Manager}, DeletionTimestamp: &now, Finalizers: []string{"example.com/mine"}},
				Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
				Status: corev1.NamespaceStatus{Conditions: []corev1.NamespaceCondition{
					{Type: corev1.NamespaceContentRemaining, Status: corev1.ConditionTrue, Reason: "SomeResourcesRemain", Message: "pods. has 1 resource instances"},
					{Type: corev1.NamespaceDeletionContentFailure, Status: corev1.ConditionFalse, Reason: "ContentDeleted"},
				}},
			})
			began := time.Now()
			client.PrependReactor("get", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
				if time.Since(began) >= lasts {
					return true, nil, apierrors.NewNotFound(corev1.Resource("namespaces"), "stuck")
				}
				return false, nil, nil
			})
			list, err := (kubevirt.Broom{Client: client, Wait: time.Minute}).Sweep(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v %v", list, err)
			}
			want, holds := kubevirt.Removed, ""
			if lasts > time.Minute {
				want, holds = kubevirt.Removing, "SomeResourcesRemain: pods. has 1 resource instances|finalizers: example.com/mine, kubernetes"
			}
			if took := time.Since(began); list[0].Fate != want || strings.Join(list[0].Holds, "|") != holds || took > time.Minute+time.Second {
				t.Errorf("after %v: %+v", took, list[0])
			}
		})
	}
}

// TestGivenUpInAnOutage: a run that is given up while the API is out of order ends
// within the patience that it announces, and tells which namespaces are left.
func TestGivenUpInAnOutage(t *testing.T) {
	c := load(t, "default-failure-threshold")[0]
	synctest.Test(t, func(t *testing.T) {
		k := newKubelet(t, c)
		k.client.PrependReactor("delete", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewServiceUnavailable("out of order")
		})
		bed := kubevirt.New(kubevirt.Config{Client: k.client, Logs: k.read})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, err := bed.Run(ctx, c, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a run that was given up: %v", err)
		}
		given, _ := ctx.Deadline()
		if err := bed.Close(); err == nil || !strings.Contains(err.Error(), "are not gone yet") {
			t.Errorf("what is left: %v", err)
		}
		if took := time.Since(given); took > kubevirt.TidyPatience+time.Second {
			t.Errorf("it took %v, and said at most %v", took, kubevirt.TidyPatience)
		}
		time.Sleep(c.Until + time.Minute) // the fake kubelet ends
	})
}
