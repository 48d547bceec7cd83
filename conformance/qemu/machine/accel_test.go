package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeKVM is a lab on a computer where KVM shows in these ways. Its QEMU is a
// shell script that counts its starts; its notes are kept.
type fakeKVM struct {
	*Lab
	dir   string
	notes []string
}

func newFakeKVM(t *testing.T, script string) *fakeKVM {
	t.Helper()
	f := &fakeKVM{dir: t.TempDir()}
	f.Lab = fakeQEMU(t, `[ "$1" = --version ] && { echo QEMU 99; exit; }
echo "$*" >> `+f.dir+"/starts\n"+script)
	t.Setenv(AccelVariable, "auto")
	f.say = func(note string) { f.notes = append(f.notes, note) }
	f.kvm = kvm{filepath.Join(f.dir, "kvm"), filepath.Join(f.dir, "modules"), 500 * time.Millisecond}
	return f
}

// starts is how often QEMU was started.
func (f *fakeKVM) starts() int {
	data, _ := os.ReadFile(filepath.Join(f.dir, "starts"))
	return strings.Count(string(data), "\n")
}

func (f *fakeKVM) device(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(f.kvm.device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *fakeKVM) module(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(f.kvm.modules, name), 0o755); err != nil {
		t.Fatal(err)
	}
}

// The QEMUs of the steps. The attempt without a guest has -S and -qmp stdio;
// templates fail with TCG as well, for there is no guest.
const (
	aborts  = `case "$*" in *"-accel kvm"*"-qmp stdio"*) echo "error: failed to set MSR 0x10a" >&2; kill -ABRT $$;; esac; exit 1`
	noGuest = `case "$*" in *"-qmp stdio"*) exit 0;; *"-accel kvm"*) echo "kvm: no guest" >&2; exit 1;; esac; echo "tcg: no guest" >&2; exit 1`
	stuck   = `case "$*" in *"-qmp stdio"*) exit 0;; *"-accel kvm"*) exec sleep 60;; esac; exit 1`
)

// TestDetect: each step of the detector, on a computer that is made up. TCG takes
// over, one line says why, and the answer is kept until the next boot.
func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		device       bool
		module       string
		why          string
		starts       int // of QEMU, until it is known; the template's with TCG is one more
	}{
		{"no device", noGuest, false, "", "no such file", 0},
		{"no module: somebody else's KVM", noGuest, true, "kvm_pvm", "neither kvm_intel nor kvm_amd is loaded", 0},
		{"QEMU aborts", aborts, true, "kvm_intel", "failed to set MSR 0x10a", 1},
		{"the guest does not boot", noGuest, true, "kvm_amd", "the guest does not boot with it: boot the template: ", 2},
		{"the guest hangs", stuck, true, "kvm_intel", "the guest does not boot with it: boot the template: ", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeKVM(t, tt.script)
			if tt.device {
				f.device(t)
			}
			if tt.module != "" {
				f.module(t, tt.module)
			}
			began := time.Now()
			if err := f.Prepare(t.Context()); err == nil {
				t.Fatal("a guest that does not exist has booted")
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if len(f.notes) != 1 || !strings.HasPrefix(f.notes[0], "qemu: TCG, without KVM: ") || !strings.Contains(f.notes[0], tt.why) {
				t.Errorf("the notes are %q, want one with %q", f.notes, tt.why)
			}
			if got := f.starts(); got != tt.starts+1 {
				t.Errorf("QEMU was started %d times, want %d", got, tt.starts+1)
			}
			// The answer is known now, in this lab and in others.
			if accel, why, proved := f.detect(t.Context()); accel != TCG || !proved || !strings.Contains(why, tt.why) {
				t.Errorf("afterwards: %s %t %q", accel, proved, why)
			}
			if got := f.starts(); got != tt.starts+1 {
				t.Error("it was found out twice")
			}
			f.version = "another"
			if _, ok := f.recall(); ok {
				t.Error("the answer of another QEMU counts")
			}
		})
	}
}

// TestDetectGone: a template of an earlier boot is no proof that KVM works now.
func TestDetectGone(t *testing.T) {
	f := newFakeKVM(t, noGuest)
	f.device(t)
	f.module(t, "kvm_intel")
	old := filepath.Join(f.cache, "templates", f.key(KVM))
	if err := os.MkdirAll(old, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, stateFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_ = f.Prepare(t.Context())
	if len(f.notes) != 1 || !strings.Contains(f.notes[0], "the guest does not boot with it") {
		t.Errorf("the notes are %q", f.notes)
	}
}

// TestDetectBoot: the answer of an earlier boot does not count.
func TestDetectBoot(t *testing.T) {
	f := newFakeKVM(t, noGuest)
	f.remember(KVM, "")
	if accel, _, proved := f.detect(t.Context()); accel != KVM || !proved {
		t.Errorf("what was found out was forgotten: %s %t", accel, proved)
	}
	data, err := os.ReadFile(f.memory())
	if err != nil {
		t.Fatal(err)
	}
	earlier := strings.ReplaceAll(string(data), bootID(), "0d7a4d3e")
	if err := os.WriteFile(f.memory(), []byte(earlier), 0o644); err != nil {
		t.Fatal(err)
	}
	if accel, _, proved := f.detect(t.Context()); accel != TCG || proved {
		t.Errorf("the answer of an earlier boot counts: %s %t", accel, proved)
	}
}

// TestDetectOverride: the variable decides, and is not remembered; a word that
// it does not have is an error.
func TestDetectOverride(t *testing.T) {
	f := newFakeKVM(t, noGuest)
	for _, word := range []string{TCG, KVM} {
		t.Setenv(AccelVariable, word)
		if accel, why, _ := f.detect(t.Context()); accel != word || why != fmt.Sprintf("%s=%s", AccelVariable, word) {
			t.Errorf("%s: %s %s", word, accel, why)
		}
		f.remember(word, "because it was asked for")
		if _, ok := f.recall(); ok {
			t.Error("a choice was remembered")
		}
	}
	t.Setenv(AccelVariable, "kmv")
	if _, err := NewLab(nil); err == nil || !strings.Contains(err.Error(), "VMPROBE_ACCEL=kmv: want kvm, tcg, auto") {
		t.Errorf("%v", err)
	}
}
