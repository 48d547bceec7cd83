package kubevirt_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/vmprobe/vmprobe/conformance/kubevirt"
	"github.com/vmprobe/vmprobe/conformance/kubevirt/observe"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestControllersAgree drives real controllers through the histories of the
// platform model: what its kubelet, and its KubeVirt, write is written to a real
// API server. EndpointSlice and Endpoints come to say what the model's do, and an
// observer that watches the server sees what it sees of client-go's fakes.
func TestControllersAgree(t *testing.T) {
	config, client := realAPI(t)
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	bed := kubevirt.New(kubevirt.Config{Client: client, Dynamic: objects})
	closed(t, bed)
	node := idleNode(t, client)
	for profile, fewest := range map[probes.ProfileName]int{probes.Kubernetes: 40, probes.KubeVirt: 40} {
		list := histories(t, profile)
		if len(list) < fewest {
			t.Errorf("only %d histories of %s", len(list), profile)
		}
		for _, h := range list {
			t.Run(h.c.ID(), func(t *testing.T) {
				t.Parallel()
				h.t, h.client, h.objects, h.node, h.namespace = t, client, objects, node, namespaceIn(t, bed)
				h.watch(bed)
				h.create(bed)
				h.drive()
				h.compare()
			})
		}
	}
}

const (
	fewestTurns = 2  // of endpoints, in a history
	mostWrites  = 24 // each takes the server some time
)

// histories are cases in which endpoints turn, of each scenario one.
func histories(t *testing.T, profile probes.ProfileName) (list []*handoff) {
	t.Helper()
	bed, seen := kubevirt.New(kubevirt.Config{}), map[string]bool{}
	for _, c := range scenariotest.Embedded(t, "*", profile) {
		if seen[c.Scenario] || len(c.Rejected) > 0 || !drivable(bed, c) {
			continue
		}
		h := &handoff{c: c, acts: rehearse(t, c), seen: observe.New(c), model: observe.New(c)}
		writes, turns := 0, 0
		var last []string
		for i := range h.acts {
			switch x := h.acts[i].object.(type) {
			case *discoveryv1.EndpointSlice:
				if now := inSlice(x); !slices.Equal(now, last) {
					last = now
					turns++
				}
			case nil:
			default:
				writes++
			}
		}
		if turns > fewestTurns && writes <= mostWrites {
			seen[c.Scenario] = true
			list = append(list, h)
		}
	}
	return list
}

// drivable tells whether an API server can be told all that happens in a case.
func drivable(bed *kubevirt.Bed, c *scenarios.Case) bool {
	if !c.Profile.VM && bed.Unsupported(c) != "" || len(c.Faults) > 0 || c.Proxy != "" || len(observe.Blind(c)) > 0 {
		return false
	}
	for i := range c.VMs {
		if c.VMs[i].Resolved.Rejected() {
			return false
		}
	}
	return !slices.ContainsFunc(c.Events, func(e scenarios.Event) bool {
		return e.Kind != scenarios.StopContainer && e.Kind != scenarios.TriggerSync && e.Kind != scenarios.DeleteVMI
	})
}

// drive does what was rehearsed, each act when the one before has come through.
// Both observers are told the instants of the model.
func (h *handoff) drive() {
	for i, a := range h.acts {
		h.at = a.at
		now := sim.Epoch.Add(a.at)
		switch {
		case a.told:
			h.model.Deleting(now, a.vm)
			h.seen.Deleting(now, a.vm)
			continue
		case a.report != nil:
			r := *a.report
			r.Wall = now
			h.model.Report(now, a.vm, a.pod, &r)
			h.launch(a.pod, h.acts[i:])
			h.seen.Report(now, a.vm, string(h.uids[a.pod]), &r)
			continue
		}
		kind := watch.Modified
		if a.gone {
			kind = watch.Deleted
		}
		h.model.Take(now, kind, asSent(h.t, a.object))
		switch x := a.object.(type) {
		case *corev1.Pod:
			h.pod(x, a.gone)
		case *corev1.Event:
			h.event(x)
		case *unstructured.Unstructured:
			h.instance(x, a.gone)
		case *discoveryv1.EndpointSlice:
			h.steps++
			h.turn(x)
		}
	}
}

// asSent is an object as a client gets it: times have whole seconds.
func asSent(t *testing.T, o runtime.Object) runtime.Object {
	t.Helper()
	if u, ok := o.(*unstructured.Unstructured); ok {
		return u.DeepCopy()
	}
	data, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	sent := reflect.New(reflect.TypeOf(o).Elem()).Interface().(runtime.Object)
	if err := json.Unmarshal(data, sent); err != nil {
		t.Fatal(err)
	}
	return sent
}

// compare compares what the observers have seen.
func (h *handoff) compare() {
	var rest, endpoints [2][]string
	for i, o := range []*observe.Observer{h.model, h.seen} {
		tr, err := o.Trace(trace.Header{Case: h.c.ID(), Seed: 1})
		if err != nil {
			h.t.Fatal(err)
		}
		rest[i], endpoints[i] = story(tr)
	}
	if !slices.Equal(rest[0], rest[1]) || !within(endpoints[0], endpoints[1]) {
		h.t.Errorf("of client-go's fakes the observer sees\n%s\nof the API server\n%s",
			strings.Join(slices.Concat(rest[0], endpoints[0]), "\n"), strings.Join(slices.Concat(rest[1], endpoints[1]), "\n"))
	}
	h.t.Logf("%d slices agree, and %d lines of the observers", h.steps, len(rest[1])+len(endpoints[1]))
}

// story is a trace in words, VM by VM. Of endpoints only the order counts: a
// controller takes its time.
func story(tr *trace.Trace) (rest, endpoints []string) {
	events := slices.Clone(tr.Events)
	slices.SortStableFunc(events, func(a, b trace.Event) int { return strings.Compare(a.VM, b.VM) })
	for _, e := range events {
		if e.Kind == trace.Endpoint {
			endpoints = append(endpoints, fmt.Sprintf("%s/%d ready=%t", e.VM, e.Instance, e.OK))
			continue
		}
		rest = append(rest, fmt.Sprintf("%v %s/%d %s ok=%t %s %s", e.T.Round(time.Microsecond), e.VM, e.Instance, e.Kind, e.OK, e.Value, e.Msg))
	}
	return rest, endpoints
}

// within tells whether all of want is in have, in this order. What is lost for a
// moment only, a controller may tell or not.
func within(want, have []string) bool {
	for _, h := range have {
		if len(want) > 0 && want[0] == h {
			want = want[1:]
		}
	}
	return len(want) == 0
}
