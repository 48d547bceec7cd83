package observe_test

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestBackOff: while a container waits for its back-off, the kubelet's last
// state is that of the container which it still counts; afterwards that of the
// one before. And a Ready condition that was lost between two looks was lost.
func TestBackOff(t *testing.T) {
	profile, _ := probes.LookupProfile(probes.Kubernetes)
	o := observe.New(&scenarios.Case{Profile: profile, Until: time.Minute, VMs: []scenarios.VM{{Name: "a"}}})
	zero := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(s float64) time.Time { return zero.Add(time.Duration(s * float64(time.Second))) }
	hello := func(s float64, container int) {
		o.Report(at(s), "a", "u", &guestlog.Report{
			Version: guestlog.Version, Event: guestlog.EventHello, Seq: 1, Container: container, Wall: at(s), At: time.Duration(s * float64(time.Second)),
		})
	}
	ended := func(id string, from, to float64) *corev1.ContainerStateTerminated {
		return &corev1.ContainerStateTerminated{ContainerID: id, ExitCode: 1, StartedAt: metav1.NewTime(at(from)), FinishedAt: metav1.NewTime(at(to))}
	}
	pod := func(s float64, id string, count int32, state corev1.ContainerState, last *corev1.ContainerStateTerminated, since float64) {
		o.Pod(at(s), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "u", Labels: map[string]string{observe.VMLabel: "a"}},
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at(since))}},
				ContainerStatuses: []corev1.ContainerStatus{{
					Name: "a", ContainerID: id, RestartCount: count, State: state, LastTerminationState: corev1.ContainerState{Terminated: last},
				}},
			},
		})
	}
	running := func(s float64) corev1.ContainerState {
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at(s))}}
	}
	waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	hello(0, 1)
	pod(0, "1", 0, running(0), nil, 0)
	hello(6, 2)
	pod(6, "2", 1, running(6), ended("1", 0, 5), 0)
	pod(9, "2", 1, waiting, ended("2", 6, 8), 0)
	hello(20, 3)
	pod(20, "3", 2, running(20), ended("2", 6, 8), 20)
	tr, err := o.Trace(trace.Header{})
	if err != nil {
		t.Fatal(err)
	}
	stops, ready := map[int32]time.Duration{}, 0
	for _, e := range tr.Events {
		switch e.Kind {
		case trace.ContainerStopped:
			stops[e.Instance] = e.T
		case trace.Ready:
			ready++
		default:
		}
	}
	if len(stops) != 2 || stops[1] != 5*time.Second || stops[2] != 8*time.Second {
		t.Errorf("stopped at %v", stops)
	}
	if ready != 3 {
		t.Errorf("%d changes of Ready, want true, and false and true at 20s", ready)
	}
}

// TestMute: a container that ends before its guest has begun shifts the count of
// the guest. Such a run says nothing.
func TestMute(t *testing.T) {
	profile, _ := probes.LookupProfile(probes.Kubernetes)
	o := observe.New(&scenarios.Case{Profile: profile, Until: time.Minute, VMs: []scenarios.VM{{Name: "a"}}})
	zero := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o.Report(zero, "a", "u", &guestlog.Report{Version: guestlog.Version, Event: guestlog.EventHello, Seq: 1, Container: 1, Wall: zero})
	o.Pod(zero, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "u", Labels: map[string]string{observe.VMLabel: "a"}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "a", RestartCount: 1, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(zero)}},
		}}},
	})
	if _, err := o.Trace(trace.Header{}); !errors.Is(err, observe.ErrBusy) {
		t.Errorf("%v, want %v", err, observe.ErrBusy)
	}
}
