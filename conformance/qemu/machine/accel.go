package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// detect says whether KVM may work, and why not. A device that opens, a QEMU
// that starts and one that says "enabled" are no proof: only a guest that boots
// is, and that is tried with the template.
func (l *Lab) detect(ctx context.Context) (accel, why string) {
	switch v := os.Getenv(AccelVariable); v {
	case TCG:
		return TCG, AccelVariable + "=" + TCG
	case KVM:
		return KVM, AccelVariable + "=" + KVM
	}
	if r, ok := l.recall(); ok {
		return r.Accel, r.Why
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return TCG, err.Error()
	}
	_ = f.Close()
	if !exists("/sys/module/kvm_intel") && !exists("/sys/module/kvm_amd") {
		return TCG, "neither kvm_intel nor kvm_amd is loaded"
	}
	if err := l.tryKVM(ctx); err != nil {
		return TCG, err.Error()
	}
	return KVM, ""
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
