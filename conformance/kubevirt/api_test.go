package kubevirt_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/scenarios"
)

// namespace makes one for a test, which is gone when the test is over.
func namespace(t *testing.T, bed *kubevirt.Bed) string {
	t.Helper()
	closed(t, bed)
	return namespaceIn(t, bed)
}

// closed closes a bed when a test is over.
func closed(t *testing.T, bed *kubevirt.Bed) {
	t.Helper()
	t.Cleanup(func() {
		if err := bed.Close(); err != nil {
			t.Error(err)
		}
	})
}

// namespaceIn makes one for a test and begins to remove it.
func namespaceIn(t *testing.T, bed *kubevirt.Bed) string {
	t.Helper()
	name, err := bed.NewNamespace(t.Context(), &scenarios.Case{Scenario: "test", Until: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bed.Remove(name) })
	for range 300 { // pods are refused until then
		if _, err = bed.Client.CoreV1().ServiceAccounts(name).Get(t.Context(), "default", metav1.GetOptions{}); err == nil {
			return name
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal(err)
	return ""
}

// TestManifestsAreAccepted: a real API server takes the objects of every case
// that can run, and refuses those of every case whose pod must be refused.
func TestManifestsAreAccepted(t *testing.T) {
	_, client := realAPI(t)
	bed := kubevirt.New(kubevirt.Config{Client: client})
	if err := bed.AskVersion(t.Context()); err != nil {
		t.Fatal(err)
	}
	ns := namespace(t, bed)
	names, err := fs.Glob(scenarios.Embedded(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	accepted, refused := 0, 0
	for _, name := range names {
		for _, c := range load(t, strings.TrimSuffix(name, ".yaml")) {
			if bed.Unsupported(c) != "" {
				continue
			}
			for i := range c.VMs {
				v := &c.VMs[i]
				pod, err := bed.PodOf(c, v)
				if err != nil {
					t.Errorf("%s: %v", c.ID(), err)
					continue
				}
				_, err = client.CoreV1().Pods(ns).Create(t.Context(), pod, dry)
				if v.Resolved.Rejected() {
					if v.Machine.Pod != nil && len(v.Machine.Pod.Spec.Containers) > 0 { // of a VM's probes only the effective ones are known
						refused++
						if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
							t.Errorf("%s: %s must be refused: %v", c.ID(), v.Name, err)
						}
					}
					continue
				}
				accepted++
				if err != nil {
					t.Errorf("%s: %s: %v", c.ID(), v.Name, err)
				}
				if _, err := client.CoreV1().Services(ns).Create(t.Context(), bed.ServiceOf(v), dry); err != nil {
					t.Errorf("%s: service of %s: %v", c.ID(), v.Name, err)
				}
			}
		}
	}
	if accepted < 300 {
		t.Errorf("only %d pods", accepted)
	}
	t.Logf("%d pods accepted, %d refused", accepted, refused)
}

// documents reads the manifests of a file.
func documents(t *testing.T, name string) (list []*unstructured.Unstructured) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := yaml.NewYAMLOrJSONDecoder(f, 4096); ; {
		u := &unstructured.Unstructured{}
		if err := d.Decode(u); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if u.Object != nil {
			list = append(list, u)
		}
	}
}

// resources are the kinds of the deployment.
func resourceOf(u *unstructured.Unstructured) schema.GroupVersionResource {
	gvk := u.GroupVersionKind()
	return gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind) + "s")
}

// TestDeployment: the manifests are taken, and what they grant is what a
// harness needs, and no more.
func TestDeployment(t *testing.T) {
	config, _ := realAPI(t)
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("deploy/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	slices.SortFunc(files, func(a, b string) int { // the namespace and the account come first
		return strings.Compare(b, a)
	})
	slices.SortStableFunc(files, func(a, b string) int {
		switch {
		case strings.HasSuffix(a, "rbac.yaml"):
			return -1
		case strings.HasSuffix(b, "rbac.yaml"):
			return 1
		}
		return 0
	})
	for _, name := range files {
		for _, u := range documents(t, name) {
			r := objects.Resource(resourceOf(u)).Namespace(u.GetNamespace())
			o := metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}
			if u.GetKind() == "Job" {
				o.DryRun = []string{metav1.DryRunAll}
			}
			if _, err := r.Create(t.Context(), u, o); err != nil {
				t.Fatalf("%s: %s %s: %v", name, u.GetKind(), u.GetName(), err)
			}
			if u.GetKind() != "Job" {
				t.Cleanup(func() {
					if err := r.Delete(context.Background(), u.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
						t.Error(err)
					}
				})
			}
		}
	}
	as := rest.CopyConfig(config)
	as.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:vmprobe:vmprobe", Groups: []string{"system:authenticated"}}
	account, err := kubernetes.NewForConfig(as)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 { // the authorizer learns of the role a moment later
		if err = kubevirt.New(kubevirt.Config{Client: account}).Permitted(t.Context()); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Error(err)
	}
	confined(t, account)
	if _, err := account.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("the account sees secrets: %v", err)
	}
	as.Impersonate.UserName = "nobody"
	nobody, err := kubernetes.NewForConfig(as)
	if err != nil {
		t.Fatal(err)
	}
	if err := kubevirt.New(kubevirt.Config{Client: nobody}).Permitted(t.Context()); err == nil || !strings.Contains(err.Error(), "create namespaces") {
		t.Errorf("nobody may run cases: %v", err)
	}
}

// confined: an account with the roles of the deployment has pods in the namespaces
// that it made, and in no others, and cannot take itself more.
func confined(t *testing.T, account kubernetes.Interface) {
	t.Helper()
	bed := kubevirt.New(kubevirt.Config{Client: account})
	if err := bed.Permitted(t.Context()); err != nil {
		t.Fatal(err)
	}
	own, err := bed.NewNamespace(t.Context(), &scenarios.Case{Scenario: "test", Until: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		bed.Remove(own)
		if err := bed.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := account.CoreV1().Pods(own).List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
	for _, where := range []string{"default", "kube-system", ""} {
		if _, err := account.CoreV1().Pods(where).List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("the account sees pods in namespace %q: %v", where, err)
		}
	}
	if _, err := account.RbacV1().RoleBindings(own).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "more"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "system:serviceaccount:vmprobe:vmprobe"}},
	}, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("the account makes itself an administrator: %v", err)
	}
}
