package kubevirt_test

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// TestSweep: what nobody needs any more is removed, what belongs to somebody
// else or is needed stays.
func TestSweep(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	later, before := time.Now().Add(time.Hour).Format(time.RFC3339), time.Now().Add(-time.Hour).Format(time.RFC3339)
	client := fake.NewSimpleClientset()
	add := func(name, owner, expires string, labels map[string]string) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{
			kubevirt.OwnerAnnotation: owner, kubevirt.ExpiresAnnotation: expires,
		}}}
		if err := client.Tracker().Add(ns); err != nil {
			t.Fatal(err)
		}
	}
	ours := map[string]string{kubevirt.ManagedLabel: kubevirt.Manager}
	add("mine", host+"/"+strconv.Itoa(os.Getpid()), later, ours)
	add("killed", host+"/2147483600", later, ours)
	add("elsewhere", "another-host/1", later, ours)
	add("expired", "another-host/1", before, ours)
	add("odd", "", "", ours)
	add("theirs", "", before, map[string]string{kubevirt.ManagedLabel: "somebody"})
	for _, c := range []struct {
		all  bool
		want []string // that are left
	}{
		{false, []string{"elsewhere", "mine", "theirs"}},
		{true, []string{"theirs"}},
	} {
		if _, err := kubevirt.Sweep(t.Context(), client, nil, c.all); err != nil {
			t.Fatal(err)
		}
		list, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for i := range list.Items {
			left = append(left, list.Items[i].Name)
		}
		if slices.Sort(left); !slices.Equal(left, c.want) {
			t.Errorf("all=%t: left %v, want %v", c.all, left, c.want)
		}
	}
}
