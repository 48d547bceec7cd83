package kubevirt_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/cluster"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// act is something that a kubelet, a controller or a guest does at an instant
// of the run.
type act struct {
	at     time.Duration
	object runtime.Object   // written to the API
	gone   bool             // the object is removed instead
	report *guestlog.Report // of the guest of vm, in the pod
	vm     string
	pod    string
	told   bool // somebody is about to delete vm
}

// rehearse simulates a case and lists what a cluster and its guests would do.
func rehearse(t *testing.T, c *scenarios.Case) []act {
	t.Helper()
	p := &player{t: t, c: c, guests: map[string]*played{}}
	bed := simbed.Bed{Publish: func(api *cluster.Cluster) platform.Publisher { return publisher{api, p} }}
	if err := bed.Play(t.Context(), c, 1, p); err != nil {
		t.Fatal(err)
	}
	return p.acts
}

type player struct {
	t      *testing.T
	c      *scenarios.Case
	acts   []act
	guests map[string]*played // by VM
}

// played is the guest whose reports are written.
type played struct {
	pod            string
	container, seq int
}

// Record implements trace.Sink.
func (p *player) Record(e trace.Event) {
	g := p.guests[e.VM]
	if g == nil {
		g = &played{}
		p.guests[e.VM] = g
	}
	r := &guestlog.Report{Version: guestlog.Version, At: e.T, Endpoint: e.Value}
	switch e.Kind {
	case trace.Terminating:
		p.acts = append(p.acts, act{at: e.T, vm: e.VM, told: true})
		return
	case trace.ContainerStarted:
		p.begin(g, e)
		r.Event, r.Endpoint = guestlog.EventHello, ""
	case trace.GuestBoot:
		r.Event = guestlog.EventBoot
	case trace.GuestStep:
		r.Event, r.As = guestlog.EventStep, e.Msg
	case trace.GuestPower:
		r.Event, r.Power = guestlog.EventPower, e.Value
	case trace.Violation:
		r.Event, r.Note = guestlog.EventViolation, e.Msg
	case trace.Kill:
		if e.Value != map[bool]string{false: "sigterm", true: "acpi"}[p.c.Profile.VM] {
			return
		}
		r.Event, r.Endpoint = guestlog.EventTerm, ""
	case trace.GuestSaw:
		if !trace.ViewGuest.ShowsSYNs() && (strings.HasPrefix(e.Msg, `{"connect":"refused"`) || strings.HasPrefix(e.Msg, `{"connect":"blackhole"`)) {
			return
		}
		r.Event, r.Did = guestlog.EventSaw, &fakevm.Reply{}
		if json.Unmarshal([]byte(e.Msg), r.Did) != nil {
			r.Did, r.Seen = nil, e.Msg
		}
	default:
		return
	}
	g.seq++
	r.Container, r.Seq = g.container, g.seq
	p.acts = append(p.acts, act{at: e.T, report: r, vm: e.VM, pod: g.pod})
}

// begin begins the reports of another container: of a VM each has a pod of its own.
func (p *player) begin(g *played, e trace.Event) {
	g.seq = 0
	if p.c.Profile.VM {
		g.pod, g.container = fmt.Sprintf("virt-launcher-%s-%d", e.VM, e.Instance), 1
		return
	}
	g.pod = e.VM
	g.container++
}

// publisher notes what the platform writes.
type publisher struct {
	*cluster.Cluster
	p *player
}

func (x publisher) note(at time.Duration, o runtime.Object, err error) {
	if err != nil {
		x.p.t.Fatal(err)
	}
	x.p.acts = append(x.p.acts, act{at: at, object: o})
}

func (x publisher) Pod(at time.Duration, pod platform.Pod) {
	x.Cluster.Pod(at, pod)
	o, err := x.Client().CoreV1().Pods(pod.Namespace).Get(context.Background(), pod.Name, metav1.GetOptions{})
	x.note(at, o, err)
}

func (x publisher) PodDeleted(at time.Duration, pod platform.Pod) {
	o, err := x.Client().CoreV1().Pods(pod.Namespace).Get(context.Background(), pod.Name, metav1.GetOptions{})
	x.Cluster.PodDeleted(at, pod)
	if err == nil {
		x.p.acts = append(x.p.acts, act{at: at, object: o, gone: true})
	}
}

func (x publisher) VMI(at time.Duration, v platform.VMI) {
	x.Cluster.VMI(at, v)
	o, err := x.instance(v)
	x.note(at, o, err)
}

func (x publisher) VMIDeleted(at time.Duration, v platform.VMI) {
	o, err := x.instance(v)
	x.Cluster.VMIDeleted(at, v)
	if err == nil {
		x.p.acts = append(x.p.acts, act{at: at, object: o, gone: true})
	}
}

func (x publisher) instance(v platform.VMI) (runtime.Object, error) {
	vmis := kubevirtv1.GroupVersion.WithResource("virtualmachineinstances")
	return x.Dynamic().Resource(vmis).Namespace(v.Namespace).Get(context.Background(), v.VM, metav1.GetOptions{})
}

func (x publisher) Endpoint(at time.Duration, e platform.Endpoint) bool {
	ready := x.Cluster.Endpoint(at, e)
	list, err := x.Client().DiscoveryV1().EndpointSlices(e.Namespace).List(context.Background(), metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + e.VM,
	})
	x.note(at, &list.Items[0], err)
	return ready
}

func (x publisher) Event(at time.Duration, e platform.Event) {
	x.Cluster.Event(at, e)
	list, err := x.Client().CoreV1().Events(e.Namespace).List(context.Background(), metav1.ListOptions{})
	for i := range list.Items {
		if list.Items[i].Reason == e.Reason && list.Items[i].Message == e.Message && list.Items[i].InvolvedObject.Name == cmp.Or(e.Pod, e.VM) {
			x.note(at, &list.Items[i], err)
		}
	}
}
