package daemon_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/libvirt/daemon"
)

// helper is the variable by which this binary becomes a program that is about
// to be killed.
const helper = "VMPROBE_TEST_DAEMON"

func TestMain(m *testing.M) {
	daemon.Keep()
	if os.Getenv(helper) != "" {
		live()
	}
	os.Exit(m.Run())
}

// live starts a daemon and waits for its own end.
func live() {
	d, err := daemon.Start(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(d.Dir)
	select {}
}

func require(t *testing.T) {
	t.Helper()
	if os.Getenv("VMPROBE_REQUIRE_LIBVIRT") == "" {
		t.Skip("not run: it starts libvirt daemons; VMPROBE_REQUIRE_LIBVIRT=1 runs it")
	}
}

// of lists the processes that have a directory in their command line or
// environment.
func of(dir string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		env, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "environ"))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if pid != os.Getpid() && strings.Contains(string(text)+string(env), dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// nothingLeft waits until neither a process nor a file is left of a daemon.
func nothingLeft(t *testing.T, dir string, patience time.Duration) {
	t.Helper()
	var pids []int
	var err error
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		pids = of(dir)
		if _, err = os.Stat(dir); os.IsNotExist(err) && len(pids) == 0 {
			return
		}
		if time.Now().After(end) {
			break
		}
	}
	t.Errorf("left of %s: processes %v, directory %v", dir, pids, err)
}

func TestCloseLeavesNothing(t *testing.T) {
	require(t)
	d, err := daemon.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if uri := d.URI(); !strings.HasPrefix(uri, "qemu+unix:///session?socket="+d.Dir) {
		t.Errorf("URI %q", uri)
	}
	if len(of(d.Dir)) < 2 {
		t.Errorf("processes %v: want keeper and daemon", of(d.Dir))
	}
	if list := d.Pids(); len(list) != 1 || !slices.Contains(of(d.Dir), list[0]) {
		t.Errorf("its process %v, of %v", list, of(d.Dir))
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, d.Dir, 0)
}

// TestDaemonDies: its end is told with a reason.
func TestDaemonDies(t *testing.T) {
	require(t)
	d, err := daemon.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	pid := 0
	for _, p := range of(d.Dir) {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", p))
		if strings.HasSuffix(exe, "/libvirtd") || strings.HasSuffix(exe, "/virtqemud") {
			pid = p
		}
	}
	if pid == 0 {
		t.Fatal("no daemon was found: the test shows nothing")
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	select {
	case <-d.Ended():
	case <-time.After(5 * time.Second):
		t.Fatal("nobody noticed")
	}
	if words := d.Words(); !strings.Contains(words, "has ended: signal killed") {
		t.Errorf("words %q", words)
	}
	nothingLeft(t, d.Dir, time.Second)
}

// TestProgramKilled: a program that is killed leaves nothing, even when its
// keeper is killed with it.
func TestProgramKilled(t *testing.T) {
	require(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, both := range []bool{false, true} {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), helper+"=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		dir := strings.TrimSpace(line)
		if err != nil || !filepath.IsAbs(dir) {
			t.Fatalf("%q %v", line, err)
		}
		_ = cmd.Process.Kill()
		if both {
			for _, pid := range of(dir) {
				if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.HasPrefix(string(text), "vmprobe-libvirt-keeper") {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}
		_ = cmd.Wait()
		if !both {
			nothingLeft(t, dir, 5*time.Second)
			continue
		}
		for end := time.Now().Add(15 * time.Second); len(of(dir)) > 0; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("without its keeper the daemon goes on: %v", of(dir))
			}
		}
		// A process has no command line any more a moment before its locks go.
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			daemon.Sweep()
			if _, err := os.Stat(dir); os.IsNotExist(err) {
				break
			}
		}
		nothingLeft(t, dir, 0)
	}
}

// TestMissing: without a daemon the text says what to do.
func TestMissing(t *testing.T) {
	if !daemon.Supported {
		t.Skip("not run: it is about Linux")
	}
	dir := "/tmp/vmprobe-" + strings.Repeat("x", 40)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("TMPDIR", dir)
	if _, err := daemon.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "TMPDIR") && !strings.Contains(err.Error(), "install it") {
		t.Errorf("%v", err)
	}
}
