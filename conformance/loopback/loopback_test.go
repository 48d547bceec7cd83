package loopback_test

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/loopback"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

func newBed(t *testing.T) *loopback.Bed {
	t.Helper()
	bed, err := loopback.New("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bed.Close() })
	return bed
}

// short lists the cases that loopback can express and that are over soon.
func short(t *testing.T, bed *loopback.Bed, longest time.Duration) (list []*scenarios.Case) {
	t.Helper()
	for _, c := range scenariotest.Embedded(t, "*") {
		if c.Until <= longest && len(c.Rejected) == 0 && bed.Unsupported(c) == "" {
			list = append(list, c)
		}
	}
	return list
}

// TestShortCases runs in wall time, all cases at once: as long as the longest.
func TestShortCases(t *testing.T) {
	if os.Getenv("VMPROBE_REQUIRE_WALL") == "" {
		t.Skip("not run: it takes a minute of wall time and a machine that is not busy; VMPROBE_REQUIRE_WALL=1 runs it")
	}
	bed := newBed(t)
	cases := short(t, bed, 60*time.Second)
	if len(cases) < 25 {
		t.Errorf("only %d cases", len(cases))
	}
	var late, told atomic.Int64
	var running sync.WaitGroup
	for _, c := range cases {
		running.Go(func() {
			tr, err := bed.Run(t.Context(), c, 1)
			if err != nil {
				t.Errorf("%s: %v", c.ID(), err)
				return
			}
			v := judge.Judge(c, tr, judge.Options{})
			if v.Result == judge.Error { // a busy machine: no verdict either way
				t.Logf("%s: %s", c.ID(), v.Reason)
				late.Add(1)
				return
			}
			told.Add(1)
			for _, f := range v.Failures {
				t.Errorf("%s: %s %v %s: %s; want %s %s", c.ID(), f.Requirement, f.At, f.VM, f.Message, f.Want, f.Window)
			}
		})
	}
	running.Wait()
	t.Logf("%d cases, %d of them not told because the machine was too busy", len(cases), late.Load())
	if told.Load() == 0 {
		t.Error("nothing was told")
	}
}

// TestMostCases: how many of the embedded cases real sockets can express. The
// README says it.
func TestMostCases(t *testing.T) {
	if testing.Short() {
		t.Skip("not run: it reads every scenario (-short)")
	}
	bed, err := loopback.New("test")
	if err != nil {
		t.Fatal(err)
	}
	defer bed.Close()
	if n := len(short(t, bed, 100*time.Hour)); n < 1800 {
		t.Errorf("only %d cases", n)
	}
}

const takenPort = `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - {name: web, image: web, readinessProbe: {tcpSocket: {port: 28471}, periodSeconds: 1}}
---
apiVersion: vmprobe.dev/v1alpha1
kind: Scenario
metadata: {name: taken}
spec:
  title: A port opens
  requirements: [TCP-CONNECT-ONLY]
  profiles: [kubernetes]
  until: 5s
  guests:
    web:
      tcp/28471:
        - {at: 0s, reply: refused}
        - {at: 1s, reply: ok, as: up}
  expect: {web: {ready: [false, {to: true, in: [up, up + period]}]}}
`

const countedReplies = `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
    - {name: web, image: web, readinessProbe: {tcpSocket: {port: 28472}, periodSeconds: 1, failureThreshold: 2}}
---
apiVersion: vmprobe.dev/v1alpha1
kind: Scenario
metadata: {name: counted}
spec:
  title: Refused twice, open twice, dropped once, open
  requirements: [TCP-CONNECT-ONLY]
  profiles: [kubernetes]
  until: 8s
  guests:
    web:
      tcp/28472:
        - {at: 0s, replies: [refused x2, ok x2, blackhole x1, ok ...]}
  expect: {web: {attempts: {readiness: [F x2, S x2, F, S ...]}}}
`

// TestCounted: handshakes that come to nothing are counted, although the kernel
// tells nobody of them.
func TestCounted(t *testing.T) {
	c, bed := scenariotest.Text(t, "counted.yaml", countedReplies)[0], newBed(t)
	if why := bed.Unsupported(c); why != "" {
		t.Fatal(why)
	}
	if why := bed.UnsupportedDoor(c); !strings.Contains(why, "nobody counts handshakes") {
		t.Errorf("a prober that dials by itself: %q", why)
	}
	tr, err := bed.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	if v := judge.Judge(c, tr, judge.Options{}); v.Result != judge.Pass && v.Result != judge.Error {
		t.Errorf("%s: %+v", v.Result, v.Failures)
	} else if v.Result == judge.Error {
		t.Skip("not run: " + v.Reason)
	}
}

// TestPortTaken: a port that somebody else has when the guest wants to open it
// is the harness's trouble and ends the run; the guest would look as if it
// refused.
func TestPortTaken(t *testing.T) {
	c, bed := scenariotest.Text(t, "taken.yaml", takenPort)[0], newBed(t)
	time.AfterFunc(300*time.Millisecond, func() {
		if l, err := net.Listen("tcp4", "0.0.0.0:28471"); err == nil {
			time.AfterFunc(3*time.Second, func() { _ = l.Close() })
		}
	})
	_, err := bed.Run(t.Context(), c, 1)
	if err == nil || !strings.Contains(err.Error(), "guest web: ") || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the error is %v", err)
	}
}

// TestCancel: a run that is given up ends soon and leaves nothing.
func TestCancel(t *testing.T) {
	bed, err := loopback.New("test")
	if err != nil {
		t.Fatal(err)
	}
	c := short(t, bed, 3*time.Minute)[0]
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := bed.Run(ctx, c, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a run that was cancelled: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to end", took)
	}
	for range 100 { // timers of the context
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
	if err := bed.Close(); err != nil {
		t.Error(err)
	}
}
