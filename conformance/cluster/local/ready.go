//go:build linux

package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// api asks the API server.
type api struct {
	core    kubernetes.Interface
	dynamic dynamic.Interface
}

func newAPI(kubeconfig string) (*api, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 50, 100
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	dyn, err := dynamic.NewForConfig(config)
	return &api{core, dyn}, err
}

// ready is nil when the API server says that it is.
func (a *api) ready(ctx context.Context) error {
	return a.core.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// define creates definitions, YAML documents, and waits until the API server
// serves them.
func (a *api) define(ctx context.Context, documents []byte) error {
	kind := a.dynamic.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	var names []string
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(documents), 4096)
	for {
		var u unstructured.Unstructured
		err := d.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(u.Object) == 0 {
			continue
		}
		_, err = kind.Create(ctx, &u, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("definition %s: %w", u.GetName(), err)
		}
		names = append(names, u.GetName())
	}
	return poll(ctx, startLimit, func() (bool, error) {
		for _, name := range names {
			u, err := kind.Get(ctx, name, metav1.GetOptions{})
			if err != nil || !established(u) {
				return false, err
			}
		}
		return true, nil
	})
}

func established(u *unstructured.Unstructured) bool {
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range list {
		if m, ok := c.(map[string]any); ok && m["type"] == "Established" && m["status"] == "True" {
			return true
		}
	}
	return false
}

// account tells whether pods can be made in the namespace default: they need
// its service account, which comes some seconds late.
func (a *api) account(ctx context.Context) bool {
	_, err := a.core.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	return err == nil
}

// nodeReady tells whether the node takes pods.
func (a *api) nodeReady(ctx context.Context) bool {
	n, err := a.core.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil || len(n.Spec.Taints) > 0 {
		return false
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
