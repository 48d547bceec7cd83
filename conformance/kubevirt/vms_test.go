package kubevirt_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/probes"
)

// TestKubeVirtIsAsked: a KubeVirt that is out of order is neither absent nor of the
// newest version; only one that is not there is not there.
func TestKubeVirtIsAsked(t *testing.T) {
	c := one(t, "agent-garbage-sticks", probes.KubeVirt)
	nowhere := apierrors.NewNotFound(schema.GroupResource{}, "version")
	for name, x := range map[string]struct {
		discovery, version []error // of each try; then there is none
		broken             bool
		lacks              string // what the case is told
	}{
		"there":              {nil, nil, false, ""},
		"comes back":         {[]error{refusedConnection(), apierrors.NewServiceUnavailable("x")}, []error{apierrors.NewServiceUnavailable("virt-api")}, false, ""},
		"absent":             {[]error{nowhere}, nil, false, "the cluster has no KubeVirt"},
		"only its resources": {nil, []error{nowhere}, false, "no KubeVirt answers"},
		"discovery broken":   {slices.Repeat([]error{apierrors.NewServiceUnavailable("x")}, 1000), nil, true, ""},
		"version broken":     {nil, slices.Repeat([]error{apierrors.NewServiceUnavailable("virt-api")}, 1000), true, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}}) // it is not ready: nothing more is tried
			client.Resources = []*metav1.APIResourceList{{GroupVersion: kubevirtv1.GroupVersion.String()}}
			client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
				r := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview) //nolint:forcetypeassert // reviews are
				r.Status.Allowed = true
				return true, r, nil
			})
			next := func(list *[]error) (err error) {
				if len(*list) > 0 {
					err, *list = (*list)[0], (*list)[1:]
				}
				return err
			}
			client.PrependReactor("get", "resource", func(clienttesting.Action) (bool, runtime.Object, error) {
				err := next(&x.discovery)
				return err != nil, nil, err
			})
			bed := kubevirt.New(kubevirt.Config{Client: client, Dynamic: refusing(nil), Raw: func(context.Context, string, string, []byte) ([]byte, error) {
				return []byte(`{"gitVersion":"v1.9.0"}`), next(&x.version)
			}})
			err := bed.Prepare(t.Context())
			if !errors.Is(err, kubevirt.ErrCluster) && !x.broken || strings.Contains(err.Error(), "no node of the cluster is ready") == x.broken {
				t.Errorf("%s: %v", name, err)
			}
			if why := bed.Unsupported(c); !x.broken && (!strings.Contains(why, x.lacks) || x.lacks == "" && strings.Contains(why, "KubeVirt")) {
				t.Errorf("%s: %q, want %q", name, why, x.lacks)
			}
		})
	}
}
