package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vmprobe/vmprobe/conformance/wall/rundir"
	"github.com/vmprobe/vmprobe/fakevm/guestd"
)

// template is a machine that was booted once: its memory and the state of its
// devices, in files. Clones map the memory and write to copies of its pages.
type template struct {
	accel string
	dir   string
}

const (
	ramFile   = "ram"
	stateFile = "state"
)

// bootPatience is for TCG on a busy machine.
const bootPatience = 2 * time.Minute

func (t *template) ram() string   { return filepath.Join(t.dir, ramFile) }
func (t *template) state() string { return filepath.Join(t.dir, stateFile) }

// makeTemplate finds out whether KVM works, and boots a template if none is in
// the cache.
func (l *Lab) makeTemplate(ctx context.Context) (*template, error) {
	accel, why, proved := l.detect(ctx)
	if accel == KVM {
		t, err := l.templateFor(ctx, KVM, l.kvm.patience)
		if err == nil && !proved {
			err = l.prove(ctx, t)
		}
		if err == nil {
			l.remember(KVM, why)
			l.say("qemu: KVM")
			return t, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		accel, why = TCG, "the guest does not boot with it: "+err.Error()
	}
	l.remember(accel, why)
	l.say("qemu: TCG, without KVM: " + why)
	return l.templateFor(ctx, accel, bootPatience)
}

func (l *Lab) templateFor(ctx context.Context, accel string, patience time.Duration) (*template, error) {
	t := &template{accel: accel, dir: filepath.Join(l.cache, "templates", l.key(accel))}
	if _, err := os.Stat(t.state()); err == nil {
		return t, nil
	}
	if err := os.MkdirAll(filepath.Dir(t.dir), 0o755); err != nil {
		return nil, err
	}
	young, err := rundir.New(filepath.Dir(t.dir), ".template-")
	if err != nil {
		return nil, err
	}
	defer young.Close() //nolint:errcheck // the next one removes it
	tmp := young.Path
	if err := reserve(filepath.Join(tmp, ramFile), Memory<<20); err != nil {
		return nil, fmt.Errorf("make the template: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.bootTemplate(ctx, &template{accel, tmp}); err != nil {
		return nil, fmt.Errorf("boot the template: %w", err)
	}
	err = os.Rename(tmp, t.dir)
	if _, there := os.Stat(t.state()); err != nil && there != nil { // nobody else was faster
		return nil, err
	}
	return t, nil
}

// key names all that must be equal in a template and its clones.
func (l *Lab) key(accel string) string {
	h := sha256.New()
	fmt.Fprintln(h, l.version, l.image.Key, l.image.SHA256)
	fmt.Fprintln(h, strings.Join(slices.Concat(hardware(accel, "", "", false), cold(l.image)[4:]), "\n"))
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// bootTemplate boots the image and writes memory and state.
func (l *Lab) bootTemplate(ctx context.Context, t *template) error {
	dir, err := os.MkdirTemp(l.dir, "")
	if err != nil {
		return err
	}
	m, err := l.launch(ctx, dir, append(hardware(t.accel, dir, t.ram(), true), cold(l.image)...))
	if err != nil {
		return err
	}
	defer m.Kill() // never let it go on: that would change its memory
	go discard(m.Net)
	if err := m.ready(ctx); err != nil {
		return fmt.Errorf("%w%s", err, m.console())
	}
	if _, err := m.Control.Call(ctx, guestd.Request{Op: guestd.OpAgent}); err != nil {
		return err
	}
	if _, err := m.QMP.Run(ctx, "stop", nil); err != nil {
		return err
	}
	if err := m.ignoreShared(ctx); err != nil {
		return err
	}
	if _, err := m.QMP.Run(ctx, "migrate", map[string]string{"uri": "exec:cat > " + quote(t.state()+".part")}); err != nil {
		return err
	}
	err = m.poll(ctx, "query-migrate", func(status string) (bool, error) {
		if status == "failed" || status == "cancelled" {
			return false, errors.New("QEMU could not save the template")
		}
		return status == "completed", nil
	})
	if err != nil {
		return err
	}
	return os.Rename(t.state()+".part", t.state())
}

// ready waits for the guest's first message.
func (m *Machine) ready(ctx context.Context) error {
	err := m.Control.Ready(ctx, m.exited)
	if errors.Is(err, errGone) {
		return errors.New("QEMU has ended" + m.lastWords())
	}
	return err
}

// console is the end of what the guest's kernel said.
func (m *Machine) console() string {
	text, _ := os.ReadFile(filepath.Join(m.dir, serialLog))
	if text = text[max(0, len(text)-500):]; len(text) == 0 {
		return "; its console is empty"
	}
	return "; its console says: " + strings.TrimSpace(string(text))
}

// clone starts a machine from the template.
func (l *Lab) clone(ctx context.Context, dir string) (*Machine, error) {
	return l.cloneOf(ctx, l.template, dir)
}

func (l *Lab) cloneOf(ctx context.Context, t *template, dir string) (*Machine, error) {
	args := append(hardware(t.accel, dir, t.ram(), false), "-incoming", "defer", "-S")
	m, err := l.launch(ctx, dir, args)
	if err != nil {
		return nil, err
	}
	if err := m.load(ctx, t); err != nil {
		err = fmt.Errorf("%w%s", err, m.lastWords())
		m.Kill()
		return nil, err
	}
	return m, nil
}

func (m *Machine) load(ctx context.Context, t *template) error {
	if err := m.ignoreShared(ctx); err != nil {
		return err
	}
	if _, err := m.QMP.Run(ctx, "migrate-incoming", map[string]string{"uri": "exec:cat " + quote(t.state())}); err != nil {
		return err
	}
	err := m.poll(ctx, "query-status", func(status string) (bool, error) { return status != "inmigrate", nil })
	if err != nil {
		return err
	}
	if _, err := m.QMP.Run(ctx, "cont", nil); err != nil {
		return err
	}
	return m.Control.Measure(ctx)
}

// ignoreShared leaves memory that is in a file out of migrations.
func (m *Machine) ignoreShared(ctx context.Context) error {
	type capability struct {
		Capability string `json:"capability"`
		State      bool   `json:"state"`
	}
	_, err := m.QMP.Run(ctx, "migrate-set-capabilities", map[string]any{"capabilities": []capability{{"x-ignore-shared", true}}})
	return err
}

// poll asks for a status until it is the wanted one.
func (m *Machine) poll(ctx context.Context, command string, done func(status string) (bool, error)) error {
	for {
		data, err := m.QMP.Run(ctx, command, nil)
		if err != nil {
			return err
		}
		var answer struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(data, &answer); err != nil {
			return err
		}
		if ok, err := done(answer.Status); ok || err != nil {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s: %s: %w", command, answer.Status, ctx.Err())
		}
	}
}

// quote is a word for the shell that QEMU starts.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
