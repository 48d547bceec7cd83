package judge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

const s = time.Second

func formula(t *testing.T, text string) scenarios.Formula {
	t.Helper()
	f, d := scenarios.ParseFormula(text, scenarios.Pos{}, nil)
	if d != nil {
		t.Fatal(d)
	}
	return f
}

func in(t *testing.T, lo, hi string) scenarios.Window {
	t.Helper()
	return scenarios.Window{Lo: formula(t, lo), Hi: formula(t, hi)}
}

// base is a VM whose readiness fails twice after 20 s and whose liveness
// condemns it at 50 s; the events are consistent with the requirements.
func base() (*scenarios.Case, []trace.Event) {
	c := &scenarios.Case{Scenario: "base", Requirements: []string{"THR-FAILURE"}, Until: 72 * s}
	c.Profile, _ = probes.LookupProfile(probes.KubeVirt)
	p := func(k probes.Kind, f int32) probes.Probe {
		return probes.Probe{Kind: k, Handler: probes.HTTPGet, Period: 10 * s, Timeout: s, HTTP: probes.HTTPRequest{Scheme: "HTTP", Path: "/", Port: probes.Port{Number: 80}}, FailureThreshold: f, SuccessThreshold: 1, TerminationGrace: -1}
	}
	c.VMs = []scenarios.VM{{
		Name:     "web",
		Resolved: spec.Resolved{Probes: []probes.Probe{p(probes.Readiness, 2), p(probes.Liveness, 4)}, Grace: 30 * s, PodGrace: 60 * s, RunStrategy: "Manual"},
		EveryBoot: fakevm.Program{Endpoints: []fakevm.Endpoint{{Kind: fakevm.HTTP, Port: 80, Steps: []fakevm.Step{
			{}, {At: 20 * s, As: "sick"},
		}}}},
	}}
	c.Expect = map[string]*scenarios.Expectation{"web": {}}
	var list []trace.Event
	add := func(at time.Duration, k trace.Kind, value string, ok bool) {
		list = append(list, trace.Event{T: at, VM: "web", Instance: 1, Kind: k, Value: value, OK: ok})
	}
	probe := func(at time.Duration, k trace.Kind, p probes.Kind, ok bool) {
		list = append(list, trace.Event{T: at, VM: "web", Instance: 1, Kind: k, Probe: p, HasProbe: true, OK: ok})
	}
	attempt := func(at time.Duration, k probes.Kind, n int32, cl probes.Class) {
		add(at, trace.GuestSaw, "http/80", false)
		list[len(list)-1].Msg = map[bool]string{true: `{"http":{"status":200}}`, false: `{"http":{"status":500}}`}[cl == probes.Success]
		for _, e := range []trace.Event{
			{Kind: trace.TryStarted, Try: 1}, {Kind: trace.TryFinished, Try: 1, Class: cl}, {Kind: trace.AttemptFinished, Class: cl},
		} {
			e.T, e.VM, e.Instance, e.Probe, e.HasProbe, e.Attempt = at, "web", 1, k, true, n
			list = append(list, e)
		}
	}
	add(0, trace.ContainerStarted, "", false)
	add(0, trace.GuestBoot, "", false)
	add(0, trace.VMIPhase, "Scheduled", false)
	add(0, trace.VMIPhase, "Running", false)
	for i := int32(1); i <= 7; i++ {
		at := time.Duration(i)*10*s - 5*s
		class := probes.Success
		if at > 20*s {
			class = probes.Failure
		}
		if at < 57*s {
			attempt(at, probes.Readiness, i, class)
		}
		switch i {
		case 1:
			probe(at, trace.ProbeState, probes.Readiness, true)
			add(at, trace.Ready, "", true)
			add(at, trace.Endpoint, "", true)
		case 4:
			probe(at, trace.ProbeState, probes.Readiness, false)
			add(at, trace.Ready, "", false)
			add(at, trace.Endpoint, "", false)
		}
		if at < 57*s {
			attempt(at, probes.Liveness, i, class)
		}
		if i == 6 {
			probe(at, trace.ProbeState, probes.Liveness, false)
			probe(at, trace.LivenessFailed, probes.Liveness, false)
			add(at, trace.Kill, "acpi", false)
			add(at+s, trace.Kill, "acpi", false)
			add(at+2*s, trace.VMIPhase, "Succeeded", false)
			add(at+3*s, trace.ContainerStopped, "", false)
		}
	}
	add(6*s, trace.ClusterEvent, "Unhealthy", false)
	list[len(list)-1].Msg = "Readiness probe failed: statuscode: 500"
	add(7*s, trace.GuestSaw, "http/80", false)
	list[len(list)-1].Msg = "a remark, no request"
	return c, list
}

func verdict(c *scenarios.Case, list []trace.Event) judge.Verdict {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b trace.Event) int { return int(a.T - b.T) })
	r := trace.Recorder{Events: list}
	return judge.Judge(c, r.Trace(trace.Header{Seed: 7, VMs: []string{"web"}}), judge.Options{})
}

func TestBaseObeysTheRequirements(t *testing.T) {
	c, list := base()
	if v := verdict(c, list); v.Result != judge.Pass {
		t.Fatalf("%s: %+v", v.Result, v.Failures)
	}
}

func TestExpectations(t *testing.T) {
	type e = *scenarios.Expectation
	ready := func(changes ...scenarios.Change) *scenarios.History { return &scenarios.History{Changes: changes} }
	tests := []struct {
		name string
		set  func(*testing.T, e)
		want string // part of the only failure; empty: passes
	}{
		{"ready", func(t *testing.T, x e) {
			x.Ready = ready(scenarios.Change{To: true, Window: in(t, "initialDelay", "initialDelay+period")}, scenarios.Change{To: false, Window: in(t, "sick#1+period", "sick#1+failureThreshold*period")})
		}, ""},
		{"the slack widens the upper edge", func(t *testing.T, x e) {
			x.Ready = ready(scenarios.Change{To: true, Window: in(t, "0s", "4s")}, scenarios.Change{To: false, Window: in(t, "0s", "40s")})
		}, ""},
		{"ready too late", func(t *testing.T, x e) {
			x.Ready = ready(scenarios.Change{To: true, Window: in(t, "0s", "3s")}, scenarios.Change{To: false, Window: in(t, "0s", "40s")})
		}, "ready -> true at 5s, 1s too late"},
		{"ready too early", func(t *testing.T, x e) {
			x.Ready = ready(scenarios.Change{To: true, Window: in(t, "6s", "9s")}, scenarios.Change{To: false, Window: in(t, "0s", "40s")})
		}, "ready -> true at 5s, 1s too early"},
		{"one transition more", func(t *testing.T, x e) {
			x.Ready = ready(scenarios.Change{To: true, Window: in(t, "0s", "9s")})
		}, "ready -> false at 35s"},
		{"one transition fewer", func(t *testing.T, x e) {
			x.Ready = ready(scenarios.Change{To: true, Window: in(t, "0s", "9s")}, scenarios.Change{To: false, Window: in(t, "0s", "40s")}, scenarios.Change{To: true, Window: in(t, "40s", "50s")})
		}, "ready -> true never happened"},
		{"after an attempt", func(t *testing.T, x e) {
			x.Ready = ready(scenarios.Change{To: true, Window: scenarios.Window{After: formula(t, "readiness#1")}}, scenarios.Change{To: false, Window: scenarios.Window{After: formula(t, "readiness#4")}})
		}, ""},
		{"after another attempt", func(t *testing.T, x e) {
			x.Ready = ready(scenarios.Change{To: true, Window: scenarios.Window{After: formula(t, "readiness#2")}}, scenarios.Change{To: false, Window: in(t, "0s", "40s")})
		}, "ready -> true at 5s, 10s too early"},
		{"a name without a value", func(t *testing.T, x e) {
			x.Ready = ready(scenarios.Change{To: true, Window: in(t, "0s", "liveFailed#2")}, scenarios.Change{To: false, Window: in(t, "0s", "40s")})
		}, "liveFailed#2 did not happen"},
		{"initially ready", func(_ *testing.T, x e) { x.Ready = &scenarios.History{Initial: true} }, "ready is false at the start"},
		{"endpoints", func(t *testing.T, x e) {
			x.Endpoints = ready(scenarios.Change{To: true, Window: in(t, "0s", "9s")}, scenarios.Change{To: false, Window: in(t, "notReady#1", "notReady#1")})
		}, ""},
		{"endpoints that never change", func(_ *testing.T, x e) { x.Endpoints = ready() }, "endpoints -> true at 5s"},
		{"live", func(t *testing.T, x e) {
			x.Live = &[]scenarios.LiveFailure{{Instance: 1, Window: in(t, "sick#1+(failureThreshold-1)*period", "sick#1+failureThreshold*period")}}
		}, ""},
		{"live never fails", func(_ *testing.T, x e) { x.Live = &[]scenarios.LiveFailure{} }, "liveness of instance 1 failed at 55s"},
		{"live of another instance", func(t *testing.T, x e) {
			x.Live = &[]scenarios.LiveFailure{{Instance: 2, Window: in(t, "0s", "72s")}}
		}, "liveness of instance 1 failed at 55s"},
		{"no restart", func(_ *testing.T, x e) { x.Restarts = &scenarios.Restarts{} }, ""},
		{"restart", func(t *testing.T, x e) {
			x.Restarts = &scenarios.Restarts{Windows: []scenarios.Window{in(t, "0s", "liveFailed#1+period")}}
		}, "restart never happened"},
		{"phase", func(t *testing.T, x e) {
			x.Phase = &[]scenarios.PhaseChange{{To: "Running"}, {To: "Succeeded", HasWin: true, Window: in(t, "liveFailed#1", "liveFailed#1+terminationGracePeriod")}}
		}, ""},
		{"other phase", func(t *testing.T, x e) {
			x.Phase = &[]scenarios.PhaseChange{{To: "Running"}, {To: "Failed", HasWin: true, Window: in(t, "0s", "72s")}}
		}, "phase -> Succeeded at 57s"},
		{"a phase on the way", func(_ *testing.T, x e) {
			x.Phase = &[]scenarios.PhaseChange{{To: "Scheduled"}, {To: "Running"}, {To: "Succeeded"}}
		}, ""},
		{"attempts", func(_ *testing.T, x e) {
			x.Attempts = map[probes.Kind][]scenarios.ClassRun{
				probes.Readiness: {{Class: probes.Success, Times: 2}, {Class: probes.Failure}},
				probes.Liveness:  {{Class: probes.Success, Times: 2}, {Class: probes.Failure, Times: 4}},
			}
		}, ""},
		{"another class", func(_ *testing.T, x e) {
			x.Attempts = map[probes.Kind][]scenarios.ClassRun{probes.Readiness: {{Class: probes.Success}}}
		}, "attempt 3 of the run is F, not S"},
		{"too few attempts", func(_ *testing.T, x e) {
			x.Attempts = map[probes.Kind][]scenarios.ClassRun{probes.Liveness: {{Class: probes.Success, Times: 2}, {Class: probes.Failure, Times: 5}}}
		}, "there were only 6 attempts; the next should be F"},
		{"too many attempts", func(_ *testing.T, x e) {
			x.Attempts = map[probes.Kind][]scenarios.ClassRun{probes.Liveness: {{Class: probes.Success, Times: 2}, {Class: probes.Failure, Times: 3}}}
		}, "attempt 6 of the run is F, not nothing more"},
		{"tries", func(_ *testing.T, x e) {
			x.Tries = map[probes.Kind][]scenarios.CountRun{probes.Readiness: {{N: 1}}}
		}, ""},
		{"other tries", func(_ *testing.T, x e) {
			x.Tries = map[probes.Kind][]scenarios.CountRun{probes.Readiness: {{N: 1, Times: 1}, {N: 3}}}
		}, "number of tries of attempt 2 of the run is 1, not 3"},
		{"events", func(_ *testing.T, x e) {
			x.Events = []scenarios.EventCount{{Reason: "Unhealthy", Contains: "statuscode", Min: 1, Max: 1}, {Reason: "Killing", Max: 0}}
		}, ""},
		{"too few events", func(_ *testing.T, x e) {
			x.Events = []scenarios.EventCount{{Reason: "Unhealthy", Contains: "other", Min: 1, Max: -1}}
		}, `0 events Unhealthy with "other"`},
		{"too many events", func(_ *testing.T, x e) {
			x.Events = []scenarios.EventCount{{Reason: "Unhealthy", Max: 0}}
		}, "1 events Unhealthy"},
		{"requests", func(_ *testing.T, x e) {
			x.Requests = []scenarios.RequestCount{{Endpoint: "http/80", Min: 12, Max: 12}}
		}, ""},
		{"too few requests", func(_ *testing.T, x e) {
			x.Requests = []scenarios.RequestCount{{Endpoint: "http/80", Min: 13, Max: -1}}
		}, "12 requests to http/80"},
		{"kills", func(t *testing.T, x e) {
			x.Kills = &[]scenarios.KillStep{{With: "acpi", Window: in(t, "liveFailed#1", "liveFailed#1+1s")}}
		}, ""},
		{"another kill", func(t *testing.T, x e) {
			x.Kills = &[]scenarios.KillStep{{With: "destroy", Window: in(t, "0s", "72s")}}
		}, "kill by acpi at 55s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, list := base()
			tt.set(t, c.Expect["web"])
			v := verdict(c, list)
			switch {
			case tt.want == "" && v.Result != judge.Pass:
				t.Errorf("%+v", v.Failures)
			case tt.want != "" && (len(v.Failures) != 1 || !strings.Contains(v.Failures[0].Message, tt.want)):
				t.Errorf("got %+v, want %q", v.Failures, tt.want)
			case tt.want != "" && (v.Result != judge.Fail || v.Failures[0].Requirement != "THR-FAILURE" || v.Failures[0].Want == ""):
				t.Errorf("got %s, %+v", v.Result, v.Failures[0])
			}
		})
	}
}

func TestViolationFailsWithoutBeingAsked(t *testing.T) {
	c, list := base()
	list = append(list, trace.Event{T: 60 * s, VM: "web", Kind: trace.Violation, Value: "tcp/22", Msg: "bytes"})
	if v := verdict(c, list); len(v.Failures) != 1 || !strings.Contains(v.Failures[0].Message, "saw what it must not: bytes") {
		t.Errorf("%+v", v.Failures)
	}
}

func TestFindings(t *testing.T) {
	c, list := base()
	c.Findings = []scenarios.WantFinding{{Requirement: "VAL-PORT", Contains: "named"}}
	if v := verdict(c, list); v.Result != judge.Fail || v.Failures[0].Requirement != "VAL-PORT" {
		t.Errorf("%+v", v)
	}
	found := append(list, trace.Event{VM: "web", Kind: trace.Finding, Value: "VAL-PORT", Msg: "a named port"})
	if v := verdict(c, found); v.Result != judge.Pass {
		t.Errorf("%+v", v)
	}
	c.VMs[0].Resolved.Findings = []spec.Finding{{Requirement: "VAL-PORT", Message: "a named port"}}
	if v := verdict(c, list); v.Result != judge.Pass {
		t.Errorf("%+v", v)
	}
}

func TestRejection(t *testing.T) {
	c, list := base()
	reject := spec.Finding{Severity: spec.Rejects, Requirement: "VAL-PORT", Message: "port must be between 1 and 65535"}
	tests := []struct {
		name  string
		found []spec.Finding
		want  []scenarios.Rejected
		list  []trace.Event
		fails string
	}{
		{"in the right words", []spec.Finding{reject}, []scenarios.Rejected{{Message: "between 1 and 65535"}}, nil, ""},
		{"in other words", []spec.Finding{reject}, []scenarios.Rejected{{Message: "no port"}}, nil, "in other words"},
		{"accepted", nil, []scenarios.Rejected{{Message: "no port"}}, nil, "the manifest was accepted"},
		{"by another component", []spec.Finding{{Severity: spec.Rejects, Message: "no port", By: spec.ByAPIServer}}, []scenarios.Rejected{{Message: "no port"}}, nil, "the kubevirt webhook refused it"},
		{"by that component", []spec.Finding{{Severity: spec.Rejects, Message: "no port", By: spec.ByWebhook}}, []scenarios.Rejected{{Message: "no port"}}, nil, ""},
		{"unwanted", []spec.Finding{reject}, nil, nil, "the manifest was rejected"},
		{"and yet it ran", []spec.Finding{reject}, []scenarios.Rejected{{Message: "port"}}, list, "although the manifest is rejected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.VMs[0].Resolved.Findings, c.Rejected = tt.found, tt.want
			var events []trace.Event
			said := "rejected"
			if strings.HasPrefix(tt.name, "by ") {
				said = "rejected by " + spec.ByWebhook
			}
			for _, f := range tt.found {
				events = append(events, trace.Event{VM: "web", Kind: trace.Finding, Value: f.Requirement, Msg: said + ": spec.port: " + f.Message})
			}
			v := verdict(c, append(events, tt.list...))
			if tt.fails == "" && v.Result != judge.Pass || tt.fails != "" && (v.Result != judge.Fail || !strings.Contains(v.Failures[0].Message, tt.fails)) {
				t.Errorf("%s: %+v", v.Result, v.Failures)
			}
		})
	}
}

func TestOverrunIsAnError(t *testing.T) {
	c, list := base()
	for _, vm := range []string{"", "web"} {
		v := verdict(c, append(list, trace.Event{VM: vm, Kind: trace.Overrun, Msg: "no reply left"}))
		if v.Result != judge.Error || !strings.Contains(v.Reason, "no reply left") {
			t.Errorf("%+v", v)
		}
	}
}

func TestOtherVerdicts(t *testing.T) {
	c, _ := base()
	c.Vary = []scenarios.Binding{{Name: "n", Value: "it's"}}
	tests := []struct {
		v      judge.Verdict
		result judge.Result
		reason string
	}{
		{judge.Broken(c, 3, errors.New("disk full")), judge.Error, "disk full"},
		{judge.Unrun(c, 3, "no SYN"), judge.NotRun, "no SYN"},
		{judge.Unclaimed(c, 3, []string{"exec", "restart"}), judge.NotClaimed, "needs exec, restart"},
	}
	for _, tt := range tests {
		if tt.v.Result != tt.result || tt.v.Reason != tt.reason {
			t.Errorf("got %+v", tt.v)
		}
		if got, want := tt.v.Replay(), `vmprobe replay 'base[n=it'\''s]@kubevirt' --seed 3`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
