package kubevirt

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// Keeper writes reports into ConfigMaps, where they outlive the pod that made
// them.
type Keeper struct {
	// Client is that of the cluster.
	Client kubernetes.Interface
	// Namespace is where the ConfigMaps are.
	Namespace string
}

// NewKeeper connects to a cluster as Connect does, and asks whether ConfigMaps of
// those names may be written in the namespace of the kubeconfig, or of the pod.
func NewKeeper(ctx context.Context, kubeconfig string, names []string) (*Keeper, error) {
	client, _, err := Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	namespace, _, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).Namespace()
	if err != nil {
		return nil, badConfig(err)
	}
	k := &Keeper{Client: client, Namespace: namespace}
	return k, k.Check(ctx, names)
}

// Check asks whether ConfigMaps of those names can be written. The error is an
// ErrCluster.
func (k *Keeper) Check(ctx context.Context, names []string) error {
	for _, name := range names {
		if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
			return &unusable{fmt.Sprintf("%q cannot be the name of a ConfigMap", name), strings.Join(wrong, "; "), nil}
		}
		for _, verb := range []string{"create", "update"} {
			review, err := k.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: k.Namespace, Verb: verb, Resource: "configmaps", Name: name,
				}},
			}, metav1.CreateOptions{})
			if err != nil {
				return explain("ask what is allowed", err)
			}
			if !review.Status.Allowed {
				return &unusable{"not allowed to " + verb + " configmaps in namespace " + k.Namespace, "grant it: " + roleFile + " has all that is needed", nil}
			}
		}
	}
	return nil
}

// What an object of the API may hold is bounded (1 MiB of a ConfigMap's data);
// a larger report is compressed.
const (
	plainMost      = 900 << 10
	compressedMost = 1 << 20
)

// Keep writes a file into a ConfigMap, whose other files go. One that is too large
// is compressed: it is called file.gz then, and among the binary data. While the
// API does not answer it is tried again, until the context ends.
func (k *Keeper) Keep(ctx context.Context, name, file string, data []byte) error {
	m := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{ManagedLabel: Manager}},
		Data:       map[string]string{file: string(data)},
	}
	if len(data) > plainMost {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(data) // memory takes everything
		_ = w.Close()
		if b.Len() > compressedMost {
			return fmt.Errorf("write ConfigMap %s: %s has %d bytes, too many for one: write it to a volume", name, file, len(data))
		}
		m.Data, m.BinaryData = nil, map[string][]byte{file + ".gz": b.Bytes()}
	}
	maps := k.Client.CoreV1().ConfigMaps(k.Namespace)
	for {
		_, err := maps.Update(ctx, m, metav1.UpdateOptions{})
		if apierrors.IsNotFound(err) {
			_, err = maps.Create(ctx, m, metav1.CreateOptions{})
		}
		if err == nil || permanent(err) || apierrors.IsInvalid(err) || !pause(ctx, time.Second) {
			return explain("write ConfigMap "+name, err)
		}
	}
}
