package kubevirt

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/vmprobe/vmprobe/scenarios"
)

// For tests that speak to a real API server.

func (b *Bed) PodOf(c *scenarios.Case, v *scenarios.VM) (*corev1.Pod, error) { return b.podOf(c, v) }

func (b *Bed) ServiceOf(v *scenarios.VM) *corev1.Service { return b.serviceOf(v) }

func (b *Bed) NewNamespace(ctx context.Context, c *scenarios.Case) (string, error) {
	return b.newNamespace(ctx, c)
}

func (b *Bed) Remove(name string) { b.remove(name) }

func (b *Bed) Permitted(ctx context.Context) error { return b.permitted(ctx) }
