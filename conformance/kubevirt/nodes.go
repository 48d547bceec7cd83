package kubevirt

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// How many cases run at a time.
const (
	casesPerCPU  = 4
	fewestCases  = 4
	unknownCases = 8
	mostCases    = 100
)

// AtOnce is how many cases the cluster bears at a time: their pods wait most of
// the time, but each has to start.
func (b *Bed) AtOnce(ctx context.Context) int {
	cpus, known := b.capacity(ctx)
	if !known {
		return unknownCases
	}
	return min(max(int(cpus)*casesPerCPU, fewestCases), mostCases)
}

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
