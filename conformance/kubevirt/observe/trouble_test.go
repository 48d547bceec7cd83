package observe_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// readiness tells of a launcher's condition, and later of its VMI's.
func (l *launcher) readiness(s, told float64, status corev1.ConditionStatus) {
	since := metav1.NewTime(l.at(s))
	l.pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: since}}
	l.Pod(l.at(told), &l.pod)
	l.vmi.Status.Conditions = []kubevirtv1.VirtualMachineInstanceCondition{{Type: kubevirtv1.VirtualMachineInstanceReady, Status: status, LastTransitionTime: since}}
	l.VMI(l.at(told+0.1), &l.vmi)
}

// TestLateAPI: an API that tells of a launcher and of its VMI so late that both come
// together is late, and the VMI was ready when it says that it was.
func TestLateAPI(t *testing.T) {
	for told, want := range map[float64]struct{ ready, late time.Duration }{
		30.5: {30600 * time.Millisecond, 0}, 36: {31 * time.Second, 5100 * time.Millisecond},
	} {
		l := launched(t)
		l.report(8, guestlog.EventHello)
		l.readiness(30, told, corev1.ConditionTrue)
		seen, err := l.Trace(trace.Header{})
		if err != nil || seen.Late != want.late {
			t.Fatalf("told at %v s: late by %v, %v; want %v", told, seen.Late, err, want.late)
		}
		for _, e := range seen.Events {
			if e.Kind == trace.Ready && e.T != want.ready {
				t.Errorf("told at %v s: ready at %v, want %v", told, e.T, want.ready)
			}
		}
	}
}

// TestDisrupted: a pod that its node, or who cares for it, has given up says nothing
// about a prober.
func TestDisrupted(t *testing.T) {
	for name, broken := range map[string]func(*corev1.PodStatus){
		"evicted": func(s *corev1.PodStatus) {
			s.Phase, s.Reason, s.Message = corev1.PodFailed, "Evicted", "low on memory"
		},
		"target": func(s *corev1.PodStatus) {
			s.Conditions = append(s.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByTaintManager"})
		},
		"lost": func(s *corev1.PodStatus) { s.Reason = "NodeLost" },
	} {
		l := launched(t)
		l.report(8, guestlog.EventHello)
		broken(&l.pod.Status)
		l.Pod(l.at(20), &l.pod)
		if _, err := l.Trace(trace.Header{}); !errors.Is(err, observe.ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := launched(t)
	l.report(8, guestlog.EventHello)
	l.pod.Status.Phase = corev1.PodFailed
	l.Pod(l.at(20), &l.pod)
	if _, err := l.Trace(trace.Header{}); err != nil {
		t.Errorf("a pod that failed by itself: %v", err)
	}
}

// TestRemoved: a pod that is removed while it runs terminates. Of one that has ended,
// the API server says so, too, when it removes it; but there is nothing to end.
func TestRemoved(t *testing.T) {
	for phase, want := range map[corev1.PodPhase]int{corev1.PodRunning: 1, corev1.PodSucceeded: 0, corev1.PodFailed: 0} {
		l := launched(t)
		l.report(8, guestlog.EventHello)
		l.pod.Status.Phase = phase
		l.Pod(l.at(20), &l.pod)
		l.pod.DeletionTimestamp = &metav1.Time{Time: l.at(30)}
		l.PodGone(l.at(30), &l.pod)
		seen, err := l.Trace(trace.Header{})
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, e := range seen.Events {
			if e.Kind == trace.Terminating {
				got++
			}
		}
		if got != want {
			t.Errorf("a pod that is %s terminates %d times, want %d", phase, got, want)
		}
	}
}

// failed is an event of a probe that failed, of the pod of that uid.
func (l *launcher) failed(s float64, uid, probe string) {
	l.Event(l.at(s), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: probe + uid}, Reason: "Unhealthy", Message: probe + " probe failed: x",
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "virt-launcher-a-x", UID: "u"},
	})
}

// stopping is the Killing event of a pod that is not restarted, of one container.
func (l *launcher) stopping(s float64, container string) {
	l.Event(l.at(s), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "k" + container}, Reason: "Killing", Message: "Stopping container " + container,
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "virt-launcher-a-x", UID: "u", FieldPath: "spec.containers{" + container + "}"},
	})
}

// blames lists the kills of a run, and the probes that failed.
func blames(t *testing.T, l *launcher) string {
	t.Helper()
	seen, err := l.Trace(trace.Header{})
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, e := range seen.Events {
		switch e.Kind {
		case trace.Kill:
			list = append(list, e.Value)
		case trace.LivenessFailed:
			list = append(list, e.Probe.String())
		default:
		}
	}
	return strings.Join(list, " ")
}

// TestBlame: a pod is killed by the probe that kills, whatever else fails meanwhile.
func TestBlame(t *testing.T) {
	l := launched(t)
	l.report(8, guestlog.EventHello)
	l.failed(30, "u", "Liveness")
	l.failed(30.01, "u", "Readiness")
	l.stopping(30.02, "compute")
	l.report(30.1, guestlog.EventTerm)
	l.phase(33, kubevirtv1.Succeeded)
	l.ends(33)
	if got := blames(t, l); got != "liveness sigterm acpi" {
		t.Error(got)
	}
}

// TestNobodySaysWhy: a guest that was told to end, of which no event says why, leaves
// a run without a verdict; the end of its pod, and of the case, are reasons.
func TestNobodySaysWhy(t *testing.T) {
	l := launched(t)
	l.report(8, guestlog.EventHello)
	l.report(30, guestlog.EventTerm)
	l.phase(33, kubevirtv1.Succeeded)
	l.ends(33)
	if got := blames(t, l); !strings.Contains(got, "no event says why") {
		t.Error(got)
	}
	l = launched(t)
	l.report(8, guestlog.EventHello)
	l.report(30, guestlog.EventTerm)
	l.Deleting(l.at(30.5), "a")
	l.phase(33, kubevirtv1.Succeeded)
	l.ends(33)
	if got := blames(t, l); got != "sigterm acpi" {
		t.Error(got)
	}
	l = launched(t)
	l.report(8, guestlog.EventHello)
	l.report(59, guestlog.EventTerm)
	if got := blames(t, l); got != "sigterm acpi" {
		t.Error(got)
	}
}

// TestSidecar: that a launcher's other containers are stopped when its VM has ended
// is no kill.
func TestSidecar(t *testing.T) {
	l := launched(t)
	l.report(8, guestlog.EventHello)
	l.failed(20, "u", "Liveness") // and it was well again
	l.phase(30, kubevirtv1.Succeeded)
	l.ends(30)
	l.stopping(31, "guest-console-log")
	if got := blames(t, l); got != "" {
		t.Error(got)
	}
}
