package rundir

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSweep: what a killed owner left is removed, what lives or is being made
// is not.
func TestSweep(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not run: directories are swept on Linux only")
	}
	parent := t.TempDir()
	dead, young := filepath.Join(parent, "run-1"), filepath.Join(parent, "run-2")
	for _, dir := range []string{dead, young} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dead, lockName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	first, err := New(parent, "run-")
	if err != nil {
		t.Fatal(err)
	}
	second, err := New(parent, "run-")
	if err != nil {
		t.Fatal(err)
	}
	there := func(dir string) bool {
		_, err := os.Stat(dir)
		return err == nil
	}
	if there(dead) || !there(young) || !there(first.Path) || !there(second.Path) {
		t.Errorf("the dead one is there: %t; the young one: %t; the living ones: %t, %t",
			there(dead), there(young), there(first.Path), there(second.Path))
	}
	if err := first.Close(); err != nil || there(first.Path) {
		t.Errorf("closed, and there: %t, %v", there(first.Path), err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// By these variables this binary fills a directory that it holds with so many
// files, and removes it. By name they come after the lock.
const (
	remover = "VMPROBE_TEST_RUNDIR"
	filling = "VMPROBE_TEST_RUNDIR_FILES"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(remover)
	if dir == "" {
		os.Exit(m.Run())
	}
	if _, err := Hold(dir); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	files, _ := strconv.Atoi(os.Getenv(filling))
	for i := range files {
		_ = os.WriteFile(filepath.Join(dir, "vm-"+strconv.Itoa(i)), nil, 0o644)
	}
	fmt.Println("removing")
	_ = Remove(dir)
	time.Sleep(time.Hour)
}

// TestKilledInRemoval: an owner that is killed while it removes its directory
// leaves nothing that the next one cannot remove.
func TestKilledInRemoval(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not run: directories are swept on Linux only")
	}
	parent, half, files := t.TempDir(), 0, 100
	for i := 0; i < 40 && half < 8; i++ {
		dir := filepath.Join(parent, "run-"+strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		switch left := killInRemoval(t, dir, files); {
		case left == 0 && files < 50_000: // faster than the kill
			files *= 2
		case left > 0 && left < files:
			half++
		}
		Sweep(filepath.Join(parent, "run-*"))
		if list, err := os.ReadDir(dir); !os.IsNotExist(err) {
			t.Errorf("the directory stays, with %d files of %d: %v", len(list), files, err)
		}
	}
	if half == 0 {
		t.Error("no owner was killed in the middle: the test shows nothing")
	}
}

// killInRemoval starts an owner that removes a directory, kills it, and tells
// how many files are left.
func killInRemoval(t *testing.T, dir string, files int) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), remover+"="+dir, filling+"="+strconv.Itoa(files))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "removing\n" {
		t.Errorf("it said %q, %v", line, err)
	}
	time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond) //nolint:gosec // any moment of the removal
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	list, _ := os.ReadDir(dir)
	return len(list)
}

// TestErrors: a parent that is not there, and a path that leaves no room.
func TestErrors(t *testing.T) {
	if _, err := New(filepath.Join(t.TempDir(), "none"), "run-"); err == nil {
		t.Error("a directory in nothing")
	}
	d := &Dir{Path: "/" + strings.Repeat("x", 90)}
	if err := d.Fits("agent"); err != nil {
		t.Error(err)
	}
	if err := d.Fits("127.127.255.254"); err == nil || !strings.Contains(err.Error(), "set TMPDIR to a shorter path") {
		t.Errorf("%v", err)
	}
}
