package machine

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// newLab opens a lab, or tells why nothing is run.
func newLab(tb testing.TB) *Lab {
	tb.Helper()
	if os.Getenv("VMPROBE_REQUIRE_QEMU") == "" {
		tb.Skip("not run: it boots real VMs; VMPROBE_REQUIRE_QEMU=1 runs it")
	}
	l, err := NewLab(func(note string) { tb.Log(note) })
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	if err := l.Prepare(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return l
}

// BenchmarkStart is a start from the template, until the guest answers, and the
// end.
func BenchmarkStart(b *testing.B) {
	l := newLab(b)
	for b.Loop() {
		m, err := l.Start(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		m.Kill()
	}
}

// BenchmarkColdBoot is the boot that makes a template.
func BenchmarkColdBoot(b *testing.B) {
	l := newLab(b)
	for b.Loop() {
		if err := l.bootTemplate(b.Context(), &template{l.template.accel, b.TempDir()}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAtOnce starts several VMs at once and tells what each of them takes
// of the memory of the computer.
func BenchmarkAtOnce(b *testing.B) {
	counts := []int{1, 2}
	if os.Getenv("VMPROBE_BENCH_LARGE") != "" {
		counts = []int{1, 2, 8, 20}
	}
	for _, n := range counts {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			l := newLab(b)
			share := 0
			for b.Loop() {
				machines := make([]*Machine, n)
				var starting sync.WaitGroup
				for i := range machines {
					starting.Go(func() {
						m, err := l.Start(b.Context())
						if err != nil {
							b.Error(err)
							return
						}
						machines[i] = m
					})
				}
				starting.Wait()
				for _, m := range machines {
					if m != nil {
						share += proportional(b, m.Pid())
						m.Kill()
					}
				}
			}
			b.ReportMetric(float64(share)/float64(b.N*n)/1024, "MB/VM")
		})
	}
}

// proportional is the share of a process in the memory of the computer, in KiB:
// what several share is divided among them.
func proportional(b *testing.B, pid int) int {
	b.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatal("the kernel does not tell")
	return 0
}

// TestMissing: without QEMU, or without an image, the text says what to do.
func TestMissing(t *testing.T) {
	if !Supported {
		t.Skip("not run: QEMU VMs run on Linux only")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv(image.Variable, "")
	t.Setenv("PATH", t.TempDir())
	if _, err := NewLab(nil); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "install it") {
		t.Errorf("no QEMU: %v", err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, binary), []byte("#!/bin/sh\necho QEMU emulator version 99\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	if _, err := NewLab(nil); !errors.Is(err, ErrMissing) || !errors.Is(err, image.ErrNone) {
		t.Errorf("no image: %v", err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, image.Manifest), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(image.Variable, broken)
	if _, err := NewLab(nil); err == nil || errors.Is(err, ErrMissing) {
		t.Errorf("a broken image: %v", err)
	}
}

// fakeQEMU is a lab whose QEMU is a shell script.
func fakeQEMU(t *testing.T, script string) *Lab {
	t.Helper()
	if !Supported {
		t.Skip("not run: QEMU VMs run on Linux only")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, binary)
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{image.Kernel, image.Initrd} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, image.Manifest), []byte(`{"key": "0"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
	t.Setenv(image.Variable, dir)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv(AccelVariable, TCG)
	l, err := NewLab(func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestBrokenQEMU: a QEMU that ends at once, or that talks nonsense, is an error
// with its last words, and leaves nothing.
func TestBrokenQEMU(t *testing.T) {
	l := fakeQEMU(t, `[ "$1" = --version ] && { echo QEMU 99; exit; }; echo no such device >&2; exit 1`)
	if _, err := l.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no such device") {
		t.Errorf("%v", err)
	}
	left, err := os.ReadDir(l.dir)
	if err != nil || len(left) != 1 { // the lock
		t.Errorf("left: %v %v", left, err)
	}
	templates, _ := filepath.Glob(filepath.Join(l.cache, "templates", "*"))
	hidden, _ := filepath.Glob(filepath.Join(l.cache, "templates", ".*"))
	if len(templates)+len(hidden) > 0 {
		t.Errorf("left: %v %v", templates, hidden)
	}
}
