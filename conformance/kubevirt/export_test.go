package kubevirt

import (
	"context"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
)

// For tests that speak to a real API server.

func (b *Bed) PodOf(c *scenarios.Case, v *scenarios.VM) (*corev1.Pod, error) { return b.podOf(c, v) }

func (b *Bed) ServiceOf(v *scenarios.VM) *corev1.Service { return b.serviceOf(v) }

func (b *Bed) NewNamespace(ctx context.Context, c *scenarios.Case) (string, error) {
	return b.newNamespace(ctx, c)
}

func (b *Bed) Remove(name string) { b.remove(name) }

func (b *Bed) AskVersion(ctx context.Context) error { return b.askVersion(ctx) }

func (b *Bed) Permitted(ctx context.Context) error { return b.permitted(ctx) }

// MachineOf gives the VM or VMI of a case, and what was changed in it.
func (b *Bed) MachineOf(v *scenarios.VM) (*unstructured.Unstructured, string, error) {
	return b.machineOf(v)
}

// How many VMs run and boot at a time.
const (
	VMsPerCPU   = vmsPerCPU
	CPUsPerBoot = cpusPerBoot
)

// ProfileOf is the profile of a version of KubeVirt.
func ProfileOf(version string) probes.ProfileName { return profileOf(version) }

// Acting lets tests do to VMs what a case does.
func (b *Bed) Acting(ctx context.Context, c *scenarios.Case, namespace string) func(*scenarios.Event) error {
	r := b.newRun(ctx, c)
	r.namespace = namespace
	return func(e *scenarios.Event) error { return r.act(e, 0) }
}

// Leading lets tests lead the guest in a pod, once each call; the container runs
// since then.
func (b *Bed) Leading(ctx context.Context, c *scenarios.Case, since time.Time) func() error {
	r := b.newRun(ctx, c)
	r.namespace = "ns"
	r.observer.Pod(since, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "launcher", UID: "u", Labels: map[string]string{observe.VMLabel: c.VMs[0].Name}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "compute", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(since)}},
		}}},
	})
	x := &control{run: r, vm: &c.VMs[0], uid: "u", pod: "launcher"}
	return x.lead
}

// Permissions are what a harness asks for by the role that grants it, as "verb group
// resource" with the subresource after a slash.
func Permissions() map[string][]string {
	out := map[string][]string{}
	for name, list := range map[string][]permission{"vmprobe": clusterPermissions(), caseRole: permissions(), vmCaseRole: vmPermissions()} {
		for _, p := range list {
			resource := p.resource
			if p.subresource != "" {
				resource += "/" + p.subresource
			}
			out[name] = append(out[name], p.verb+" "+p.group+" "+resource)
		}
	}
	return out
}

// Process is what an annotation says of this process.
func Process() string { return process() }

// Join renumbers reports of several boots.
func Join() func(*guestlog.Report) bool {
	var c counter
	return c.join
}

// Watch hands every change in the namespace of a case to take, as a run hears of
// it, until ctx ends. there is called for each kind that is watched.
func (b *Bed) Watch(
	ctx context.Context, c *scenarios.Case, namespace string, take func(time.Time, watch.EventType, runtime.Object), there func(),
) (kinds int, wait func() error) {
	r := b.newRun(ctx, c)
	r.namespace = namespace
	sources := r.sources()
	for _, s := range sources {
		f := &follower{source: s, take: take, lost: func(err error) { r.fail(err) }, back: there}
		r.work.Go(func() {
			if err := f.follow(ctx); err != nil {
				r.fail(err)
			}
		})
	}
	return len(sources), func() error {
		r.work.Wait()
		return r.broken()
	}
}

// Follow hands every change of a source to take until ctx ends.
func Follow(
	ctx context.Context, list func(context.Context, metav1.ListOptions) (runtime.Object, error),
	begin func(context.Context, metav1.ListOptions) (watch.Interface, error),
	take func(time.Time, watch.EventType, runtime.Object), lost func(error), back func(),
) error {
	f := &follower{source: source{"pods", list, begin}, take: take, lost: lost, back: back}
	return f.follow(ctx)
}

// Impatient gives requests up that take longer.
func Impatient(next http.RoundTripper, most time.Duration) http.RoundTripper {
	return impatient{next, most}
}
