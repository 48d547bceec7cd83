package observe_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/vmprobe/vmprobe/conformance/agree"
	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/fakevm/guestlog"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/cluster"
	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// world is a simulated run that is watched through client-go's fakes, and
// whose guests report as those in pods do.
type world struct {
	t       *testing.T
	o       *observe.Observer
	c       *scenarios.Case
	api     *cluster.Cluster
	watches []watch.Interface
	real    trace.Recorder
	boots   map[string]*boots
}

// boots counts the containers and reports of a guest.
type boots struct {
	pod, instance  int32 // of the last container
	container, seq int
}

func observed(t *testing.T, c *scenarios.Case) (seen, real *trace.Trace) {
	t.Helper()
	w := &world{t: t, o: observe.New(c), c: c, boots: map[string]*boots{}}
	bed := simbed.Bed{Publish: w.watch}
	if err := bed.Play(t.Context(), c, 1, w); err != nil {
		t.Fatal(err)
	}
	for _, x := range w.watches {
		x.Stop()
	}
	h := trace.Header{Case: c.ID(), Seed: 1}
	seen, err := w.o.Trace(h)
	if err != nil {
		t.Fatalf("%s: %v", c.ID(), err)
	}
	h.Profile, h.VMs = seen.Profile, seen.VMs
	return seen, w.real.Trace(h)
}

// watch begins to watch the API, as every client does.
func (w *world) watch(api *cluster.Cluster) platform.Publisher {
	ctx, all := w.t.Context(), v1.ListOptions{}
	add := func(x watch.Interface, err error) {
		if err != nil {
			w.t.Fatal(err)
		}
		w.watches = append(w.watches, x)
	}
	w.api = api
	add(api.Dynamic().Resource(kubevirtv1.GroupVersion.WithResource("virtualmachineinstances")).Watch(ctx, all))
	add(api.Client().CoreV1().Pods("").Watch(ctx, all))
	add(api.Client().DiscoveryV1().EndpointSlices("").Watch(ctx, all))
	add(api.Client().CoreV1().Events("").Watch(ctx, all))
	return publisher{api, w}
}

// drain hands over what the watches have.
func (w *world) drain(at time.Duration) {
	for _, x := range w.watches {
		for len(x.ResultChan()) > 0 {
			e := <-x.ResultChan()
			w.o.Take(sim.Epoch.Add(at), e.Type, e.Object)
		}
	}
}

// publisher lets the observer look after each write.
type publisher struct {
	*cluster.Cluster
	w *world
}

func (p publisher) Pod(at time.Duration, x platform.Pod) {
	p.Cluster.Pod(at, x)
	p.w.drain(at)
}

func (p publisher) PodDeleted(at time.Duration, x platform.Pod) {
	p.Cluster.PodDeleted(at, x)
	p.w.drain(at)
}

func (p publisher) VMI(at time.Duration, x platform.VMI) {
	p.Cluster.VMI(at, x)
	p.w.drain(at)
}

func (p publisher) VMIDeleted(at time.Duration, x platform.VMI) {
	p.Cluster.VMIDeleted(at, x)
	p.w.drain(at)
}

func (p publisher) Endpoint(at time.Duration, x platform.Endpoint) bool {
	ready := p.Cluster.Endpoint(at, x)
	p.w.drain(at)
	return ready
}

func (p publisher) Event(at time.Duration, x platform.Event) {
	p.Cluster.Event(at, x)
	p.w.drain(at)
}

// Record implements trace.Sink: what the guest does, it reports.
func (w *world) Record(e trace.Event) {
	w.real.Record(e)
	b := w.boots[e.VM]
	if b == nil {
		b = &boots{}
		w.boots[e.VM] = b
	}
	r := guestlog.Report{Version: guestlog.Version, Wall: sim.Epoch.Add(e.T), At: e.T}
	switch e.Kind {
	case trace.ContainerStarted:
		b.seq = 0
		b.container, b.instance = b.container+1, e.Instance
		if w.c.Profile.VM {
			b.pod, b.container = e.Instance, 1
		} else if b.pod == 0 {
			b.pod = e.Instance
		}
		r.Event = guestlog.EventHello
	case trace.Terminating:
		w.o.Deleting(sim.Epoch.Add(e.T), e.VM)
		return
	case trace.GuestBoot:
		r.Event = guestlog.EventBoot
	case trace.GuestStep:
		r.Event, r.Endpoint, r.As = guestlog.EventStep, e.Value, e.Msg
	case trace.GuestPower:
		r.Event, r.Power = guestlog.EventPower, e.Value
	case trace.Violation:
		r.Event, r.Endpoint, r.Note = guestlog.EventViolation, e.Value, e.Msg
	case trace.GuestSaw:
		if strings.HasPrefix(e.Msg, `{"connect":"refused"`) || strings.HasPrefix(e.Msg, `{"connect":"blackhole"`) {
			return // nobody in a container sees it
		}
		r.Event, r.Endpoint = guestlog.EventSaw, e.Value
		if strings.HasPrefix(e.Msg, "{") {
			r.Did, r.Unasked = &fakevm.Reply{}, fakevm.Unasked(e.Msg)
			if err := json.Unmarshal([]byte(e.Msg), r.Did); err != nil {
				w.t.Fatal(err)
			}
		} else {
			r.Seen = e.Msg
		}
	case trace.Kill:
		if want := map[bool]string{false: "sigterm", true: "acpi"}[w.c.Profile.VM]; e.Value != want {
			return
		}
		r.Event = guestlog.EventTerm
	default:
		return
	}
	b.seq++
	r.Container, r.Seq = b.container, b.seq
	w.o.Report(r.Wall, e.VM, w.uid(e.VM, b.pod), &r)
}

// uid is the one that the simulated API gives a pod: its name.
func (w *world) uid(vm string, pod int32) string {
	if !w.c.Profile.VM {
		return vm
	}
	return "virt-launcher-" + vm + "-" + strconv.Itoa(int(pod))
}

// watchable are the cases of a profile of which an observer of a cluster can
// see everything.
func watchable(t *testing.T, profile probes.ProfileName) (list []*scenarios.Case) {
	t.Helper()
	for _, c := range scenariotest.Embedded(t, "*", profile) {
		if len(c.Rejected) == 0 && !rejected(c) && !foreign(c) && (c.Until <= 2*time.Minute || !testing.Short()) {
			list = append(list, c)
		}
	}
	return list
}

func rejected(c *scenarios.Case) bool {
	for i := range c.VMs {
		if c.VMs[i].Resolved.Rejected() {
			return true
		}
	}
	return false
}

// foreign tells whether a case holds something that an observer of a cluster
// cannot see, or that no pod can express.
func foreign(c *scenarios.Case) bool {
	for _, e := range c.Events {
		switch e.Kind {
		case scenarios.DeleteVMI, scenarios.StopContainer, scenarios.TriggerSync:
		default:
			return true
		}
	}
	return len(c.Faults) > 0 || c.Proxy != "" || len(observe.Blind(c)) > 0
}

// TestOnTheFake: of each case of pods, and of VirtualMachines with their
// instances, the observer of client-go's fakes sees what happened, and the
// judges come to the same.
func TestOnTheFake(t *testing.T) {
	for _, profile := range []probes.ProfileName{probes.Kubernetes, probes.KubeVirt} {
		t.Run(string(profile), func(t *testing.T) {
			list := watchable(t, profile)
			if len(list) < 50 {
				t.Errorf("only %d cases", len(list))
			}
			for _, c := range list {
				compare(t, c)
			}
			t.Logf("%d cases", len(list))
		})
	}
}

func compare(t *testing.T, c *scenarios.Case) {
	t.Helper()
	seen, real := observed(t, c)
	v := judge.Judge(c, seen, judge.Options{})
	if v.Result != judge.Pass {
		t.Errorf("%s: %s %s %+v", c.ID(), v.Result, v.Reason, v.Failures)
	}
	own := judge.Judge(c, real, judge.Options{})
	differences, undecided := agree.Compare(c, &agree.Side{Trace: real.Seen(trace.ViewGuest), Verdict: own}, &agree.Side{Trace: seen, Verdict: v})
	if undecided != "" {
		t.Errorf("%s: %s", c.ID(), undecided)
	}
	for _, d := range differences {
		t.Errorf("%s: %v %s: happened %s, seen %s", c.ID(), d.At, d.What, d.A, d.B)
	}
}
