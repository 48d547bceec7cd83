package libvirt_test

import (
	"bufio"
	"context"
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

	"github.com/vmprobe/vmprobe/conformance/agree"
	"github.com/vmprobe/vmprobe/conformance/libvirt"
	"github.com/vmprobe/vmprobe/scenarios"
	"github.com/vmprobe/vmprobe/scenarios/scenariotest"
)

// helper is the variable by which this binary becomes a harness that is about
// to be killed.
const helper = "VMPROBE_TEST_HARNESS"

// harness runs a case again and again until it is killed, in a directory for
// temporary files of its own.
func harness() {
	bed, err := libvirt.New(context.Background(), libvirt.Config{Tool: "test"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("running")
	const name = "testdata/cases/libvirt-error-object.yaml"
	data, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	file, _ := scenarios.Load(name, data, scenarios.Options{})
	list, _ := file.Cases(nil)
	for {
		_, err := bed.Run(context.Background(), list[0], 1)
		fmt.Println(err)
	}
}

// processes are those that name a directory in command line or environment,
// without this one and the harness.
func processes(dir string, but ...int) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		env, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "environ"))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if strings.Contains(string(text)+string(env), dir) && pid != os.Getpid() && (len(but) == 0 || pid != but[0]) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// begin starts a harness with a TMPDIR of its own.
func begin(t *testing.T) (cmd *exec.Cmd, dir string) {
	t.Helper()
	if os.Getenv(required) == "" {
		t.Skip("not run: it boots VMs by libvirt; " + required + "=1 with -tags libvirt,libvirt_dlopen runs it")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = os.MkdirTemp("/tmp", "v"); err != nil { //nolint:usetesting // sockets want short paths
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cmd = exec.Command(self)
	cmd.Env = append(os.Environ(), helper+"=1", "TMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "running\n" {
		_ = cmd.Process.Kill()
		t.Fatalf("the harness says %q, %v", line, err)
	}
	return cmd, dir
}

// nothingLeft waits until neither processes nor files are left.
func nothingLeft(t *testing.T, dir, when string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		pids := processes(dir)
		files, err := os.ReadDir(dir)
		if err == nil && len(files) == 0 && len(pids) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("killed %s: left are processes %v, files %v, %v", when, pids, files, err)
			return
		}
	}
}

// TestHarnessKilled: a harness that is killed at any moment leaves neither QEMU
// nor daemon nor file.
func TestHarnessKilled(t *testing.T) {
	for range 4 {
		cmd, dir := begin(t)
		after := time.Duration(rand.Int64N(int64(4 * time.Second)))
		time.Sleep(after)
		if len(processes(dir, cmd.Process.Pid)) < 2 {
			t.Error("neither keeper nor daemon was seen: the test shows nothing")
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		nothingLeft(t, dir, fmt.Sprintf("after %v", after))
	}
}

// TestDaemonKilled: when the daemon is killed the run ends with an error that
// says so, and nothing is left but the harness.
func TestDaemonKilled(t *testing.T) {
	bed := newBed(t)
	c := scenariotest.Files(t, "testdata/cases/libvirt-error-object.yaml")[0]
	go func() {
		time.Sleep(3 * time.Second)
		for _, pid := range processes("vp-lv-") {
			exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
			if parent(pid) == keeperOf(os.Getpid()) && strings.HasSuffix(exe, "/libvirtd") {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}()
	if _, err := agree.Run(t.Context(), bed, c, 1); err == nil || !strings.Contains(err.Error(), "the daemon has gone") {
		t.Errorf("%v", err)
	}
	if _, err := agree.Run(t.Context(), bed, c, 1); err == nil || !strings.Contains(err.Error(), "the daemon has gone") {
		t.Errorf("the next one: %v", err)
	}
}

// parent is that of a process; 0: there is none.
func parent(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	n, _ := strconv.Atoi(fields[1])
	return n
}

// keeperOf is the keeper that a process has started.
func keeperOf(pid int) int {
	for _, p := range processes("vp-lv-") {
		if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p)); parent(p) == pid && strings.HasPrefix(string(text), "vmprobe-libvirt-keeper") {
			return p
		}
	}
	return 0
}
