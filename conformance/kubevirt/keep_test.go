package kubevirt_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
)

// TestKeep: a report is in its ConfigMap, in place of the one before, compressed
// if it is large; a moment without the API loses nothing.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		refusals := 3
		client.PrependReactor("update", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
			if refusals--; refusals >= 0 {
				return true, nil, apierrors.NewServiceUnavailable("out of order")
			}
			return false, nil, nil
		})
		k := &kubevirt.Keeper{Client: client, Namespace: "vmprobe"}
		kept := func(data []byte) *corev1.ConfigMap {
			t.Helper()
			if err := k.Keep(t.Context(), "report", "report.json", data); err != nil {
				t.Fatal(err)
			}
			m, err := client.CoreV1().ConfigMaps("vmprobe").Get(t.Context(), "report", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		if m := kept([]byte("{}")); m.Data["report.json"] != "{}" {
			t.Errorf("%+v", m)
		}
		large := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
		m := kept(large)
		r, err := gzip.NewReader(bytes.NewReader(m.BinaryData["report.json.gz"]))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, large) || len(m.Data) > 0 {
			t.Errorf("%d bytes of %d, %v", len(got), len(large), err)
		}
		noise := make([]byte, 2<<20)
		source := rand.NewChaCha8([32]byte{})
		_, _ = source.Read(noise)
		if err := k.Keep(t.Context(), "report", "report.json", noise); err == nil || !strings.Contains(err.Error(), "write it to a volume") {
			t.Error(err)
		}
	})
}

// TestKeepIsAllowed: what cannot be written is told before anything is run.
func TestKeepIsAllowed(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		r := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		r.Status.Allowed = r.Spec.ResourceAttributes.Verb == "create" && r.Spec.ResourceAttributes.Namespace == "vmprobe"
		return true, r, nil
	})
	k := &kubevirt.Keeper{Client: client, Namespace: "vmprobe"}
	for name, want := range map[string]string{"report": "not allowed to update configmaps in namespace vmprobe", "Report!": "cannot be the name"} {
		if err := k.Check(t.Context(), []string{name}); !errors.Is(err, kubevirt.ErrCluster) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
