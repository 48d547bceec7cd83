package timeline_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/timeline"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files")

const s = time.Second

func formula(t *testing.T, text string) scenarios.Formula {
	t.Helper()
	f, d := scenarios.ParseFormula(text, scenarios.Pos{}, nil)
	if d != nil {
		t.Fatal(d)
	}
	return f
}

func window(t *testing.T, lo, hi string) scenarios.Window {
	t.Helper()
	return scenarios.Window{Lo: formula(t, lo), Hi: formula(t, hi)}
}

func probe(k probes.Kind, h probes.Handler) probes.Probe {
	return probes.Probe{
		Kind: k, Handler: h, InitialDelay: 15 * s, Period: 5 * s, Timeout: s,
		FailureThreshold: 2, SuccessThreshold: 2, TerminationGrace: -1,
	}
}

func tcp(connect fakevm.Connect, delay time.Duration) []fakevm.Counted {
	return []fakevm.Counted{{Reply: fakevm.Reply{Connect: connect, ConnectDelay: delay, TCP: &fakevm.TCPReply{}}}}
}

// slow is the case of suite.md 3.5: a listener slower than the timeout.
func slow(t *testing.T) *scenarios.Case {
	t.Helper()
	c := &scenarios.Case{
		Scenario: "tcp-slow-listener", Title: "an attempt that takes longer than timeoutSeconds is a failure",
		Requirements: []string{"TIM-TIMEOUT-ATTEMPT", "THR-FAILURE"}, Until: 280 * s,
	}
	c.Profile, _ = probes.LookupProfile(probes.KubeVirt)
	c.VMs = []scenarios.VM{{
		Name:     "db",
		Resolved: spec.Resolved{Probes: []probes.Probe{probe(probes.Readiness, probes.TCPSocket)}},
		Program: fakevm.Program{Endpoints: []fakevm.Endpoint{{Kind: fakevm.TCP, Port: 5432, Steps: []fakevm.Step{
			{Replies: tcp(fakevm.Refuse, 0)},
			{At: 30 * s, As: "up", Replies: tcp("", 300*time.Millisecond)},
			{At: 100 * s, As: "slow", Replies: tcp("", 3*s)},
			{At: 160 * s, As: "recovered", Replies: tcp("", 600*time.Millisecond)},
			{At: 220 * s, Replies: tcp("", 5*time.Millisecond)},
		}}}},
	}}
	c.Expect = map[string]*scenarios.Expectation{"db": {Ready: &scenarios.History{Changes: []scenarios.Change{
		{To: true, Window: window(t, "up", "up + successThreshold*period + 300ms")},
		{To: false, Window: window(t, "slow + (failureThreshold-1)*period + timeout", "slow + failureThreshold*period + timeout")},
		{To: true, Window: window(t, "recovered", "recovered + successThreshold*period + 600ms")},
	}}}}
	return c
}

type recorder struct {
	trace.Recorder
	vm       string
	instance int32
}

func (r *recorder) add(e trace.Event) {
	e.VM, e.Instance = r.vm, r.instance
	r.Record(e)
}

func (r *recorder) attempt(at, length time.Duration, k probes.Kind, n int32, c probes.Class) {
	e := trace.Event{T: at, Kind: trace.TryStarted, HasProbe: true, Probe: k, Attempt: n, Try: 1}
	r.add(e)
	e.T, e.Kind, e.Class = at+length, trace.TryFinished, c
	r.add(e)
	e.Kind, e.Try = trace.AttemptFinished, 0
	r.add(e)
}

// run plays the slow listener; a late prober counts a late answer as success.
func run(late bool) *trace.Trace {
	r := recorder{vm: "db", instance: 1}
	r.add(trace.Event{Kind: trace.ContainerStarted})
	ready, run := false, 0
	for n, at := int32(1), 15400*time.Millisecond; at < 280*s; n, at = n+1, at+5*s {
		length, class := time.Millisecond, probes.Failure
		switch {
		case at >= 220*s, at >= 30*s && at < 100*s, at >= 160*s:
			length, class = 300*time.Millisecond, probes.Success
		case at >= 100*s && late:
			length, class = 3*s, probes.Success
		case at >= 100*s:
			length = s
		}
		r.attempt(at, length, probes.Readiness, n, class)
		if class.Passed() == ready {
			run = 0
			continue
		}
		if run++; run == 2 {
			ready, run = !ready, 0
			r.add(trace.Event{T: at + length, Kind: trace.ProbeState, HasProbe: true, OK: ready})
			r.add(trace.Event{T: at + length + 100*time.Millisecond, Kind: trace.Ready, OK: ready})
		}
	}
	return r.Trace(trace.Header{Seed: 7, VMs: []string{"db"}})
}

func check(t *testing.T, name, got string) {
	t.Helper()
	for i, c := range got {
		if c > '~' || c < ' ' && c != '\n' {
			t.Fatalf("not ASCII at byte %d: %q", i, c)
		}
	}
	golden := filepath.Join("testdata", name+".txt")
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func draw(c *scenarios.Case, t *trace.Trace, o timeline.Options) string {
	v := judge.Judge(c, t, judge.Options{})
	return timeline.Draw(c, t, &v, o)
}

func TestFailing(t *testing.T) {
	got := draw(slow(t), run(true), timeline.Options{Width: 80})
	check(t, "failing", got)
	for _, want := range []string{"FAIL tcp-slow-listener", "never happened", "replay: vmprobe replay tcp-slow-listener@kubevirt --seed 7"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestPassing(t *testing.T) {
	got := draw(slow(t), run(false), timeline.Options{})
	check(t, "passing", got)
	if strings.Contains(got, "replay") || strings.Contains(got, "diverges") {
		t.Error("a passing run has nothing to replay")
	}
}

// TestCrowded has two VMs, two instances, a kill, a fault, a pause, a
// migration and text that is not ASCII.
func TestCrowded(t *testing.T) {
	c := slow(t)
	c.Title = "an \u00fcber-\x1b[31mtitle\n"
	c.VMs[0].Resolved.Probes = append(c.VMs[0].Resolved.Probes, probe(probes.Liveness, probes.GuestAgentPing))
	c.VMs = append(c.VMs, scenarios.VM{Name: "idle", EveryBoot: fakevm.Program{Endpoints: []fakevm.Endpoint{{Kind: fakevm.Agent, Steps: []fakevm.Step{
		{Replies: []fakevm.Counted{{Reply: fakevm.Reply{Agent: &fakevm.AgentReply{Down: true}}, Times: 3}, {Reply: fakevm.Reply{Agent: &fakevm.AgentReply{}}}}},
		{At: 30 * s, Replies: []fakevm.Counted{{Reply: fakevm.Reply{Agent: &fakevm.AgentReply{Silent: true}}}}},
	}}}}})
	c.Faults = []scenarios.Fault{
		{At: 60 * s, For: 45 * s, Kind: scenarios.Partition, Sides: []string{"prober", "db"}},
		{At: 200 * s, For: -1, Kind: scenarios.Loss, Sides: []string{"db"}},
	}
	c.Expect["db"].Live = &[]scenarios.LiveFailure{{Instance: 1, Window: window(t, "60s", "80s")}}
	r := recorder{vm: "db", instance: 1}
	r.add(trace.Event{Kind: trace.ContainerStarted})
	r.attempt(20*s, s, probes.Liveness, 1, probes.Failure)
	r.attempt(25*s, 8*s, probes.Liveness, 2, probes.Errored)
	r.add(trace.Event{T: 40 * s, Kind: trace.DomainState, Value: "paused"})
	r.add(trace.Event{T: 55 * s, Kind: trace.DomainState, Value: "running"})
	r.add(trace.Event{T: 70 * s, Kind: trace.LivenessFailed, HasProbe: true, Probe: probes.Liveness})
	r.add(trace.Event{T: 75 * s, Kind: trace.Kill, Value: "acpi"})
	r.add(trace.Event{T: 90 * s, Kind: trace.ContainerStopped})
	r.instance = 2
	r.add(trace.Event{T: 100 * s, Kind: trace.ContainerStarted})
	r.add(trace.Event{T: 150 * s, Kind: trace.MigrationStarted})
	r.add(trace.Event{T: 170 * s, Kind: trace.MigrationEnded})
	r.add(trace.Event{T: 180 * s, Kind: trace.TryStarted, HasProbe: true, Probe: probes.Liveness, Attempt: 1, Try: 1})
	r.vm = "idle"
	r.add(trace.Event{Kind: trace.GuestBoot})
	r.add(trace.Event{T: 120 * s, Kind: trace.GuestBoot})
	check(t, "crowded", draw(c, r.Trace(trace.Header{Seed: 1}), timeline.Options{Width: 120}))
}

func TestNoEvents(t *testing.T) {
	check(t, "empty", draw(slow(t), &trace.Trace{}, timeline.Options{}))
}

func TestStyleChangesNothingVisible(t *testing.T) {
	plain := draw(slow(t), run(true), timeline.Options{})
	styled := draw(slow(t), run(true), timeline.Options{Style: func(r timeline.Role, s string) string {
		return fmt.Sprintf("\x1b[%dm%s\x1b[0m", 30+r, s)
	}})
	if plain == styled {
		t.Error("no style was used")
	}
	for r := range 8 {
		styled = strings.ReplaceAll(styled, fmt.Sprintf("\x1b[%dm", 30+r), "")
	}
	if got := strings.ReplaceAll(styled, "\x1b[0m", ""); got != plain {
		t.Error(cmp.Diff(plain, got))
	}
}

// TestAnyTrace draws nonsense: it must fit the width and never panic.
func TestAnyTrace(t *testing.T) {
	base := slow(t)
	kinds := trace.Kinds()
	rapid.Check(t, func(t *rapid.T) {
		c := *base
		c.Until = time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "until"))
		var r trace.Recorder
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			r.Record(trace.Event{
				T:  time.Duration(rapid.Int64Range(-1<<40, 1<<50).Draw(t, "t")),
				VM: rapid.SampledFrom([]string{"db", "", "x"}).Draw(t, "vm"), Instance: rapid.Int32Range(-1, 3).Draw(t, "i"),
				Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), HasProbe: true, OK: rapid.Bool().Draw(t, "ok"),
				Probe:   probes.Kind(rapid.Uint8Range(0, 3).Draw(t, "probe")),
				Attempt: rapid.Int32Range(-1, 3).Draw(t, "a"), Try: rapid.Int32Range(-1, 3).Draw(t, "try"),
				Class: probes.Class(rapid.Uint8Range(0, 5).Draw(t, "class")),
				Value: rapid.SampledFrom([]string{"", "paused", "Running", "destroy"}).Draw(t, "value"),
			})
		}
		width := rapid.IntRange(0, 130).Draw(t, "width")
		tr := r.Trace(trace.Header{})
		v := judge.Judge(&c, tr, judge.Options{})
		text := timeline.Draw(&c, tr, &v, timeline.Options{Width: width})
		lines := strings.Split(text, "\n")
		for _, line := range lines[1 : len(lines)-len(strings.Split(timeline.Messages(&v, timeline.Options{}), "\n"))] {
			if len(line) > max(width, 100) {
				t.Fatalf("%d columns: %q", len(line), line)
			}
		}
	})
}
