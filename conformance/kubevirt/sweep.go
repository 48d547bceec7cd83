package kubevirt

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// Swept is what became of a namespace that a harness made.
type Swept struct {
	Namespace string `json:"namespace"`
	Case      string `json:"case,omitempty"`
	// Removed tells that its removal was asked for; else Reason says why not.
	Removed bool   `json:"removed"`
	Reason  string `json:"reason"`
}

// Sweep removes the namespaces that harnesses left behind: those whose harness
// ran on this host and does not any more, and those that have expired. With all
// the others, too. vms is for VMs; nil: there are none.
func Sweep(ctx context.Context, client kubernetes.Interface, vms dynamic.Interface, all bool) ([]Swept, error) {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: ManagedLabel + "=" + Manager})
	if err != nil {
		return nil, explain("list namespaces", err)
	}
	b := New(Config{Client: client, Dynamic: vms})
	var out []Swept
	for i := range list.Items {
		ns := &list.Items[i]
		s := Swept{Namespace: ns.Name, Case: ns.Annotations[CaseAnnotation]}
		s.Removed, s.Reason = abandoned(ns, time.Now(), alive)
		if all && !s.Removed {
			s.Removed = true
		}
		if s.Removed {
			removeNamespace(ctx, b, ns.Name)
			if err := ctx.Err(); err != nil {
				return out, err
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// abandoned tells whether nobody needs a namespace any more, and why.
func abandoned(ns *corev1.Namespace, now time.Time, alive func(pid int) bool) (yes bool, reason string) {
	if ns.DeletionTimestamp != nil {
		return false, "it is being removed already"
	}
	host, pid := ownerOf(ns.Annotations[OwnerAnnotation])
	here, _ := os.Hostname() // unknown: nobody is here
	if pid > 0 && host == here && !alive(pid) {
		return true, "its harness, process " + strconv.Itoa(pid) + " of this host, is gone"
	}
	end, err := time.Parse(time.RFC3339, ns.Annotations[ExpiresAnnotation])
	if err != nil {
		return true, "nothing says when it expires"
	}
	if now.After(end) {
		return true, "it expired at " + end.Format(time.RFC3339)
	}
	return false, "its harness on " + host + " may still need it, until " + end.Format(time.RFC3339)
}

// alive tells whether a process of this host runs.
func alive(pid int) bool {
	if _, err := os.Stat("/proc/self"); err != nil {
		return true // nobody can tell
	}
	_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	return err == nil
}
