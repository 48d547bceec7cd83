package bubble_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/campaign"
	"github.com/vmprobe/vmprobe/conformance/door"
	"github.com/vmprobe/vmprobe/conformance/door/bubble"
	"github.com/vmprobe/vmprobe/conformance/suite"
)

func someJob(t *testing.T) suite.Job {
	t.Helper()
	return jobs(t, campaign.Selection{Profiles: []string{"kubernetes"}}, "threshold-ffsff")[0]
}

func alone(f door.Func) func() door.Prober { return func() door.Prober { return f } }

// Waits that virtual time knows nothing of are told, with the goroutine.
func TestStuck(t *testing.T) {
	var outside sync.Mutex
	outside.Lock()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	foreign := make(chan int)
	var done atomic.Bool
	defer done.Store(true)
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(ends[1])
	tests := map[string]struct {
		probe door.Func
		want  string // in the error
	}{
		"mutex": {func(context.Context, *door.Probe) { outside.Lock(); outside.Unlock() }, "sync.Mutex.Lock"}, //nolint:staticcheck // waits
		"real socket": {func(ctx context.Context, _ *door.Probe) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", silent.Addr().String())
			if err == nil {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 1))
			}
		}, "IO wait"},
		"process":     {func(ctx context.Context, _ *door.Probe) { _ = exec.CommandContext(ctx, "sleep", "5").Run() }, "os.(*Process)"},
		"system call": {func(context.Context, *door.Probe) { _, _ = syscall.Read(ends[0], make([]byte, 1)) }, "syscall.Read"},
		"busy": {func(context.Context, *door.Probe) {
			for !done.Load() {
			}
		}, "TestStuck"},
		"channel from outside": {func(context.Context, *door.Probe) { <-foreign }, "chan receive"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bed := bubble.Bed{Factory: alone(test.probe), Patience: 300 * time.Millisecond}
			_, err := bed.Run(t.Context(), someJob(t).Case, 1)
			var stuck *bubble.Stuck
			if !errors.As(err, &stuck) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "trouble_test.go") {
				t.Errorf("error %v\nwant a Stuck with %q and this file", err, test.want)
			}
		})
	}
	outside.Unlock()
	close(foreign)
}

// A goroutine that does not end with its ctx is told, also when it would go on
// for ever.
func TestLeak(t *testing.T) {
	tests := map[string]door.Func{
		"waits": func(context.Context, *door.Probe) { go func() { <-make(chan int) }() },
		"ticks": func(context.Context, *door.Probe) {
			go func() {
				for range time.NewTicker(time.Second).C {
				}
			}()
		},
		"ignores its ctx": func(context.Context, *door.Probe) { select {} },
	}
	for name, probe := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := bubble.Bed{Factory: alone(probe)}.Run(t.Context(), someJob(t).Case, 1)
			var leak *bubble.Leak
			if !errors.As(err, &leak) || !strings.Contains(err.Error(), "trouble_test.go") {
				t.Errorf("error %v\nwant a Leak with this file", err)
			}
		})
	}
}

func TestPanicOfProbe(t *testing.T) {
	_, err := bubble.Bed{Factory: alone(func(context.Context, *door.Probe) { panic("nil map") })}.Run(t.Context(), someJob(t).Case, 1)
	if err == nil || !strings.Contains(err.Error(), "the prober panicked at") || !strings.Contains(err.Error(), "nil map") {
		t.Errorf("error %v", err)
	}
	_, err = bubble.Bed{Factory: func() door.Prober { panic("no config") }}.Run(t.Context(), someJob(t).Case, 1)
	if err == nil || !strings.Contains(err.Error(), "the factory of the prober panicked: no config") {
		t.Errorf("error %v", err)
	}
}

// A panic in a goroutine of the prober's own ends the process: Go has it so.
// The output names the place.
func TestPanicOfAnotherGoroutine(t *testing.T) {
	const inChild = "VMPROBE_TEST_PANIC"
	if os.Getenv(inChild) != "" {
		probe := func(ctx context.Context, _ *door.Probe) {
			go func() { panic("in a goroutine of the prober") }()
			<-ctx.Done()
		}
		_, _ = bubble.Bed{Factory: alone(probe)}.Run(t.Context(), someJob(t).Case, 1)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=TestPanicOfAnotherGoroutine$")
	cmd.Env = append(os.Environ(), inChild+"=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("child ended with %v, want exit code 2", err)
	}
	for _, want := range []string{"panic: in a goroutine of the prober", "trouble_test.go"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
}

// oneTicker starts everything from one ticker: two goroutines at one instant.
type oneTicker struct {
	mu     sync.Mutex
	probes []*door.Probe
	once   sync.Once
	races  bool // what it does depends on who comes first
	turn   int
}

func (o *oneTicker) Probe(ctx context.Context, p *door.Probe) {
	start := <-p.Events()
	o.mu.Lock()
	o.probes = append(o.probes, p)
	o.mu.Unlock()
	o.once.Do(func() {
		go func() {
			ticker := time.NewTicker(time.Second)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
					o.mu.Lock()
					for _, p := range o.probes {
						go o.ask(p, start.Instance)
					}
					o.mu.Unlock()
				}
			}
		}()
	})
	<-ctx.Done()
}

func (o *oneTicker) ask(p *door.Probe, instance int32) {
	o.mu.Lock()
	o.turn++
	turn := o.turn
	o.mu.Unlock()
	if !o.races {
		turn = 0
	}
	p.Report(door.Written{Instance: instance, Reason: p.Spec.Kind.String(), Message: p.VM})
	p.Report(door.State{Instance: instance, Healthy: turn%3 == 0})
}

// Who starts everything at one instant breaks the residue rule: the order of
// the trace is free, and what does not depend on it is the same. What does is
// a finding.
func TestOneTicker(t *testing.T) {
	job := jobs(t, campaign.Selection{Profiles: []string{"kubernetes"}}, "threshold-panic-is-nothing")[0]
	bed := bubble.Bed{Factory: func() door.Prober { return &oneTicker{} }}
	if d, err := bed.Check(t.Context(), job.Case, 1, 10); err != nil || d != nil {
		t.Errorf("difference %+v, error %v; want none: only the order differs", d, err)
	}
	bed.Factory = func() door.Prober { return &oneTicker{races: true} }
	d, err := bed.Check(t.Context(), job.Case, 1, 50)
	if err != nil || d == nil {
		t.Errorf("difference %+v, error %v; want one: what the prober does depends on the order", d, err)
	}
}
