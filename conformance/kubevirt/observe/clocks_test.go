package observe_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// TestClocks: a VM on a node of another time is refused, with the difference.
func TestClocks(t *testing.T) {
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for ahead, want := range map[time.Duration]string{
		-2 * time.Second: "at least 2.0 s ahead", -time.Millisecond: "", 3 * time.Second: "", time.Minute: "60.0 s before",
	} {
		o := observe.New(&scenarios.Case{Profile: profile, Until: time.Minute, VMs: []scenarios.VM{{Name: "a"}}})
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "virt-launcher-a-x", UID: "u", Labels: map[string]string{observe.VMLabel: "a"}}}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "compute", State: corev1.ContainerState{
			Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now.Add(-ahead))},
		}}}
		o.Pod(now, pod)
		switch err := o.Err(); {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%v: %v, want %q", ahead, err, want)
		}
	}
}
