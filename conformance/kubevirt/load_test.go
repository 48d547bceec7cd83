package kubevirt

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// TestLoad: what a slow start says, it says of the runs of its time.
func TestLoad(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	l := load{}
	l.started(at(10), at(12)) // as on a node with time
	l.started(at(20), at(26))
	l.started(at(40), at(53))
	for _, c := range []struct {
		from, to int
		want     time.Duration
	}{
		{0, 20, 0},
		{0, 21, 2 * time.Second},
		{25, 40, 2 * time.Second},
		{26, 40, 0}, // it begins when its own pod has started
		{25, 41, 9 * time.Second},
		{53, 99, 0},
	} {
		if got := l.late(at(c.from), at(c.to)); got != c.want {
			t.Errorf("[%d, %d]: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

// TestGate: no more cases start at a time than the nodes bear.
func TestGate(t *testing.T) {
	for _, c := range []struct {
		cpus  int64
		known bool
		want  int
	}{{8, true, 16}, {1, true, 2}, {0, true, 2}, {0, false, 4}} {
		l := load{}
		l.limit(starts(c.cpus, c.known))
		leave, err := enter(t.Context(), l.gate)
		if err != nil {
			t.Fatal(err)
		}
		for range c.want - 1 {
			if _, err := enter(t.Context(), l.gate); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := enter(ctx, l.gate); err == nil {
			t.Errorf("%+v: one more has entered", c)
		}
		cancel()
		leave()
		leave() // once is enough
		if _, err := enter(t.Context(), l.gate); err != nil {
			t.Error(err)
		}
		if len(l.gate) != c.want {
			t.Errorf("%+v: %d are in", c, len(l.gate))
		}
	}
}

// TestShare: all shards together put as much on the cluster as one harness would.
func TestShare(t *testing.T) {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node"},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("8")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for shards, want := range map[int]int{0: 32, 1: 32, 4: 8, 100: 1} {
		b := New(Config{Client: fake.NewClientset(node), Shards: shards})
		if got := b.AtOnce(t.Context()); got != want {
			t.Errorf("%d shards: %d cases at once, want %d", shards, got, want)
		}
		if got := b.share(starts(b.capacity(t.Context()))); got != want/2 && got != 1 {
			t.Errorf("%d shards: %d starts at once, want %d", shards, got, want/2)
		}
	}
}
