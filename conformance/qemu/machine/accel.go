package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The accelerators.
const (
	KVM = "kvm"
	TCG = "tcg"
)

// AccelVariable names the environment variable that overrides the choice: kvm,
// tcg or auto (default).
const AccelVariable = "VMPROBE_ACCEL"

// remembered is what was found out since the machine was booted.
type remembered struct {
	Boot  string `json:"boot"`
	QEMU  string `json:"qemu"`
	Accel string `json:"accel"`
	Why   string `json:"why,omitempty"`
}

// kvm is where KVM shows, and how long a guest may take to boot with it: one
// that takes longer does not really work.
type kvm struct {
	device, modules string
	patience        time.Duration
}

func realKVM() kvm { return kvm{"/dev/kvm", "/sys/module", 10 * time.Second} }

// checkAccel says what is wrong with the variable.
func checkAccel() error {
	words := []string{KVM, TCG, "auto"}
	if v := os.Getenv(AccelVariable); v != "" && !slices.Contains(words, v) {
		return fmt.Errorf("%s=%s: want %s", AccelVariable, v, strings.Join(words, ", "))
	}
	return nil
}

// detect says whether KVM may work, and why not; proved: it has since the
// machine was booted. A device that opens, a QEMU that starts and one that says
// "enabled" are no proof: only a guest that runs is, and that is tried with the
// template.
func (l *Lab) detect(ctx context.Context) (accel, why string, proved bool) {
	switch v := os.Getenv(AccelVariable); v {
	case TCG:
		return TCG, AccelVariable + "=" + TCG, false
	case KVM:
		return KVM, AccelVariable + "=" + KVM, false
	}
	if r, ok := l.recall(); ok {
		return r.Accel, r.Why, true
	}
	f, err := os.OpenFile(l.kvm.device, os.O_RDWR, 0)
	if err != nil {
		return TCG, err.Error(), false
	}
	_ = f.Close()
	if !exists(filepath.Join(l.kvm.modules, "kvm_intel")) && !exists(filepath.Join(l.kvm.modules, "kvm_amd")) {
		return TCG, "neither kvm_intel nor kvm_amd is loaded", false
	}
	if err := l.tryKVM(ctx); err != nil {
		return TCG, err.Error(), false
	}
	return KVM, "", false
}

// prove lets a machine run from a template that an earlier boot of this computer
// may have made: KVM can have gone since.
func (l *Lab) prove(ctx context.Context, t *template) error {
	ctx, cancel := context.WithTimeout(ctx, l.kvm.patience)
	defer cancel()
	dir, err := os.MkdirTemp(l.dir, "")
	if err != nil {
		return err
	}
	m, err := l.cloneOf(ctx, t, dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	m.Kill()
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// tryKVM starts a machine without a guest; broken ones abort here.
func (l *Lab) tryKVM(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.qemu, "-accel", "kvm", "-cpu", "host", "-M", "q35", "-m", "64", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio")
	cmd.Stdin = strings.NewReader(`{"execute":"qmp_capabilities"}{"execute":"quit"}`)
	var text bytes.Buffer
	cmd.Stderr = &text
	cmd.Dir = l.dir // of a core file, which goes with it
	if err := cmd.Run(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(text.String()), "\n")
		return fmt.Errorf("QEMU with KVM: %w: %s", err, first)
	}
	return nil
}

func (l *Lab) memory() string { return filepath.Join(l.cache, "accel.json") }

func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
}

func (l *Lab) recall() (r remembered, ok bool) {
	data, err := os.ReadFile(l.memory())
	if err != nil || json.Unmarshal(data, &r) != nil {
		return r, false
	}
	return r, r.Boot != "" && r.Boot == bootID() && r.QEMU == l.version
}

// remember keeps the answer until the next boot; one that was forced is none.
func (l *Lab) remember(accel, why string) {
	if v := os.Getenv(AccelVariable); v == KVM || v == TCG {
		return
	}
	data, err := json.Marshal(remembered{bootID(), l.version, accel, why})
	if err != nil || os.MkdirAll(l.cache, 0o755) != nil {
		return
	}
	tmp := fmt.Sprintf("%s.%d", l.memory(), syscall.Getpid())
	if os.WriteFile(tmp, data, 0o644) == nil {
		_ = os.Rename(tmp, l.memory())
	}
}
