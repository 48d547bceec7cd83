package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Observer reads readiness through the Kubernetes API as any client would. It
// works on a simulated cluster and on a real one.
type Observer struct{ client kubernetes.Interface }

// NewObserver reads through that client.
func NewObserver(client kubernetes.Interface) Observer { return Observer{client: client} }

// EndpointReady tells whether the entry of a pod in the service's slices is
// ready; found is false when there is none. A missing condition counts as
// ready, as the API has it.
func (o Observer) EndpointReady(namespace, service, pod string) (ready, found bool, err error) {
	list, err := o.client.DiscoveryV1().EndpointSlices(namespace).List(context.Background(), metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + service,
	})
	if err != nil {
		return false, false, err
	}
	for i := range list.Items {
		for _, e := range list.Items[i].Endpoints {
			if e.TargetRef != nil && e.TargetRef.Name == pod {
				return e.Conditions.Ready == nil || *e.Conditions.Ready, true, nil
			}
		}
	}
	return false, false, nil
}

// PodReady tells the Ready condition of a pod and its reason.
func (o Observer) PodReady(namespace, name string) (ready bool, reason string, err error) {
	pod, err := o.client.CoreV1().Pods(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return false, "", err
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue, c.Reason, nil
		}
	}
	return false, "", nil
}
