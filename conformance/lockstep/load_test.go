//go:build linux

package lockstep_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/lockstep"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/suite"
	"github.com/vmprobe/vmprobe/scenarios"
)

// watched is a prober whose process can be looked at.
type watched struct {
	lockstep.Stream
	trips  *atomic.Int64
	killAt int64
}

func (w watched) pid() int { return w.Stream.(interface{ Pid() int }).Pid() }

func (w watched) Exchange(line []byte) ([]byte, error) {
	if w.trips.Add(1) == w.killAt {
		if err := syscall.Kill(w.pid(), syscall.SIGKILL); err != nil {
			return nil, err
		}
	}
	return w.Stream.Exchange(line)
}

// processBed runs the test binary as a law-abiding prober.
func processBed(t *testing.T, killAt int64, argv ...string) (bed *lockstep.Bed, started *[]watched) {
	t.Helper()
	if argv == nil {
		argv = []string{"env", "VIOLATE=", os.Args[0]}
	}
	start := lockstep.Command{Argv: argv}.Start
	started = &[]watched{}
	trips := new(atomic.Int64)
	bed, err := lockstep.New(t.Context(), lockstep.Config{Start: func(ctx context.Context) (lockstep.Stream, error) {
		s, err := start(ctx)
		w := watched{s, trips, killAt}
		*started = append(*started, w)
		return w, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return bed, started
}

// resident is the memory of a process, in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "VmRSS:")
	var n int
	if _, err := fmt.Sscan(rest, &n); !ok || err != nil {
		t.Fatalf("no VmRSS in %s", data)
	}
	return n
}

// TestThousandCasesOnOneProcess: one prober process serves a thousand cases
// and does not grow.
func TestThousandCasesOnOneProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("not run with -short: a thousand cases; under the race detector memory says nothing")
	}
	for name, argv := range map[string][]string{
		"go":     {"env", "VIOLATE=", os.Args[0]},
		"python": {"python3", "../adapters/python/prober.py"},
	} {
		t.Run(name, func(t *testing.T) { thousand(t, argv) })
	}
}

func thousand(t *testing.T, argv []string) {
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skip("not run: there is no " + argv[0])
	}
	bed, started := processBed(t, 0, argv...)
	list := slices.DeleteFunc(cases(t, "guide-*", "tcp-*", "agent-hung*"), func(c *scenarios.Case) bool { return len(bed.Unclaimed(c)) > 0 })
	warm, after := 0, 0
	for i := range 1000 {
		if _, err := bed.Run(t.Context(), list[i%len(list)], uint64(i)); err != nil {
			t.Fatal(err)
		}
		if i == 299 {
			warm = resident(t, (*started)[0].pid())
		}
	}
	after = resident(t, (*started)[0].pid())
	if len(*started) != 1 {
		t.Errorf("%d processes were started", len(*started))
	}
	t.Logf("%d cases, resident after 300 of them %d KiB, after 1000 %d KiB", len(list), warm, after)
	if after > warm+warm/5 {
		t.Errorf("the prober grew from %d to %d KiB", warm, after)
	}
	if err := bed.Close(); err != nil {
		t.Error(err)
	}
}

// TestKilledProberLosesTheCaseInFlight: the others come to what they come to
// without the kill.
func TestKilledProberLosesTheCaseInFlight(t *testing.T) {
	bed, started := processBed(t, 500)
	var jobs []suite.Job
	for _, c := range cases(t, "guide-*")[:20] {
		jobs = append(jobs, suite.Job{Case: c, Seed: 1})
	}
	lost := 0
	for _, o := range suite.Run(t.Context(), bed, jobs, suite.Options{}, same) {
		if o.Err == nil {
			continue
		}
		lost++
		if !errors.Is(o.Err, protocol.ErrProtocol) || !strings.Contains(o.Err.Error(), "signal: killed") {
			t.Errorf("%s: %v", o.Case.ID(), o.Err)
		}
	}
	if lost != 1 || len(*started) != 2 {
		t.Errorf("%d cases were lost, %d probers started", lost, len(*started))
	}
	if err := bed.Close(); err != nil {
		t.Error(err)
	}
}
