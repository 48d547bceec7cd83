package observe_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestUnheard: a program that timed out before the guest heard of it had no
// processor, unless the guest was hung.
func TestUnheard(t *testing.T) {
	for _, tt := range []struct {
		name  string
		asked float64 // when the guest heard of a program; 0: never
		hung  bool
		says  string
		late  time.Duration
	}{
		{"never heard", 0, false, `Liveness probe failed: command timed out: "/bin/check" timed out after 5s`, 5 * time.Second},
		{"heard long before", 12.9, false, `Liveness probe failed: command timed out: "/bin/check" timed out after 5s`, 5 * time.Second},
		{"heard", 13, false, `Liveness probe failed: command timed out: "/bin/check" timed out after 5s`, 0},
		{"hung", 0, true, `Liveness probe failed: command timed out: "/bin/check" timed out after 5s`, 0},
		{"another failure", 0, false, "Liveness probe failed: statuscode: 500", 0},
		{"nonsense", 0, false, `command timed out: "x" timed out after a while`, 0},
	} {
		profile, _ := probes.LookupProfile(probes.Kubernetes)
		o := observe.New(&scenarios.Case{Profile: profile, Until: time.Minute, VMs: []scenarios.VM{{Name: "a"}}})
		zero := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		at := func(s float64) time.Time { return zero.Add(time.Duration(s * float64(time.Second))) }
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a-x", UID: "u", Labels: map[string]string{observe.VMLabel: "a"}}}
		o.Pod(at(0), pod)
		seq := 0
		report := func(s float64, r guestlog.Report) {
			seq++
			r.Version, r.Seq, r.Container, r.Wall, r.At = guestlog.Version, seq, 1, at(s), time.Duration(s*float64(time.Second))
			o.Report(at(s), "a", "u", &r)
		}
		report(0, guestlog.Report{Event: guestlog.EventHello})
		report(0.1, guestlog.Report{Event: guestlog.EventBoot})
		if tt.hung {
			report(9, guestlog.Report{Event: guestlog.EventPower, Power: "hung"})
		}
		if tt.asked > 0 {
			report(tt.asked, guestlog.Saw(fakevm.Record{Endpoint: "exec", Seen: "/bin/check"}))
		}
		o.Event(at(20), &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "e"}, Reason: "Unhealthy", Message: tt.says,
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "a-x", UID: "u"},
		})
		seen, err := o.Trace(trace.Header{})
		if err != nil || seen.Late != tt.late {
			t.Errorf("%s: late by %v, %v; want %v", tt.name, seen.Late, err, tt.late)
		}
	}
}
