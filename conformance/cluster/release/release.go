// Package release installs KubeVirt from the objects of one of its releases:
// the operator with its permissions, and the KubeVirt object that tells it what
// to deploy. Where the objects come from is for others to know.
package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// Release is a release of KubeVirt: the objects of its manifests, in their
// order.
type Release struct {
	objects []*unstructured.Unstructured
	// Version is the tag of the operator's image; empty: it has none.
	Version string
	// Emulate: there is no usable KVM, so KubeVirt is told to do without.
	Emulate bool
}

// Read reads files of manifests and tells all that is wrong with them; no files
// are no release, nil.
func Read(files []string) (*Release, error) {
	if len(files) == 0 {
		return nil, nil
	}
	r := &Release{}
	var errs []error
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err == nil {
			err = r.add(text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, r.complete())
	}
	return r, errors.Join(errs...)
}

// Parse reads manifests, as Read does.
func Parse(text []byte) (*Release, error) {
	r := &Release{}
	if err := r.add(text); err != nil {
		return nil, err
	}
	return r, r.complete()
}

// complete tells what is missing.
func (r *Release) complete() error {
	if r.find("Deployment") == nil || r.find("KubeVirt") == nil {
		return errors.New("the manifests have no operator (Deployment) or no object of kind KubeVirt: " +
			"name both files of a release, kubevirt-operator.yaml and kubevirt-cr.yaml")
	}
	return nil
}

// add reads the documents of a file.
func (r *Release) add(text []byte) error {
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for n := 1; ; n++ {
		u := &unstructured.Unstructured{}
		err := d.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
		if len(u.Object) == 0 {
			continue
		}
		if u.GetKind() == "" || u.GetAPIVersion() == "" || u.GetName() == "" {
			return fmt.Errorf("document %d: no object: it needs apiVersion, kind and metadata.name", n)
		}
		if u.GetKind() == "Deployment" {
			r.Version = imageVersion(u)
		}
		r.objects = append(r.objects, u)
	}
}

func (r *Release) find(kind string) *unstructured.Unstructured {
	for _, u := range r.objects {
		if u.GetKind() == kind {
			return u
		}
	}
	return nil
}

// imageVersion is the tag of the image of a deployment's first container.
func imageVersion(u *unstructured.Unstructured) string {
	list, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	if len(list) == 0 {
		return ""
	}
	c, _ := list[0].(map[string]any)
	image, _ := c["image"].(string)
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		return image[i+1:]
	}
	return ""
}

// prepared gives the objects as they are to be applied: without KVM, KubeVirt
// is told to emulate, and to ask for its share of the processors.
func (r *Release) prepared() ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, u := range r.objects {
		u = u.DeepCopy()
		if u.GetKind() == "KubeVirt" && r.Emulate {
			if err := unstructured.SetNestedField(u.Object, true, "spec", "configuration", "developerConfiguration", "useEmulation"); err != nil {
				return nil, fmt.Errorf("the KubeVirt object %s: %w", u.GetName(), err)
			}
			if err := claim(u); err != nil {
				return nil, fmt.Errorf("the KubeVirt object %s: %w", u.GetName(), err)
			}
		}
		out = append(out, u)
	}
	return out, nil
}

// share is what each component of KubeVirt asks for of a processor when VMs are
// emulated: twice what one of those asks for. A release asks for 5m to 10m, and VMs
// that use all that there is then keep virt-api from answering for tens of seconds.
const share = "200m"

// claim lets the components of KubeVirt ask for their share.
func claim(kubevirt *unstructured.Unstructured) error {
	path := []string{"spec", "customizeComponents", "patches"}
	patches, _, err := unstructured.NestedSlice(kubevirt.Object, path...)
	if err != nil {
		return err
	}
	for _, c := range []struct{ kind, name string }{
		{"Deployment", "virt-api"}, {"Deployment", "virt-controller"}, {"DaemonSet", "virt-handler"},
	} {
		patches = append(patches, map[string]any{
			"resourceType": c.kind, "resourceName": c.name, "type": "strategic",
			"patch": fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":%q,"resources":{"requests":{"cpu":%q}}}]}}}}`, c.name, share),
		})
	}
	return unstructured.SetNestedSlice(kubevirt.Object, patches, path...)
}

// Limits of the installation. Images come over the network.
const (
	kindLimit   = time.Minute // until a kind that was just defined is served
	deployLimit = 20 * time.Minute
	every       = 2 * time.Second
)

// Install applies a release and waits until KubeVirt says that it is deployed.
func Install(ctx context.Context, kubeconfig string, r *Release, tell func(string, time.Duration)) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))
	return apply(ctx, client, mapper, r, tell)
}

// apply is Install with the clients made.
func apply(ctx context.Context, client dynamic.Interface, mapper meta.ResettableRESTMapper, r *Release, tell func(string, time.Duration)) error {
	objects, err := r.prepared()
	if err != nil {
		return err
	}
	var kubevirt dynamic.ResourceInterface
	for _, u := range objects {
		to, err := resource(ctx, client, mapper, u)
		if err != nil {
			return err
		}
		if _, err := to.Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: "vmprobe", Force: true}); err != nil {
			return fmt.Errorf("apply %s %s: %w", u.GetKind(), u.GetName(), err)
		}
		if u.GetKind() == "KubeVirt" {
			kubevirt = to
		}
	}
	return awaitDeployed(ctx, kubevirt, r.find("KubeVirt").GetName(), tell)
}

// resource finds where objects of a kind go; a kind that was just defined takes
// a moment to be served.
func resource(ctx context.Context, client dynamic.Interface, mapper meta.ResettableRESTMapper, u *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	ctx, cancel := context.WithTimeout(ctx, kindLimit)
	defer cancel()
	kind := u.GroupVersionKind()
	for {
		m, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err == nil {
			to := client.Resource(m.Resource)
			if m.Scope.Name() == meta.RESTScopeNameNamespace {
				namespace := u.GetNamespace()
				if namespace == "" {
					namespace = metav1.NamespaceDefault
				}
				return to.Namespace(namespace), nil
			}
			return to, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s %s: %w", u.GetKind(), u.GetName(), err)
		case <-time.After(every):
			mapper.Reset()
		}
	}
}

// awaitDeployed waits for the phase Deployed and tells of the others.
func awaitDeployed(ctx context.Context, to dynamic.ResourceInterface, name string, tell func(string, time.Duration)) error {
	ctx, cancel := context.WithTimeout(ctx, deployLimit)
	defer cancel()
	began := time.Now()
	for {
		phase := "not seen by its operator yet"
		u, err := to.Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			if p, _, _ := unstructured.NestedString(u.Object, "status", "phase"); p != "" {
				phase = p
			}
		}
		if phase == "Deployed" {
			return nil
		}
		tell("wait for KubeVirt: "+phase, time.Since(began))
		select {
		case <-ctx.Done():
			return fmt.Errorf("KubeVirt is not deployed after %s: %s: %w", time.Since(began).Round(time.Second), phase, errors.Join(err, ctx.Err()))
		case <-time.After(every):
		}
	}
}
