package kubevirt

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// Fate is what became of a namespace.
type Fate string

// The fates of namespaces.
const (
	Removed  Fate = "removed"  // it is gone
	Removing Fate = "removing" // its removal was asked for, and it is still there
	Kept     Fate = "kept"     // somebody may need it
)

// Swept is what became of a namespace that a harness made.
type Swept struct {
	Namespace string `json:"namespace"`
	Case      string `json:"case,omitempty"`
	Fate      Fate   `json:"fate"`
	// Reason is why it was kept, or not.
	Reason string `json:"reason"`
	// Holds is what the cluster says that keeps it from going: conditions and
	// finalizers.
	Holds []string `json:"holds,omitempty"`
}

// Broom says what Sweep does. Client is required.
type Broom struct {
	Client kubernetes.Interface
	// Dynamic is for VMs; nil: there are none.
	Dynamic dynamic.Interface
	// All removes also what others may need.
	All bool
	// Wait is how long to wait until namespaces are gone; 0: not at all.
	Wait time.Duration
}

// Sweep removes the namespaces that harnesses left behind: those whose harness
// is known to have ended, and those that have expired. With All the others, too.
// One that is being removed already is waited for.
func (o Broom) Sweep(ctx context.Context) ([]Swept, error) {
	list, err := o.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: ManagedLabel + "=" + Manager})
	if err != nil {
		return nil, explain("list namespaces", err)
	}
	b := New(Config{Client: o.Client, Dynamic: o.Dynamic})
	out := make([]Swept, 0, len(list.Items))
	for i := range list.Items {
		ns := &list.Items[i]
		s := Swept{Namespace: ns.Name, Case: ns.Annotations[CaseAnnotation], Fate: Kept}
		going := ns.DeletionTimestamp != nil
		if going {
			s.Reason = "it has been going since " + ns.DeletionTimestamp.UTC().Format(time.RFC3339)
		} else {
			going, s.Reason = abandoned(ns, time.Now())
		}
		if going || o.All {
			s.Fate = Removing
		}
		if s.Fate == Removing && ns.DeletionTimestamp == nil {
			b.remove(ns.Name)
		}
		out = append(out, s)
	}
	return out, o.settle(ctx, out)
}

// settle waits until what is being removed is gone, and finds out what holds the
// rest.
func (o Broom) settle(ctx context.Context, list []Swept) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for end := time.Now().Add(o.Wait); ; {
		left := 0
		for i := range list {
			s := &list[i]
			if s.Fate != Removing {
				continue
			}
			ns, err := o.Client.CoreV1().Namespaces().Get(ctx, s.Namespace, metav1.GetOptions{})
			switch {
			case apierrors.IsNotFound(err):
				s.Fate, s.Holds = Removed, nil
				continue
			case err != nil && (permanent(err) || time.Now().After(end)):
				return explain("get namespaces", err)
			case err == nil:
				s.Holds = holds(ns)
			}
			left++
		}
		switch {
		case left == 0 || time.Now().After(end):
			return nil
		case !pause(ctx, removalPause):
			return ctx.Err()
		}
	}
}

// holds is what a namespace says that keeps it from going.
func holds(ns *corev1.Namespace) (list []string) {
	for _, c := range ns.Status.Conditions {
		if c.Status == corev1.ConditionTrue {
			list = append(list, c.Reason+": "+c.Message)
		}
	}
	finalizers := slices.Clone(ns.Finalizers)
	for _, f := range ns.Spec.Finalizers {
		finalizers = append(finalizers, string(f))
	}
	if len(finalizers) > 0 {
		list = append(list, "finalizers: "+strings.Join(finalizers, ", "))
	}
	return list
}
