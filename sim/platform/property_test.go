package platform_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/vmprobe/vmprobe/sim/platform"
	"github.com/vmprobe/vmprobe/sim/trace"
)

// TestProperties plays random stories in every profile and holds the trace to
// what must be true of any.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := randomStory(rt)
		w := newWorld(rapid.Uint64().Draw(rt, "seed"))
		w.acpi = rapid.SampledFrom([]time.Duration{-1, 0, 2 * time.Second}).Draw(rt, "acpi")
		again := newWorld(w.k.Seed())
		again.acpi = w.acpi
		w.play(rt, d)
		again.play(rt, d)
		if w.log.String() != again.log.String() {
			rt.Fatalf("two runs differ:\n%s\n%s", w.log.String(), again.log.String())
		}
		if err := judge(w.events); err != nil {
			rt.Fatalf("%v\n%s %v\n%s\n%s", err, d.Cmd, d.CmdArgs, d.Input, w.log.String())
		}
	})
}

func randomStory(rt *rapid.T) *datadriven.TestData {
	pick := func(name string, list ...string) string { return rapid.SampledFrom(list).Draw(rt, name) }
	d := &datadriven.TestData{Cmd: "story"}
	add := func(key string, vals ...string) {
		d.CmdArgs = append(d.CmdArgs, datadriven.CmdArg{Key: key, Vals: vals})
	}
	add("profile", pick("profile", "openshift-doc", "kubevirt-legacy", "kubevirt", "kubernetes"))
	add("run", pick("run", "", "Always", "RerunOnFailure", "Manual"))
	add("policy", pick("policy", "", "Always", "OnFailure", "Never"))
	add("grace", pick("grace", "0s", "7s", "30s"))
	add("liveness", pick("liveness", "", "http", "agent"))
	add("until", "400s")
	for _, flag := range []string{"readiness", "startup", "launcher-hangs"} {
		if rapid.Bool().Draw(rt, flag) {
			add(flag)
		}
	}
	at := 0
	for range rapid.IntRange(1, 25).Draw(rt, "steps") {
		at += rapid.IntRange(1, 40_000).Draw(rt, "gap")
		instance := rapid.IntRange(1, 5).Draw(rt, "instance")
		step := pick("step", "ready %d true", "ready %d true", "ready %d false", "started %d", "live-failed %d",
			"poweroff", "crash", "suspend", "wake", "stop-container", "sync", "pause", "unpause", "io-error 9s",
			"snapshot 3s", "migrate 20s", "migrate 20s failed", "delete", "evict", "annotate true")
		step = strings.ReplaceAll(step, "%d", strconv.Itoa(instance))
		d.Input += fmt.Sprintf("%dms %s\n", at, step)
	}
	return d
}

// settle bounds the way of a change to Ready and to the endpoints.
const settle = platform.GateLatency + platform.PodLatency + platform.VMILatency + platform.EndpointLatency

// state is what the trace says of the VM, read by itself.
type state struct {
	running   map[int32]bool
	last      int32 // instance started last
	migrating bool
	leaving   int32 // source or target of an ended migration
	ready     bool
	endpoint  map[int32]bool
	domain    map[int32]string
	inPlace   bool          // containers of one pod follow each other
	unfit     time.Duration // since when no domain runs unpaused; -1: one does
}

func judge(events []trace.Event) error {
	s := &state{running: map[int32]bool{}, endpoint: map[int32]bool{}, domain: map[int32]string{}, unfit: 0}
	vm := false
	for i, e := range events {
		vm = vm || e.Kind == trace.VMICreated
		s.inPlace = !vm
		if i > 0 && e.T < events[i-1].T {
			return fmt.Errorf("time goes back at %+v", e)
		}
		if s.ready && vm && s.unfit >= 0 && e.T > s.unfit+settle {
			return fmt.Errorf("at %v still ready, though nothing runs since %v", e.T, s.unfit)
		}
		if err := s.take(e); err != nil {
			return fmt.Errorf("%v %s #%d: %w", e.T, e.Kind, e.Instance, err)
		}
		s.look(e.T)
	}
	return nil
}

// look notes since when no domain runs.
func (s *state) look(now time.Duration) {
	for _, d := range s.domain {
		if d == "running" || d == "pmsuspended" {
			s.unfit = -1
			return
		}
	}
	if s.unfit < 0 {
		s.unfit = now
	}
}

func (s *state) take(e trace.Event) error {
	switch e.Kind {
	case trace.ContainerStarted:
		if e.Instance <= s.last {
			return fmt.Errorf("instances do not grow: %d after %d", e.Instance, s.last)
		}
		for other, r := range s.running {
			if r && !s.migrating && other != s.leaving {
				return fmt.Errorf("#%d runs still", other)
			}
		}
		if s.inPlace {
			s.endpoint[e.Instance] = s.endpoint[s.last] // that of the pod
		}
		s.last, s.running[e.Instance] = e.Instance, true
	case trace.ContainerStopped:
		if !s.running[e.Instance] {
			return fmt.Errorf("it did not run")
		}
		delete(s.running, e.Instance)
		delete(s.domain, e.Instance)
	case trace.DomainState:
		s.domain[e.Instance] = e.Value
		if e.Value == "shutoff" && e.Msg != "Destroyed" {
			s.leaving = e.Instance
		}
	case trace.MigrationStarted:
		s.migrating = true
	case trace.MigrationEnded:
		s.migrating = false
	case trace.Ready:
		if e.OK == s.ready {
			return fmt.Errorf("no change of ready")
		}
		s.ready = e.OK
	case trace.Endpoint:
		if e.OK == s.endpoint[e.Instance] {
			return fmt.Errorf("no change of the endpoint")
		}
		s.endpoint[e.Instance] = e.OK
	case trace.Kill:
		if !s.running[e.Instance] {
			return fmt.Errorf("%s to a container that does not run", e.Value)
		}
	case trace.Trigger:
		if !s.running[e.Instance] {
			return fmt.Errorf("a trigger without a container")
		}
	default:
	}
	return nil
}
