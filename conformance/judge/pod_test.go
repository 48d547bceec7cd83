package judge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/simbed"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// ofPod is a run of an embedded case in the profile kubernetes, as it would be
// seen by the guest of a pod on a node.
func ofPod(t *testing.T, name string) (*scenarios.Case, *trace.Trace) {
	t.Helper()
	list := scenariotest.Embedded(t, strings.Split(name, "[")[0], probes.Kubernetes)
	i := slices.IndexFunc(list, func(c *scenarios.Case) bool { return strings.HasPrefix(c.ID(), name) })
	if i < 0 {
		t.Fatalf("there is no %s", name)
	}
	c := list[i]
	run, err := simbed.Bed{Bare: true}.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	seen := run.Seen(trace.ViewGuest)
	seen.Wall = true
	return c, seen
}

// with adds what the guest saw at those times.
func with(run *trace.Trace, instance int32, endpoint, text string, at ...time.Duration) *trace.Trace {
	more := &trace.Trace{Header: run.Header, Events: slices.Clone(run.Events)}
	for _, t := range at {
		e := trace.Event{T: t, VM: run.VMs[0], Instance: instance, Kind: trace.GuestSaw, Value: endpoint, Msg: text}
		i, _ := slices.BinarySearchFunc(more.Events, t, func(e trace.Event, t time.Duration) int { return int(e.T - t) })
		more.Events = slices.Insert(more.Events, i, e)
	}
	more.Seal()
	return more
}

// says tells which requirements a verdict names.
func says(v *judge.Verdict) string {
	var names []string
	for i := range v.Failures {
		names = append(names, v.Failures[i].Requirement)
	}
	slices.Sort(names)
	return strings.TrimSpace(fmt.Sprintln(v.Result, slices.Compact(names)))
}

// TestLeftOverDials: the dials of a kubelet go on when its attempts have timed
// out. When the guest is back they get through, and nothing is asked on them.
func TestLeftOverDials(t *testing.T) {
	const reply = `{"http":{"status":200}}`
	late := []time.Duration{211 * time.Second, 211500 * time.Millisecond, 217500 * time.Millisecond, 218 * time.Second, 222 * time.Second}
	c, run := ofPod(t, "endpoints-reboot")
	for text, want := range map[string]string{
		fakevm.MarkUnasked(reply): "pass []",
		reply:                     "fail [HTTP-STATUS-RANGE THR-SUCCESS TIM-TICK-DROP]",
	} {
		v := judge.Judge(c, with(run, 1, "http/80", text, late...), judge.Options{})
		if got := says(&v); got != want {
			t.Errorf("%s: %s, want %s: %+v", text, got, want, v.Failures)
		}
	}
}

// TestConnectionsAreAttemptsOfTCP: a tcpSocket probe asks nothing, even of an
// HTTP server.
func TestConnectionsAreAttemptsOfTCP(t *testing.T) {
	text := fakevm.MarkUnasked("{}")
	if text != `{"unasked":true}` || !fakevm.Unasked(text) || fakevm.Unasked(`{"http":{"body":"\"unasked\":true}"}}`) {
		t.Errorf("%s", text)
	}
	for _, list := range scenariotest.Embedded(t, "*", probes.Kubernetes) {
		for i := range list.VMs {
			for _, p := range list.VMs[i].Resolved.Probes {
				if p.Handler != probes.TCPSocket || !servesHTTP(&list.VMs[i].Program, p.TCP.Port.Number) {
					continue
				}
				_, run := ofPod(t, list.Scenario)
				if !slices.ContainsFunc(run.Events, func(e trace.Event) bool { return e.Kind == trace.GuestSaw && fakevm.Unasked(e.Msg) }) {
					t.Errorf("%s: its connections carry nothing, and the guest does not say so", list.ID())
				}
				return // that it passes is what the suite shows
			}
		}
	}
	t.Error("no tcpSocket probe asks an HTTP server")
}

func servesHTTP(p *fakevm.Program, port int) bool {
	return slices.ContainsFunc(p.Endpoints, func(e fakevm.Endpoint) bool { return e.Kind == fakevm.HTTP && int(e.Port) == port })
}

// TestUnaware: just after a container was replaced, a kubelet still probes by
// what it knows of the one before. Later it does not.
func TestUnaware(t *testing.T) {
	c, run := ofPod(t, "timing-timeout-five-periods")
	var second time.Duration
	for _, e := range run.Events {
		if e.Kind == trace.ContainerStarted && e.Instance == 2 {
			second = e.T
		}
	}
	for after, want := range map[time.Duration]string{
		1200 * time.Millisecond: "pass []",
		5 * time.Second:         "fail [TIM-RESTART-FRESH]",
	} {
		v := judge.Judge(c, with(run, 2, "http/8081", `{"http":{"silent":true}}`, second+after), judge.Options{})
		if got := says(&v); second == 0 || got != want {
			t.Errorf("%v after its start: %s, want %s: %+v", after, got, want, v.Failures)
		}
	}
}

// TestLostSYN: an attempt whose SYN was lost before the guest came back has had
// less time than the guest saw, and may have timed out.
func TestLostSYN(t *testing.T) {
	c, run := ofPod(t, "guide-note-timeout[silence=drops]")
	const slow = `{"http":{"status":200,"delay":3000000000}}`
	for at, want := range map[time.Duration]string{
		200200 * time.Millisecond: "pass []", // the next SYN after 3 s of 5
		180 * time.Second:         "pass []", // nobody can tell
	} {
		v := judge.Judge(c, with(run, 1, "http/8080", slow, at), judge.Options{})
		if got := says(&v); got != want {
			t.Errorf("asked at %v: %s, want %s: %+v", at, got, want, v.Failures)
		}
	}
}
