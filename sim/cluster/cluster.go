// Package cluster shows a simulated platform to readers of the Kubernetes API:
// Pods, EndpointSlices and Events in client-go's fake clientset, VMs and VMIs
// in its dynamic fake. An observer written for a real cluster reads the same
// objects here.
//
//	c := cluster.New()
//	c.Add(cluster.Member{Name: "web", VM: vm, Probes: probes})
//	platform.New(platform.Config{..., Publisher: c})
//	c.Client(), c.Dynamic()              // for observers
//
// Everything happens on the caller's thread: objects are written to the
// trackers behind the fakes, and read by Get and List. There is no informer
// and no goroutine; a watch works, but its reader would need one. Timestamps
// are virtual instants after sim.Epoch, names are counted: equal runs leave
// equal objects. A Cluster serves one kernel; fleets use platform.Null.
package cluster

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/platform"
)

// Member is what the API knows of a VM before it starts. Of VM, VMI and Pod
// the one that the user created is set; without any, a bare VMI is shown.
type Member struct {
	Name      string
	Namespace string // default "default"
	VM        *kubevirtv1.VirtualMachine
	VMI       *kubevirtv1.VirtualMachineInstance
	Pod       *corev1.Pod
	// Container is the name of the container that is probed, of a pod that the
	// user did not create; default "compute".
	Container string
	// Probes are rendered into the pod's container, as the profile effects
	// them (KV-COPY, KV-DELAY-PLUS10, GA-MAP).
	Probes []probes.Probe
	// ExecOuterExtra is the profile's addition to exec timeouts (GA-MAP).
	ExecOuterExtra time.Duration
	// Address is the address of a pod, by its number; nil counts through
	// 10.244.0.0/16.
	Address func(pod int32) string
}

// Cluster is an API that holds the objects of one world.
type Cluster struct {
	client  *fake.Clientset
	dynamic *dynamicfake.FakeDynamicClient
	members map[string]*member // looked up, never ranged over
	count   int
	events  map[eventKey]*corev1.Event
	err     error
}

var _ platform.Publisher = (*Cluster)(nil)

// member is a Member and what was last written about it.
type member struct {
	Member
	number   int
	template corev1.PodSpec
	slice    discoveryv1.EndpointSlice
	ready    since // of VMI and VM
	paused   since
}

// since is a condition's status and the instant of its last change.
type since struct {
	status bool
	at     time.Duration
}

func (s *since) set(status bool, at time.Duration) metav1.Time {
	if s.status != status {
		s.status, s.at = status, at
	}
	return Time(s.at)
}

// Time is a virtual instant on the cluster's clock.
func Time(at time.Duration) metav1.Time { return metav1.NewTime(sim.Epoch.Add(at)) }

// The resources that a cluster holds beside those of client-go.
func vmResource() schema.GroupVersionResource {
	return kubevirtv1.GroupVersion.WithResource("virtualmachines")
}

func vmiResource() schema.GroupVersionResource {
	return kubevirtv1.GroupVersion.WithResource("virtualmachineinstances")
}

// New makes an empty cluster.
func New() *Cluster {
	return &Cluster{
		// NewClientset would track the owners of fields, which costs
		// milliseconds a write and serves only server-side apply.
		client: fake.NewSimpleClientset(),
		dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
			map[schema.GroupVersionResource]string{
				vmResource():  "VirtualMachineList",
				vmiResource(): "VirtualMachineInstanceList",
			}),
		members: map[string]*member{},
		events:  map[eventKey]*corev1.Event{},
	}
}

// Client reads pods, endpoint slices, services and events.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Dynamic reads VMs and VMIs.
func (c *Cluster) Dynamic() dynamic.Interface { return c.dynamic }

// Err is the first refusal of the API, nil when there was none.
func (c *Cluster) Err() error { return c.err }

// Add makes a VM known: its VM object, and the service in front of it.
func (c *Cluster) Add(m Member) {
	if m.Namespace == "" {
		m.Namespace = "default"
	}
	own := &member{Member: m, number: c.count}
	c.count++
	c.members[m.Namespace+"/"+m.Name] = own
	own.template = podSpec(&own.Member)
	own.slice = newSlice(&own.Member)
	c.create(serviceOf(&own.Member))
	c.create(own.slice.DeepCopy())
	if m.VM != nil {
		c.writeVM(own, 0, platform.VMI{Namespace: m.Namespace})
	}
}

// member finds a VM; one that was not added is made known with defaults.
func (c *Cluster) member(namespace, name string) *member {
	m := c.members[namespace+"/"+name]
	if m == nil {
		c.Add(Member{Name: name, Namespace: namespace})
		m = c.members[namespace+"/"+name]
	}
	return m
}

func (m *member) address(pod int32) string {
	if m.Address != nil {
		return m.Address(pod)
	}
	return fmt.Sprintf("10.244.%d.%d", m.number%256, (pod-1)%254+1)
}

func (c *Cluster) note(err error) {
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("cluster: %w", err)
	}
}

func resourceOf(obj runtime.Object) schema.GroupVersionResource {
	switch obj.(type) {
	case *corev1.Pod:
		return corev1.SchemeGroupVersion.WithResource("pods")
	case *corev1.Service:
		return corev1.SchemeGroupVersion.WithResource("services")
	case *corev1.Event:
		return corev1.SchemeGroupVersion.WithResource("events")
	case *discoveryv1.EndpointSlice:
		return discoveryv1.SchemeGroupVersion.WithResource("endpointslices")
	}
	panic(fmt.Sprintf("cluster: no resource for %T", obj))
}

// object is anything with a name.
type object interface {
	runtime.Object
	metav1.Object
}

func (c *Cluster) create(o object) {
	c.note(c.client.Tracker().Create(resourceOf(o), o, o.GetNamespace()))
}

// apply creates or replaces an object.
func apply(t clienttesting.ObjectTracker, r schema.GroupVersionResource, o object) error {
	err := t.Update(r, o, o.GetNamespace())
	if apierrors.IsNotFound(err) {
		err = t.Create(r, o, o.GetNamespace())
	}
	return err
}
