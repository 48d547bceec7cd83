//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "vmprobe")
	if log, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	return binary
}

// victim is a run that will be ended.
type victim struct {
	name    string
	longest time.Duration // after which it is ended at the latest
	rounds  int           // how often it is ended before its longest time
	args    []string      // of conformance; BINARY stands for the program
	env     []string
}

// TestKilledAtAnyMoment ends runs in wall time at moments that a seed decides,
// by ctrl-C or as a crash does. Neither a process nor a socket nor a directory
// is left: after ctrl-C at once, after a crash when the next run has begun.
func TestKilledAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("not run: it kills runs in real time for a minute")
	}
	binary := build(t)
	cases, err := filepath.Abs("../../conformance/lockstep/testdata/restart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	agent := filepath.Join(filepath.Dir(cases), "agent.yaml")
	list := []victim{
		{"loopback", 4 * time.Second, 6, []string{"--testbed=loopback", cases, agent}, nil},
		{"loopback with a prober", 4 * time.Second, 6, []string{"--testbed=loopback", cases, agent, "--", "BINARY", "prober", "--stdio"}, nil},
		{"sockets", 4 * time.Second, 6, []string{"--door=sockets", agent, "--", "BINARY", "prober", "--sockets"}, nil},
	}
	if os.Getenv("VMPROBE_REQUIRE_QEMU") != "" {
		list = append(list, onVMs(t)...)
	} else {
		t.Log("not run: qemu; VMPROBE_REQUIRE_QEMU=1 runs it")
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("VMPROBE_KILL_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("VMPROBE_KILL_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments
	for _, v := range list {
		t.Run(v.name, func(t *testing.T) { v.die(t, binary, random) })
	}
}

// die ends the runs of a victim, and looks at what is left of all of them.
func (v *victim) die(t *testing.T, binary string, random *rand.Rand) {
	t.Helper()
	tmp := t.TempDir()
	for i := range v.rounds {
		sig := syscall.SIGKILL
		if i%2 == 1 {
			sig = syscall.SIGINT
		}
		moment := time.Duration(random.Int64N(int64(v.longest)))
		t.Logf("%v after %v", sig, moment)
		v.end(t, binary, tmp, sig, moment)
	}
	v.end(t, binary, tmp, syscall.SIGINT, v.longest)
	for _, pattern := range []string{filepath.Join(tmp, "vmprobe-*"), filepath.Join(tmp, "cache", "vmprobe", "qemu", "templates", ".*")} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// onVMs are runs on real VMs with a cache of their own, so that the boot of the
// template is ended as well.
func onVMs(t *testing.T) []victim {
	t.Helper()
	img, err := image.Find()
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := filepath.Abs("../../conformance/qemu/testdata/cases/liveness-http-replaces.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{image.Variable + "=" + img.Dir, "XDG_CACHE_HOME=TMP/cache"}
	return []victim{
		{"qemu", 30 * time.Second, 2, []string{"--testbed=qemu", scenario}, env},
		{"qemu with a prober", 30 * time.Second, 2, []string{"--testbed=qemu", scenario, "--", "BINARY", "prober", "--stdio"}, env},
	}
}

// end starts a run, ends it, and looks at what is left.
func (v *victim) end(t *testing.T, binary, tmp string, sig syscall.Signal, moment time.Duration) {
	t.Helper()
	report := filepath.Join(tmp, "report.yaml")
	args := []string{"conformance", "--report=yaml=" + report}
	for _, a := range v.args {
		args = append(args, strings.ReplaceAll(a, "BINARY", binary))
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	for _, e := range v.env {
		cmd.Env = append(cmd.Env, strings.ReplaceAll(e, "TMP", tmp))
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(moment)
	_ = cmd.Process.Signal(sig)
	began := time.Now()
	err := cmd.Wait()
	if took := time.Since(began); took > tidyPatience {
		t.Errorf("%s: it took %v to end", v.name, took)
	}
	if left := alive(tmp); len(left) > 0 {
		t.Errorf("%s, %v after %v: processes are left: %v", v.name, sig, moment, left)
	}
	if sig == syscall.SIGKILL {
		return
	}
	exit := &exec.ExitError{}
	// Before it listens to signals a program ends by them, as any does.
	if early := errors.As(err, &exit) && exit.ExitCode() < 0 && moment < time.Second; !early && cmd.ProcessState.ExitCode() != exitInterrupted {
		t.Errorf("%s: after ctrl-C at %v: %v\n%s", v.name, moment, err, &stderr)
	}
	if text, err := os.ReadFile(report); err == nil && !bytes.Contains(text, []byte("interrupted: true")) {
		t.Errorf("%s: a report that is not marked: %.300s", v.name, text)
	}
	_ = os.Remove(report)
}

// alive are the processes whose directory for temporary files is dir, when
// those that die have had the time.
func alive(dir string) (left []string) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		left = nil
		list, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, name := range list {
			text, err := os.ReadFile(name)
			if err == nil && bytes.Contains(text, []byte("TMPDIR="+dir+"\x00")) {
				command, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
				left = append(left, fmt.Sprintf("%s %q", filepath.Base(filepath.Dir(name)), command))
			}
		}
		if len(left) == 0 {
			return nil
		}
	}
	return left
}

// TestFullDisk: what cannot be written is an error with its reason and exit code
// 3, and nothing half is left.
func TestFullDisk(t *testing.T) {
	binary := build(t)
	short, err := filepath.Abs("../../conformance/lockstep/testdata/short.yaml")
	if err != nil {
		t.Fatal(err)
	}
	small := smallDisk(t, "size=8k,nr_inodes=3")
	if err := os.WriteFile(filepath.Join(small, "full"), make([]byte, 8<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(tmp string, stdout *os.File, args ...string) (int, string) {
		cmd := exec.Command(binary, append([]string{"conformance", short}, args...)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
		var text bytes.Buffer
		cmd.Stdout, cmd.Stderr = &text, &text
		if stdout != nil {
			cmd.Stdout = stdout
		}
		_ = cmd.Run()
		return cmd.ProcessState.ExitCode(), text.String()
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = full.Close() })
	for _, tt := range []struct {
		name, tmp string
		stdout    *os.File
		args      []string
	}{
		{"a report", t.TempDir(), nil, []string{"--testbed=loopback", "--report=yaml=" + filepath.Join(small, "r.yaml")}},
		{"traces", t.TempDir(), nil, []string{"--testbed=loopback", "--report=trace=" + small}},
		{"standard output", t.TempDir(), full, []string{"--testbed=loopback"}},
		{"the agents' sockets", smallDisk(t, "nr_inodes=1"), nil, []string{"--testbed=loopback"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, text := run(tt.tmp, tt.stdout, tt.args...)
			if code != exitCouldNotRun || !strings.Contains(text, "no space left") {
				t.Errorf("exit code %d: %s", code, text)
			}
		})
	}
	t.Cleanup(func() {
		if left, _ := os.ReadDir(small); len(left) != 1 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// smallDisk mounts a disk that is full soon.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("not run: no small disk can be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}
