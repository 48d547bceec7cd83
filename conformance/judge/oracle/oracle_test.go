package oracle_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/vmprobe/vmprobe/conformance/judge/history"
	"github.com/vmprobe/vmprobe/conformance/judge/oracle"
	"github.com/vmprobe/vmprobe/fakevm"
	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/probes/spec"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// Each file of testdata tells short histories of one VM, hand-written and
// independent of any prober. "judge" arguments:
//
//	profile=kubevirt until=100s grace=30s pod=60s run=Always policy=Always
//	r=http/DELAY/PERIOD/TIMEOUT/F/S  l=...  u=...   (seconds; handlers http tcp agent exec)
//	fault=TIME                             (a fault of the VM, 10 s long)
//	story=(annotate@40s=true clock@30s=-20s ...)
//
// Lines are "TIME WHAT [i=INSTANCE]"; see line.
func TestOracle(t *testing.T) {
	datadriven.Walk(t, "testdata/oracle", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "judge" {
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			w := parse(t, d)
			run := history.New(w.c, &trace.Trace{Header: trace.Header{View: w.view}, Events: w.events})
			failures := oracle.Run(run, oracle.Options{Slack: time.Second})
			var b strings.Builder
			for _, f := range failures.Failures {
				fmt.Fprintf(&b, "%s %s", f.Requirement, oracle.Seconds(f.At))
				if f.Probe != "" {
					fmt.Fprintf(&b, " %s of instance %d", f.Probe, f.Instance)
				}
				fmt.Fprintf(&b, ": %s\n  want %s", f.Message, f.Want)
				if f.Window != "" {
					fmt.Fprintf(&b, " in %s", f.Window)
				}
				b.WriteString("\n")
			}
			if len(failures.Failures) == 0 {
				return "ok\n"
			}
			return b.String()
		})
	})
}

// TestEveryCheckCanFail holds the golden files to a passing and a failing
// history for every row of the table.
func TestEveryCheckCanFail(t *testing.T) {
	for _, c := range oracle.Checks() {
		name := strings.ToLower(c.Requirement) + ".txt"
		if c.Source == oracle.Guest {
			name = "guest-" + name
		}
		data, err := os.ReadFile(filepath.Join("testdata", "oracle", name))
		if err != nil {
			t.Errorf("%s: %v", c.Requirement, err)
			continue
		}
		text := string(data)
		if !strings.Contains(text, "----\nok\n") {
			t.Errorf("%s has no history that passes", c.Requirement)
		}
		fails := "----\n" + c.Requirement + " "
		if c.Source == oracle.Guest { // others may be accused with it
			fails = "\n" + c.Requirement + " "
		}
		if !strings.Contains(text, fails) {
			t.Errorf("%s has no history that fails by it first", c.Requirement)
		}
		if c.Rule == "" {
			t.Errorf("%s does not say its rule", c.Requirement)
		}
	}
}

type world struct {
	c        *scenarios.Case
	events   []trace.Event
	instance int32
	view     trace.View
}

func seconds(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func parse(t *testing.T, d *datadriven.TestData) *world {
	t.Helper()
	w := &world{c: &scenarios.Case{Scenario: "test", Until: 100 * time.Second}}
	vm := scenarios.VM{Name: "web", Resolved: spec.Resolved{Grace: 30 * time.Second, PodGrace: 60 * time.Second, RunStrategy: "Always"}}
	w.c.Profile, _ = probes.LookupProfile(probes.KubeVirt)
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "profile":
			p, ok := probes.LookupProfile(probes.ProfileName(a.Vals[0]))
			if !ok {
				d.Fatalf(t, "profile %s", a.Vals[0])
			}
			w.c.Profile = p
		case "until":
			w.c.Until = seconds(t, a.Vals[0])
		case "grace":
			vm.Resolved.Grace = seconds(t, a.Vals[0])
		case "pod":
			vm.Resolved.PodGrace = seconds(t, a.Vals[0])
		case "run":
			vm.Resolved.RunStrategy = spec.RunStrategy(strings.TrimSuffix(a.Vals[0], "-"))
		case "policy":
			vm.Resolved.RestartPolicy = "Never"
		case "r", "l", "u":
			vm.Resolved.Probes = append(vm.Resolved.Probes, probe(t, a.Key, a.Vals[0]))
		case "view":
			w.view = trace.View(a.Vals[0])
		case "serves":
			for _, v := range a.Vals {
				kind, number, _ := strings.Cut(v, "/")
				n, _ := strconv.Atoi(number)
				vm.Program.Endpoints = append(vm.Program.Endpoints, fakevm.Endpoint{
					Kind: fakevm.EndpointKind(kind), Port: uint16(n), Steps: []fakevm.Step{{Replies: []fakevm.Counted{{}}}},
				})
			}
		case "command":
			for i := range vm.Resolved.Probes {
				vm.Resolved.Probes[i].Command = []string{"say", `"` + a.Vals[0] + `"`}
			}
		case "fault":
			w.c.Faults = append(w.c.Faults, scenarios.Fault{At: seconds(t, a.Vals[0]), For: 10 * time.Second, Kind: scenarios.Loss, Sides: []string{"web"}})
		case "story":
			for _, s := range a.Vals {
				w.c.Events = append(w.c.Events, story(t, s))
			}
		default:
			d.Fatalf(t, "argument %s", a.Key)
		}
	}
	w.c.VMs = []scenarios.VM{vm}
	for text := range strings.SplitSeq(strings.TrimSpace(d.Input), "\n") {
		w.line(t, strings.Fields(text))
	}
	slices.SortStableFunc(w.events, func(a, b trace.Event) int { return int(a.T - b.T) })
	return w
}

func probe(t *testing.T, kind, s string) probes.Probe {
	t.Helper()
	parts := strings.Split(s, "/")
	n := func(i int) time.Duration { return seconds(t, parts[i]+"s") }
	p := probes.Probe{
		Kind:         map[string]probes.Kind{"r": probes.Readiness, "l": probes.Liveness, "u": probes.Startup}[kind],
		Handler:      map[string]probes.Handler{"http": probes.HTTPGet, "tcp": probes.TCPSocket, "agent": probes.GuestAgentPing, "exec": probes.Exec}[parts[0]],
		InitialDelay: n(1), Period: n(2), Timeout: n(3), TerminationGrace: -1,
		HTTP: probes.HTTPRequest{Scheme: "HTTP", Path: "/", Port: probes.Port{Number: 80}},
		TCP:  probes.TCPTarget{Port: probes.Port{Number: 80}}, Command: []string{"check"},
		FailureThreshold: int32(n(4) / time.Second), SuccessThreshold: int32(n(5) / time.Second),
	}
	return p
}

func story(t *testing.T, s string) scenarios.Event {
	t.Helper()
	kind, rest, _ := strings.Cut(s, "@")
	at, value, _ := strings.Cut(rest, "=")
	e := scenarios.Event{At: seconds(t, at), Kind: scenarios.EventKind(kind), VM: "web", Value: value}
	if kind == "clock" {
		e.Kind, e.By = scenarios.StepClock, seconds(t, value)
	}
	return e
}

func (w *world) add(e trace.Event) {
	if e.Kind != trace.ProberRestarted && e.Kind != trace.Violation { // those are the world's
		e.VM = "web"
	}
	w.events = append(w.events, e)
}

// line reads one event:
//
//	start stop terminating vmi-deleted verdict verdict=U restart prober-restart migration
//	ready=B endpoint=B phase=P kill=K domain=S pause=B power=S R=B L=B U=B U=unknown
//	trigger
//	saw ENDPOINT JSON
//	violation ENDPOINT WORDS
//	R3 EES 100ms     attempt 3 of readiness with three tries of 100 ms each
//	R3 ? 0s          a try that never ends
func (w *world) line(t *testing.T, f []string) {
	t.Helper()
	e := trace.Event{T: seconds(t, f[0]), Instance: max(w.instance, 1)}
	if last := f[len(f)-1]; strings.HasPrefix(last, "i=") {
		n, _ := strconv.Atoi(last[2:])
		e.Instance, f = int32(n), f[:len(f)-1]
	}
	word, value, assigned := strings.Cut(f[1], "=")
	if assigned {
		e.OK, e.Value = value == "true", value
	}
	plain := map[string]trace.Kind{
		"stop": trace.ContainerStopped, "terminating": trace.Terminating, "restart": trace.Restart,
		"prober-restart": trace.ProberRestarted, "migration": trace.MigrationStarted, "ready": trace.Ready,
		"endpoint": trace.Endpoint, "phase": trace.VMIPhase, "kill": trace.Kill, "domain": trace.DomainState,
		"pause": trace.Pause, "power": trace.GuestPower, "boot": trace.GuestBoot, "vmi-deleted": trace.VMIDeleted,
		"trigger": trace.Trigger,
	}
	kinds := map[byte]probes.Kind{'R': probes.Readiness, 'L': probes.Liveness, 'U': probes.Startup}
	switch k, ok := plain[word]; {
	case word == "start":
		e.Kind = trace.ContainerStarted
		w.instance = e.Instance
		w.add(e)
	case word == "saw":
		e.Kind, e.Value, e.Msg = trace.GuestSaw, f[2], f[3]
		w.add(e)
	case word == "violation": // something that nobody must see, as of a trap in the world
		e.Kind, e.Value, e.Msg = trace.Violation, f[2], strings.Join(f[3:], " ")
		w.add(e)
	case word == "unhealthy": // an event about readiness with so many bytes of output
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatalf("line %q", f)
		}
		e.Kind, e.Value, e.OK, e.Msg = trace.ClusterEvent, "Unhealthy", false, "Readiness probe failed: "+strings.Repeat("x", n)
		w.add(e)
	case word == "verdict":
		e.Kind, e.HasProbe, e.Probe, e.Value = trace.LivenessFailed, true, probes.Liveness, ""
		if value != "" {
			e.Probe = kinds[value[0]]
		}
		w.add(e)
	case ok:
		e.Kind = k
		w.add(e)
	default:
		e.HasProbe, e.Probe = true, kinds[word[0]]
		if assigned {
			e.Kind, e.Value = trace.ProbeState, ""
			if value == "unknown" { // a startup probe before its first verdict
				e.Value = value
			}
			w.add(e)
			return
		}
		n, err := strconv.Atoi(word[1:])
		if err != nil || len(f) < 4 {
			t.Fatalf("line %q", f)
		}
		e.Attempt = int32(n)
		w.attempt(e, f[2], seconds(t, f[3]))
	}
}

func (w *world) attempt(e trace.Event, classes string, length time.Duration) {
	for i, letter := range classes {
		e.Try, e.Kind, e.Class = int32(i+1), trace.TryStarted, 0
		w.add(e)
		if letter == '?' {
			return
		}
		e.T += length
		e.Kind, e.Class = trace.TryFinished, probes.Class(strings.IndexRune("-SWFE", letter))
		w.add(e)
	}
	e.Kind, e.Try = trace.AttemptFinished, 0
	w.add(e)
}
