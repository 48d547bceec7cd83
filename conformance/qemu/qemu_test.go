package qemu_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/agree/agreetest"
	"github.com/vmprobe/vmprobe/conformance/qemu"
	"github.com/vmprobe/vmprobe/conformance/testbed"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// required is the variable that makes these tests run, and fail where QEMU or
// the image is missing.
const required = "VMPROBE_REQUIRE_QEMU"

// newBed opens the testbed, or tells why nothing is run.
func newBed(t *testing.T) *qemu.Bed {
	t.Helper()
	if os.Getenv(required) == "" {
		t.Skip("not run: it boots real VMs for minutes, and wants a machine that is not busy; " + required + "=1 runs it")
	}
	bed, err := qemu.New("test", func(note string) { t.Log(note) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bed.Close(); err != nil {
			t.Error(err)
		}
	})
	return bed
}

// tries is how often a case is run whose harness was too late to tell.
const tries = 4

// atOnce is how many cases run at a time: each has one or two VMs.
const atOnce = 4

// TestCases runs the scenarios of testdata on real VMs. Each must pass, and
// agree with the simulator.
func TestCases(t *testing.T) {
	bed := newBed(t)
	cases := scenariotest.Files(t, "testdata/cases/*.yaml")
	if len(cases) < 25 {
		t.Fatalf("only %d cases", len(cases))
	}
	if err := bed.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	lane(bed).Check(t, cases)
}

func lane(bed testbed.Testbed) agreetest.Lane {
	return agreetest.Lane{Real: bed, AtOnce: atOnce, Tries: tries}
}

// qemus are the processes with a parent whose program is QEMU.
func qemus(parent int) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		name, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || !strings.Contains(name, "(qemu-system") || fields[0] == "Z" || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestCancel: a run that is given up leaves no QEMU.
func TestCancel(t *testing.T) {
	bed := newBed(t)
	if err := bed.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := scenariotest.Files(t, "testdata/cases/liveness-http-replaces.yaml")[0]
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 150 * time.Millisecond, time.Second, 3 * time.Second} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		began := time.Now()
		if _, err := bed.Run(ctx, c, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a run that was cancelled after %v: %v", after, err)
		}
		cancel()
		if took := time.Since(began) - after; took > 5*time.Second {
			t.Errorf("it took %v to end", took)
		}
		if left := qemus(os.Getpid()); len(left) > 0 {
			t.Errorf("cancelled after %v: processes %v are left", after, left)
		}
	}
}

// helper is the variable by which this test binary becomes a harness that is
// about to be killed.
const helper = "VMPROBE_TEST_HARNESS"

// TestHarnessKilled: a harness that is killed takes its VMs with it.
func TestHarnessKilled(t *testing.T) {
	newBed(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 2 * time.Second} {
		cmd := exec.Command(self, "-test.run=^TestHelper$", "-test.v")
		cmd.Env = append(os.Environ(), helper+"=1")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		awaitLine(t, out, "running")
		time.Sleep(after)
		pids := qemus(cmd.Process.Pid)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for _, pid := range pids {
			if !gone(pid, 5*time.Second) {
				t.Errorf("killed after %v: QEMU %d is left", after, pid)
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if after > time.Second && len(pids) == 0 {
			t.Error("no QEMU was seen: the test shows nothing")
		}
	}
}

func awaitLine(t *testing.T, out interface{ Read([]byte) (int, error) }, text string) {
	t.Helper()
	var all []byte
	for b := make([]byte, 256); !strings.Contains(string(all), text); {
		n, err := out.Read(b)
		all = append(all, b[:n]...)
		if err != nil {
			t.Fatalf("the harness said %q: %v", all, err)
		}
	}
}

func gone(pid int, patience time.Duration) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(data), ") Z ") {
			return true
		}
	}
	return false
}

// TestHelper is the harness of TestHarnessKilled.
func TestHelper(t *testing.T) {
	if os.Getenv(helper) == "" {
		t.Skip("not run: it is a part of TestHarnessKilled")
	}
	bed := newBed(t)
	if err := bed.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	fmt.Println("running")
	_, err := bed.Run(t.Context(), scenariotest.Files(t, "testdata/cases/liveness-http-replaces.yaml")[0], 1)
	t.Log(err)
}
