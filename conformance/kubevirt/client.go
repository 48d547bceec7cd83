package kubevirt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// ErrCluster says that the cluster cannot be used as it is; its text says how
// to mend that.
var ErrCluster = errors.New("the cluster cannot be used")

// unusable is an ErrCluster with what to do.
type unusable struct {
	what, fix string
	err       error
}

func (e *unusable) Error() string {
	text := e.what
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text + "; " + e.fix
}

// Unwrap makes errors.Is find ErrCluster and the cause.
func (e *unusable) Unwrap() []error { return []error{ErrCluster, e.err} }

// The client may ask as often as its watches and cases need; the server has
// limits of its own.
const (
	queriesPerSecond = 200
	queriesBurst     = 400
)

// Connect makes clients from a kubeconfig, the second one for VMs; an empty path
// stands for KUBECONFIG, then ~/.kube/config, then the service account of a pod.
func Connect(kubeconfig string) (kubernetes.Interface, dynamic.Interface, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		if clientcmd.IsEmptyConfig(err) || errors.Is(err, os.ErrNotExist) {
			return nil, nil, &unusable{"no kubeconfig", "name one by --kubeconfig or KUBECONFIG, or start a cluster with \"vmprobe cluster up\"", nameOf(kubeconfig, err)}
		}
		return nil, nil, badConfig(err)
	}
	config.QPS, config.Burst, config.UserAgent = queriesPerSecond, queriesBurst, "vmprobe"
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return impatient{next, requestTimeout} })
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, badConfig(err)
	}
	vms, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, nil, badConfig(err)
	}
	return client, vms, nil
}

func badConfig(err error) error {
	return &unusable{"kubeconfig", "mend the file, or name another one by --kubeconfig", err}
}

// request sends a request through the client for pods.
func (b *Bed) request(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r := b.Client.CoreV1().RESTClient().Verb(method).AbsPath(path)
	if body != nil {
		r = r.SetHeader("Content-Type", "application/json").Body(body)
	}
	return r.DoRaw(ctx)
}

// nameOf keeps of an error about a missing file what names it.
func nameOf(path string, err error) error {
	if path == "" {
		return nil
	}
	return err
}

// explain makes of an error of the API one that says what to do. what is the
// thing that was tried, "create pods".
func explain(what string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ErrCluster) {
		return err
	}
	var unreachable *url.Error
	var network net.Error
	switch {
	case apierrors.IsUnauthorized(err):
		return &unusable{"the cluster does not know this user", "log in again, or name another kubeconfig", err}
	case apierrors.IsForbidden(err):
		return &unusable{"not allowed to " + what, "grant it: " + roleFile + " has all that is needed", err}
	case errors.As(err, &unreachable), errors.As(err, &network):
		return &unusable{"the API server does not answer", "is the cluster up? \"vmprobe cluster status\" tells, and kubectl cluster-info", err}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// roleFile has the permissions that a harness needs, vmRoleFile what it needs for
// VMs beside them.
const (
	roleFile   = "conformance/kubevirt/deploy/rbac.yaml"
	vmRoleFile = "conformance/kubevirt/deploy/rbac-vms.yaml"
)
