package rundir

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
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
