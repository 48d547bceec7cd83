package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/cluster"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// nobody is a guest and a prober that do nothing.
type nobody struct{}

func (nobody) Boot(int32)                          {}
func (nobody) ACPIShutdown()                       {}
func (nobody) Destroy()                            {}
func (nobody) Pause()                              {}
func (nobody) Resume()                             {}
func (nobody) Move(int32)                          {}
func (nobody) ContainerStarted(platform.Container) {}
func (nobody) ContainerStopped(int32, bool)        {}
func (nobody) Terminating(int32)                   {}
func (nobody) Trigger(int32)                       {}

func httpProbe(kind probes.Kind) probes.Probe {
	return probes.Probe{
		Kind: kind, Handler: probes.HTTPGet, InitialDelay: 130 * time.Second,
		Period: 20 * time.Second, Timeout: 10 * time.Second, FailureThreshold: 3, SuccessThreshold: 1,
		HTTP:             probes.HTTPRequest{Scheme: "HTTP", Path: "/healthz", Port: probes.Port{Number: 1500}},
		TerminationGrace: -1,
	}
}

func agentProbe() probes.Probe {
	p := httpProbe(probes.Liveness)
	p.Handler, p.HTTP = probes.GuestAgentPing, probes.HTTPRequest{}
	return p
}

func newVM(t testing.TB, k *sim.Kernel, pub platform.Publisher, sink trace.Sink) *platform.VM {
	t.Helper()
	profile, _ := probes.LookupProfile(probes.KubeVirt)
	v, err := platform.New(platform.Config{
		Kernel: k, Sink: sink, Guest: nobody{}, Prober: nobody{}, Publisher: pub, Name: "web", Actor: 1,
		Profile: profile,
		Resolved: spec.Resolved{
			Probes:      []probes.Probe{httpProbe(probes.Readiness), agentProbe()},
			RunStrategy: "Always", Grace: 30 * time.Second, PodGrace: time.Minute,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func virtualMachine() *kubevirtv1.VirtualMachine {
	vm := &kubevirtv1.VirtualMachine{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	vm.Spec.Template = &kubevirtv1.VirtualMachineInstanceTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"special": "vm-fedora"}},
	}
	return vm
}

type look struct {
	at time.Duration
	fn func()
}

// play runs a life with a pause, a flap, a migration and a kill, and looks at
// the API at some instants.
func play(t testing.TB, pub platform.Publisher, looks ...look) []trace.Event {
	t.Helper()
	k := sim.New(1)
	defer k.Close()
	rec := &trace.Recorder{}
	v := newVM(t, k, pub, rec)
	v.Start()
	at := func(d time.Duration, fn func()) { k.Set(k.NewTimer(50, fn), d) }
	at(10*time.Second, func() { v.ReadyChanged(1, true) })
	at(20*time.Second, func() { _ = v.Pause() })
	at(30*time.Second, func() { _ = v.Unpause() })
	at(40*time.Second, func() { v.ReadyChanged(1, false) })
	at(45*time.Second, func() { v.ReadyChanged(1, true) })
	at(50*time.Second, func() { _ = v.Annotate("true") })
	at(60*time.Second, func() { _ = v.Migrate(30*time.Second, true) })
	at(100*time.Second, func() { v.ReadyChanged(2, true) })
	at(120*time.Second, func() {
		for range 3 {
			v.ClusterEvent(2, true, "Unhealthy", "Liveness probe failed: x")
		}
		v.LivenessFailed(2, probes.Liveness)
	})
	for _, l := range looks {
		at(l.at, l.fn)
	}
	if err := k.Run(200 * time.Second); err != nil {
		t.Fatal(err)
	}
	return rec.Events
}

func TestEndpointsComeThroughTheAPI(t *testing.T) {
	c := cluster.New()
	c.Add(cluster.Member{Name: "web", VM: virtualMachine()})
	through := play(t, c)
	if c.Err() != nil {
		t.Fatal(c.Err())
	}
	alone := play(t, platform.Null{})
	if diff := cmp.Diff(alone, through); diff != "" {
		t.Errorf("the trace depends on the publisher:\n%s", diff)
	}
	n := 0
	for _, e := range through {
		if e.Kind == trace.Endpoint {
			n++
		}
	}
	if n != 8 {
		t.Errorf("%d endpoint events, want 8", n)
	}
}

// TestNoGoroutines shows that the fakes do their work on the caller's thread.
func TestNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	c := cluster.New()
	play(t, c, look{70 * time.Second, func() {
		if now := runtime.NumGoroutine(); now > before {
			t.Errorf("%d goroutines, %d before", now, before)
		}
	}})
}

// deaf writes endpoints that no reader sees, so what the trace says must come
// from the reader.
type deaf struct{ *cluster.Cluster }

func (d deaf) Endpoint(at time.Duration, e platform.Endpoint) bool {
	e.Ready = false
	return d.Cluster.Endpoint(at, e)
}

func TestTraceTrustsTheReader(t *testing.T) {
	for _, e := range play(t, deaf{cluster.New()}) {
		if e.Kind == trace.Endpoint {
			t.Errorf("%v: an endpoint event, though the API never changed", e.T)
		}
	}
}

func TestObjects(t *testing.T) {
	c := cluster.New()
	c.Add(cluster.Member{
		Name: "web", VM: virtualMachine(), ExecOuterExtra: time.Second,
		Probes: []probes.Probe{httpProbe(probes.Readiness), agentProbe()},
	})
	o := cluster.NewObserver(c.Client())
	ctx := context.Background()
	pod := func() *corev1.Pod {
		p, err := c.Client().CoreV1().Pods("default").Get(ctx, "virt-launcher-web-1", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	want := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	field := func(resource string, path ...string) any {
		t.Helper()
		r := kubevirtv1.GroupVersion.WithResource(resource)
		u, err := c.Dynamic().Resource(r).Namespace("default").Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		v, _, err := unstructured.NestedFieldNoCopy(u.Object, path...)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	play(t, c,
		look{15 * time.Second, func() {
			ready, _, err := o.PodReady("default", "virt-launcher-web-1")
			want("pod ready", fmt.Sprint(ready, err), "true <nil>")
			ready, found, err := o.EndpointReady("default", "web", "virt-launcher-web-1")
			want("endpoint", fmt.Sprint(ready, found, err), "true true <nil>")
			want("VMI phase", field("virtualmachineinstances", "status", "phase"), "Running")
			want("VMI label", field("virtualmachineinstances", "metadata", "labels", "special"), "vm-fedora")
			want("VM ready", field("virtualmachines", "status", "ready"), true)
			live := pod().Spec.Containers[0].LivenessProbe
			want("GA-MAP", live.Exec.Command,
				[]string{"virt-probe", "--domainName", "default_web", "--timeoutSeconds", "10", "--guestAgentPing"})
			want("exec timeout", live.TimeoutSeconds, int32(11))
			want("path", pod().Spec.Containers[0].ReadinessProbe.HTTPGet.Path, "/healthz")
		}},
		look{25 * time.Second, func() {
			_, reason, _ := o.PodReady("default", "virt-launcher-web-1")
			want("paused", reason, "ReadinessGatesNotReady")
			want("printable", field("virtualmachines", "status", "printableStatus"), "Paused")
			ready, found, _ := o.EndpointReady("default", "web", "virt-launcher-web-1")
			want("endpoint while paused", fmt.Sprint(ready, found), "false true")
		}},
		look{55 * time.Second, func() {
			want("annotation", field("virtualmachineinstances", "metadata", "annotations", cluster.PauseAnnotation), "true")
		}},
		look{70 * time.Second, func() {
			want("migrating", field("virtualmachines", "status", "printableStatus"), "Migrating")
			list, err := c.Client().CoreV1().Pods("").List(ctx, metav1.ListOptions{})
			want("pods", fmt.Sprint(len(list.Items), err), "2 <nil>")
		}},
		look{95 * time.Second, func() { want("source is over", string(pod().Status.Phase), "Succeeded") }},
	)
	events, err := c.Client().CoreV1().Events("default").List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int32{}
	for _, e := range events.Items {
		counts[e.Reason] += e.Count
	}
	want("events", counts, map[string]int32{"Unhealthy": 3, "Killing": 1})
	want("errors", fmt.Sprint(c.Err()), "<nil>")
}

// TestDeterministic compares everything that two equal runs leave behind.
func TestDeterministic(t *testing.T) {
	dump := func() string {
		c := cluster.New()
		c.Add(cluster.Member{Name: "web", VM: virtualMachine()})
		play(t, c)
		ctx := context.Background()
		pods, _ := c.Client().CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		events, _ := c.Client().CoreV1().Events("").List(ctx, metav1.ListOptions{})
		slices, _ := c.Client().DiscoveryV1().EndpointSlices("").List(ctx, metav1.ListOptions{})
		r := kubevirtv1.GroupVersion.WithResource("virtualmachines")
		vms, _ := c.Dynamic().Resource(r).List(ctx, metav1.ListOptions{})
		b, err := json.Marshal([]any{pods, events, slices, vms})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := dump()
	if len(first) < 1000 {
		t.Fatalf("nothing to compare: %s", first)
	}
	for range 3 {
		if diff := cmp.Diff(first, dump()); diff != "" {
			t.Fatalf("runs differ:\n%s", diff)
		}
	}
}

// BenchmarkTransition measures one change of readiness: a pod write, a slice
// write and read, a VMI and a VM write.
func BenchmarkTransition(b *testing.B) {
	for _, pub := range []struct {
		name string
		p    platform.Publisher
	}{{"null", platform.Null{}}, {"cluster", func() platform.Publisher {
		c := cluster.New()
		c.Add(cluster.Member{Name: "web", VM: virtualMachine()})
		return c
	}()}} {
		b.Run(pub.name, func(b *testing.B) {
			k := sim.New(1)
			defer k.Close()
			v := newVM(b, k, pub.p, discard{})
			v.Start()
			now, ready := time.Second, false
			b.ReportAllocs()
			for b.Loop() {
				ready = !ready
				v.ReadyChanged(1, ready)
				now += time.Second
				if err := k.Run(now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discard struct{}

func (discard) Record(trace.Event) {}
