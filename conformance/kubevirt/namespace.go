package kubevirt

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/vmprobe/vmprobe/scenarios"
)

// What everything has that a harness makes.
const (
	// ManagedLabel has the value Manager.
	ManagedLabel = "app.kubernetes.io/managed-by"
	Manager      = "vmprobe"
	// RunLabel names the harness.
	RunLabel = "vmprobe.dev/run"
	// CaseAnnotation is the whole name of the case.
	CaseAnnotation = "vmprobe.dev/case"
	// OwnerAnnotation is "host/pid" of the harness.
	OwnerAnnotation = "vmprobe.dev/owner"
	// ProcessAnnotation is "boot/namespace/start" of it: the boot id of its kernel,
	// the number of its process namespace, and its start in clock ticks.
	ProcessAnnotation = "vmprobe.dev/process"
	// ExpiresAnnotation is the instant after which nobody needs it any more.
	ExpiresAnnotation = "vmprobe.dev/expires"
)

// margin is what a case may take beyond its length and the start of its pods.
const margin = 5 * time.Minute

// newNamespace makes the namespace of a case, in which this user has its roles.
func (b *Bed) newNamespace(ctx context.Context, c *scenarios.Case) (string, error) {
	b.mu.Lock()
	b.made++
	name := fmt.Sprintf("vmprobe-%s-%d", b.id, b.made)
	b.there[name] = true
	b.mu.Unlock()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: b.labels(),
		Annotations: map[string]string{
			CaseAnnotation: c.ID(), OwnerAnnotation: owner(), ProcessAnnotation: process(),
			ExpiresAnnotation: time.Now().Add(c.Until + b.Patience + margin).UTC().Format(time.RFC3339),
		},
	}}
	err := insist(ctx, nil, func() error {
		_, err := b.Client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return name, explain("create namespaces", err)
	}
	return name, b.bind(ctx, name)
}

func (b *Bed) labels() map[string]string {
	return map[string]string{ManagedLabel: Manager, RunLabel: b.id}
}

// How long the removal of a namespace is tried when its case is over, and how long
// Close then waits for all of them.
const (
	removalTry      = 15 * time.Second
	removalPatience = 60 * time.Second
	removalPause    = 500 * time.Millisecond
)

// TidyPatience is what the testbed needs at most, from the end of the context of
// its runs, to remove its namespaces or to know which are left.
const TidyPatience = removalTry + removalPatience

// remove asks for the removal of a namespace, also when the run was given up:
// while the API does not answer it is tried again. VMs go first, as they would
// make pods anew; pods end at once.
func (b *Bed) remove(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), removalTry)
	defer cancel()
	if removeNamespace(ctx, b, name) {
		b.mu.Lock()
		delete(b.there, name)
		b.mu.Unlock()
	}
}

// removeNamespace tells whether the namespace is gone already.
func removeNamespace(ctx context.Context, b *Bed, name string) (gone bool) {
	now, background := int64(0), metav1.DeletePropagationBackground
	for {
		if b.Dynamic != nil { // where there is no KubeVirt, there is nothing of it
			for _, r := range []schema.GroupVersionResource{vmResource(), vmiResource()} {
				_ = b.Dynamic.Resource(r).Namespace(name).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
			}
		}
		_ = b.Client.CoreV1().Pods(name).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
		err := b.Client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background})
		switch {
		case apierrors.IsNotFound(err):
			return true
		case err == nil, apierrors.IsConflict(err): // it is going
			return false
		case !pause(ctx, removalPause):
			return false
		}
	}
}

// await waits until the namespaces are gone and names those that are not. One
// of which the removal could not be asked for is asked for again.
func (b *Bed) await(patience time.Duration) (left []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		b.mu.Lock()
		left = slices.Sorted(maps.Keys(b.there))
		b.mu.Unlock()
		if len(left) == 0 {
			return nil
		}
		for _, name := range left {
			ns, err := b.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
			switch {
			case apierrors.IsNotFound(err):
				b.mu.Lock()
				delete(b.there, name)
				b.mu.Unlock()
			case err == nil && ns.DeletionTimestamp == nil:
				removeNamespace(ctx, b, name)
			}
		}
		if !pause(ctx, removalPause) {
			return left
		}
	}
}

// pause sleeps; false: the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
