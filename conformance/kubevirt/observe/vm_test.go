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
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// launcher is a VM of which the API tells; times are seconds of its life.
type launcher struct {
	*observe.Observer
	zero time.Time
	pod  corev1.Pod
	vmi  kubevirtv1.VirtualMachineInstance
	seq  int
}

func launched(t *testing.T) *launcher {
	t.Helper()
	return launchedTold(t, 1)
}

// launchedTold is one of which the API tells so long after it began.
func launchedTold(t *testing.T, told float64) *launcher {
	t.Helper()
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	o := observe.New(&scenarios.Case{Profile: profile, Until: time.Minute, VMs: []scenarios.VM{{Name: "a"}}})
	o.BootWithin(20 * time.Second)
	l := &launcher{Observer: o, zero: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	l.pod.ObjectMeta = metav1.ObjectMeta{Name: "virt-launcher-a-x", UID: "u", Labels: map[string]string{observe.VMLabel: "a"}}
	l.vmi.ObjectMeta = metav1.ObjectMeta{Name: "a", UID: "v"}
	l.pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "compute", State: corev1.ContainerState{
		Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(l.zero)},
	}}}
	l.Pod(l.at(told), &l.pod)
	l.phase(5, kubevirtv1.Running)
	return l
}

func (l *launcher) at(s float64) time.Time {
	return l.zero.Add(time.Duration(s * float64(time.Second)))
}

func (l *launcher) phase(s float64, p kubevirtv1.VirtualMachineInstancePhase) {
	l.vmi.Status.Phase = p
	l.VMI(l.at(s), &l.vmi)
}

func (l *launcher) report(s float64, event string) {
	l.seq++
	l.Report(l.at(s+1), "a", "u", &guestlog.Report{
		Version: guestlog.Version, Event: event, Seq: l.seq, Container: 1, Wall: l.at(s), At: time.Duration(s * float64(time.Second)),
	})
}

// ends is the end of the container, which the API tells a second later.
func (l *launcher) ends(s float64) { l.endsTold(s, s+1) }

func (l *launcher) endsTold(s, told float64) {
	l.pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		StartedAt: metav1.NewTime(l.zero), FinishedAt: metav1.NewTime(l.at(s)),
	}}
	l.Pod(l.at(told), &l.pod)
}

func (l *launcher) killed(s float64, message string) {
	l.Event(l.at(s), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "e"}, Reason: "Killing", Message: message,
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "virt-launcher-a-x"},
	})
}

func kills(t *testing.T, l *launcher) (list []string) {
	t.Helper()
	seen, err := l.Trace(trace.Header{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range seen.Events {
		if e.Kind == trace.Kill {
			list = append(list, e.Value)
		}
	}
	return list
}

// TestDestroyed: a VM that was told to end, and failed, was destroyed, also one
// whose guest did not tell of the power button; one that succeeded was not.
func TestDestroyed(t *testing.T) {
	for phase, want := range map[kubevirtv1.VirtualMachineInstancePhase]string{
		kubevirtv1.Failed: "sigterm destroy", kubevirtv1.Succeeded: "sigterm",
	} {
		l := launched(t)
		l.report(8, guestlog.EventHello)
		l.killed(30, "Container compute failed liveness probe, will be restarted")
		l.phase(42, phase)
		l.ends(43)
		if got := strings.Join(kills(t, l), " "); got != want {
			t.Errorf("%s: %s, want %s", phase, got, want)
		}
	}
}

// TestSilence: a VM whose guest never reports says nothing about a prober.
func TestSilence(t *testing.T) {
	l := launched(t)
	l.Event(l.at(9), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "e"}, Type: corev1.EventTypeWarning, Reason: "Stopped", Message: "it crashed",
		InvolvedObject: corev1.ObjectReference{Kind: "VirtualMachineInstance", Name: "a"},
	})
	l.phase(9, kubevirtv1.Failed)
	l.ends(10)
	if _, err := l.Trace(trace.Header{}); err == nil || !strings.Contains(err.Error(), "before its guest reported: it crashed") {
		t.Error(err)
	}
	if _, err := launched(t).Trace(trace.Header{}); !errors.Is(err, observe.ErrBusy) {
		t.Error(err)
	}
}

// TestEndLag: a launcher whose end becomes known late ran on a node that is late
// with all.
func TestEndLag(t *testing.T) {
	for told, late := range map[float64]time.Duration{44: 0, 45: 0, 48.5: 3500 * time.Millisecond} {
		l := launched(t)
		l.report(8, guestlog.EventHello)
		l.phase(42, kubevirtv1.Succeeded)
		l.endsTold(43, told)
		l.endsTold(43, told+9) // it is told again
		if seen, err := l.Trace(trace.Header{}); err != nil || seen.Late != late {
			t.Errorf("told at %v s: late by %v, %v; want %v", told, seen.Late, err, late)
		}
	}
}

// TestStartLag: so does one whose start becomes known late, but not when it is
// told again.
func TestStartLag(t *testing.T) {
	for told, late := range map[float64]time.Duration{0.1: 0, 2.5: 0, 4: 1500 * time.Millisecond} {
		l := launchedTold(t, told)
		l.report(8, guestlog.EventHello)
		l.Pod(l.at(30), &l.pod)
		if seen, err := l.Trace(trace.Header{}); err != nil || seen.Late != late {
			t.Errorf("told at %v s: late by %v, %v; want %v", told, seen.Late, err, late)
		}
	}
}

// TestLag: a VMI that becomes ready long after its launcher tells of controllers
// that are late.
func TestLag(t *testing.T) {
	for by, late := range map[float64]time.Duration{0.5: 0, 3: 2 * time.Second} {
		l := launched(t)
		l.report(8, guestlog.EventHello)
		l.pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		l.Pod(l.at(30), &l.pod)
		l.vmi.Status.Conditions = []kubevirtv1.VirtualMachineInstanceCondition{{Type: kubevirtv1.VirtualMachineInstanceReady, Status: corev1.ConditionTrue}}
		l.VMI(l.at(30+by), &l.vmi)
		seen, err := l.Trace(trace.Header{})
		if err != nil || seen.Late != late {
			t.Errorf("%v s: late by %v, %v; want %v", by, seen.Late, err, late)
		}
	}
	l := launched(t)
	l.report(8, guestlog.EventHello)
	l.phase(20, kubevirtv1.Failed)
	l.pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	l.Pod(l.at(22), &l.pod)
	l.vmi.Status.Conditions = []kubevirtv1.VirtualMachineInstanceCondition{{Type: kubevirtv1.VirtualMachineInstanceReady, Status: corev1.ConditionTrue}}
	l.phase(28, kubevirtv1.Running) // its launcher was ready before it ran
	if seen, err := l.Trace(trace.Header{}); err != nil || seen.Late != 0 {
		t.Errorf("late by %v, %v", seen.Late, err)
	}
}
