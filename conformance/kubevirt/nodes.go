package kubevirt

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
)

// How many cases run at a time.
const (
	casesPerCPU  = 4
	fewestCases  = 4
	unknownCases = 8
	mostCases    = 100
)

// AtOnce is how many cases the cluster bears at a time, of this harness: their pods
// wait most of the time, but each has to start.
func (b *Bed) AtOnce(ctx context.Context) int {
	cpus, known := b.capacity(ctx)
	if !known {
		return b.share(unknownCases)
	}
	return b.share(min(max(int(cpus)*casesPerCPU, fewestCases), mostCases))
}

// share is the part of this harness of something that all shards of a run have
// together; each has one at least.
func (b *Bed) share(all int) int { return max(all/max(b.Shards, 1), 1) }

// capacity is the number of processors of the nodes that are ready; false: this
// user may not see nodes.
func (b *Bed) capacity(ctx context.Context) (cpus int64, known bool) {
	nodes, err := b.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, false
	}
	for i := range nodes.Items {
		n := &nodes.Items[i]
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue && !n.Spec.Unschedulable {
				cpus += max(n.Status.Allocatable.Cpu().Value(), 1)
			}
		}
	}
	return cpus, true
}

// nodesState is what the nodes say of themselves: whether each is ready, and since
// when. nil: this user may not see nodes.
func (b *Bed) nodesState(ctx context.Context) (map[string]string, error) {
	var list *corev1.NodeList
	err := insist(ctx, nil, func() (err error) {
		list, err = b.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		return err
	})
	switch {
	case permanent(err):
		return nil, nil //nolint:nilnil // it is the answer
	case err != nil:
		return nil, explain("list nodes", err)
	}
	state := map[string]string{}
	for i := range list.Items {
		n := &list.Items[i]
		state[n.Name] = "it is not known to be ready"
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady {
				state[n.Name] = "ready=" + string(c.Status) + " since " + c.LastTransitionTime.UTC().Format(time.RFC3339)
			}
		}
	}
	return state, nil
}

// nodeLost is the error of a run of which a node was lost meanwhile, be it for a
// moment. before is what the nodes said when it began.
func (r *run) nodeLost(before map[string]string) error {
	now, err := r.bed.nodesState(r.ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.nodes)) {
		was, ok := before[name]
		if !ok || now == nil || now[name] == was {
			continue
		}
		return fmt.Errorf("node %s was %s, and is %s: %w", name, was, cmp.Or(now[name], "gone"), observe.ErrLost)
	}
	return nil
}

// imageOfNodes is an image that a node says it has, of a name that begins so;
// empty: none has, or this user may not see nodes.
func (b *Bed) imageOfNodes(ctx context.Context, prefix string) string {
	nodes, err := b.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return ""
	}
	for i := range nodes.Items {
		for _, image := range nodes.Items[i].Status.Images {
			for _, name := range image.Names {
				if strings.HasPrefix(name, prefix) {
					return name
				}
			}
		}
	}
	return ""
}
