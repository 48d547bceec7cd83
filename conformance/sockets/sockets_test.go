package sockets_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/judge"
	"github.com/vmprobe/vmprobe/conformance/protocol"
	"github.com/vmprobe/vmprobe/conformance/sockets"
	"github.com/vmprobe/vmprobe/scenarios"
)

// told wants a verdict; a machine that was too busy gives none, which is said.
func told(t *testing.T, v judge.Verdict) bool {
	t.Helper()
	if v.Result == judge.Error && strings.HasPrefix(v.Reason, "harness: late by") {
		t.Logf("%s: %s", v.Case, v.Reason)
		return false
	}
	return true
}

// passes runs a case and wants it to pass.
func passes(t *testing.T, b *sockets.Bed, c *scenarios.Case) {
	t.Helper()
	tr, err := b.Run(t.Context(), c, 1)
	if err != nil {
		t.Errorf("%s: %v", c.ID(), err)
		return
	}
	if v := judge.Judge(c, tr, judge.Options{}); told(t, v) && v.Result != judge.Pass {
		t.Errorf("%s: %s %s %+v", c.ID(), v.Result, v.Reason, v.Failures)
	}
}

// TestLawAbidingProcess is the reference on HTTP and on a guest agent, with one
// process for all cases and with one for each.
func TestLawAbidingProcess(t *testing.T) {
	for _, alone := range []string{"", "1"} {
		t.Run("alone="+alone, func(t *testing.T) {
			t.Parallel()
			b := bed(t, sockets.Config{Argv: prober("", "ALONE="+alone)})
			list := cases(t, "testdata/short.yaml", "testdata/agent.yaml")
			if err := b.Ready(t.Context(), list); err != nil {
				t.Error(err)
			}
			var running sync.WaitGroup
			for _, c := range list {
				if why := b.Unsupported(c); why != "" {
					t.Errorf("%s: %s", c.ID(), why)
				}
				running.Go(func() { passes(t, b, c) })
			}
			running.Wait()
		})
	}
}

// TestReportOfNothingFails: a prober that says nothing is no friend of a
// timeline that wants Ready.
func TestReportOfNothingFails(t *testing.T) {
	t.Parallel()
	b := bed(t, sockets.Config{Argv: prober("mute")})
	c := cases(t, "testdata/short.yaml")[0]
	tr, err := b.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	v := judge.Judge(c, tr, judge.Options{})
	never := func(f judge.Failure) bool { return strings.Contains(f.Message, "ready -> true never happened") }
	if told(t, v) && !slices.ContainsFunc(v.Failures, never) {
		t.Errorf("%s %+v", v.Result, v.Failures)
	}
}

// TestOneCaseAtFaultLeavesTheOthers: two cases in one process, and what the
// prober says about the one makes no sense.
func TestOneCaseAtFaultLeavesTheOthers(t *testing.T) {
	t.Parallel()
	b := bed(t, sockets.Config{Argv: prober("unknown VM")})
	var running sync.WaitGroup
	running.Go(func() {
		_, err := b.Run(t.Context(), cases(t, "testdata/short.yaml")[0], 1)
		if !errors.Is(err, protocol.ErrProtocol) {
			t.Errorf("the case at fault: %v", err)
		}
	})
	running.Go(func() { passes(t, b, cases(t, "testdata/agent.yaml")[0]) })
	running.Wait()
}

// TestKilledProberLosesItsCases: with one case a process, the others do not
// notice; and a new process takes the cases that follow.
func TestKilledProberLosesItsCases(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// Each process writes its number down, and is the prober.
	script := `echo $$ > "$0/$$"; exec "$@"`
	b := bed(t, sockets.Config{Argv: append([]string{"sh", "-c", script, dir}, prober("", "ALONE=1")...)})
	c := cases(t, "testdata/short.yaml")[0]
	var mu sync.Mutex
	lost := 0
	one := func() {
		_, err := b.Run(t.Context(), c, 1)
		if err == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		lost++
		if !errors.Is(err, protocol.ErrProtocol) || !strings.Contains(err.Error(), "the prober ended: signal: killed") {
			t.Errorf("the case that was lost: %v", err)
		}
	}
	var running sync.WaitGroup
	for range 3 {
		running.Go(one)
	}
	time.Sleep(2500 * time.Millisecond) // all of them run
	pids, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(pids) != 4 { // the first one waits for a story with a restart
		t.Fatalf("the processes %v %v", pids, err)
	}
	slices.Sort(pids)
	if err := kill(pids[len(pids)-1]); err != nil {
		t.Fatal(err)
	}
	running.Wait()
	if lost != 1 {
		t.Errorf("%d cases were lost", lost)
	}
	one()
	if lost != 1 {
		t.Error("the case that follows was lost, too")
	}
}

func kill(file string) error {
	var pid int
	if _, err := fmt.Sscan(filepath.Base(file), &pid); err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// TestCancelLeavesNothing: no process, no goroutine, no socket.
func TestCancelLeavesNothing(t *testing.T) {
	dir, tmp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", tmp)
	before := runtime.NumGoroutine()
	script := `echo $$ > "$0/pid"; sleep 1000 & exec "$@"`
	b, err := sockets.New(t.Context(), sockets.Config{Argv: append([]string{"sh", "-c", script, dir}, prober("")...)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := b.Run(ctx, cases(t, "testdata/agent.yaml")[0], 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a run that was cancelled: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	for range 200 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after\n%s", before, after, buf[:runtime.Stack(buf, true)])
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	var group int
	if _, err := fmt.Sscan(string(text), &group); err != nil {
		t.Fatal(err)
	}
	for range 1000 { // the kernel may need a moment to bury them
		if err = syscall.Kill(-group, 0); errors.Is(err, syscall.ESRCH) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("processes of group %d are left: %v", group, err)
}

// TestAddressesAreTheGuests: what a prober is told is where the guest listens.
func TestAddressesAreTheGuests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := `tee "$0/in" | "$@"`
	b := bed(t, sockets.Config{Argv: append([]string{"sh", "-c", script, dir}, prober("")...)})
	var running sync.WaitGroup
	running.Go(func() { passes(t, b, cases(t, "testdata/agent.yaml")[0]) })
	defer running.Wait()
	for range 300 {
		text, err := os.ReadFile(filepath.Join(dir, "in"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, ok := strings.Cut(string(text), `"agentSocket":"`)
		if socket, _, _ := strings.Cut(rest, `"`); ok {
			c, err := net.Dial("unix", socket)
			if err != nil {
				time.Sleep(10 * time.Millisecond) // the agent is about to open it
				continue
			}
			_ = c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("no socket of a guest agent was there")
}
