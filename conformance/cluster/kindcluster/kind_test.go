package kindcluster

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	kind "sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/exec"

	"github.com/vmprobe/vmprobe/conformance/cluster"
	"github.com/vmprobe/vmprobe/conformance/cluster/clustertest"
	"github.com/vmprobe/vmprobe/conformance/cluster/release"
	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// fake is kind with one node, and notes what is asked of it.
type fake struct {
	clusters []string
	said     []string
	kvm      bool
	dead     bool // no engine answers
}

func (f *fake) List() ([]string, error) {
	if f.dead {
		return nil, errors.New("cannot connect")
	}
	return f.clusters, nil
}

func (f *fake) Create(name string, _ ...kind.CreateOption) error {
	f.said = append(f.said, "create "+name)
	f.clusters = append(f.clusters, name)
	return nil
}

func (f *fake) Delete(name, _ string) error {
	f.said = append(f.said, "delete "+name)
	f.clusters = slices.DeleteFunc(f.clusters, func(c string) bool { return c == name })
	return nil
}

func (f *fake) KubeConfig(string, bool) (string, error) { return "", nil }

func (f *fake) ListInternalNodes(string) ([]nodes.Node, error) { return []nodes.Node{node{f}}, nil }

// node is a container of kind.
type node struct{ f *fake }

func (n node) String() string                 { return "vmprobe-control-plane" }
func (n node) Role() (string, error)          { return "control-plane", nil }
func (n node) IP() (v4, v6 string, err error) { return "", "", nil }
func (n node) SerialLogs(io.Writer) error     { return nil }
func (n node) Command(c string, a ...string) exec.Cmd {
	return &command{f: n.f, line: strings.Join(append([]string{c}, a...), " ")}
}

func (n node) CommandContext(_ context.Context, c string, a ...string) exec.Cmd {
	return n.Command(c, a...)
}

type command struct {
	f    *fake
	line string
	out  io.Writer
}

func (c *command) SetEnv(...string) exec.Cmd      { return c }
func (c *command) SetStdin(io.Reader) exec.Cmd    { return c }
func (c *command) SetStdout(w io.Writer) exec.Cmd { c.out = w; return c }
func (c *command) SetStderr(io.Writer) exec.Cmd   { return c }

func (c *command) Run() error {
	switch {
	case strings.Contains(c.line, "/dev/kvm"):
		if !c.f.kvm {
			return errors.New("no such device")
		}
	case strings.HasPrefix(c.line, "containerd config dump"):
		_, _ = io.WriteString(c.out, "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\nsnapshotter = \"overlayfs\"\n")
	case strings.HasPrefix(c.line, "ctr"):
		c.f.said = append(c.f.said, "import")
	default:
		return errors.New("unexpected: " + c.line)
	}
	return nil
}

// TestUp: what is done, in which order; emulation exactly where the node has no
// KVM; a second Up changes nothing; Down removes all.
func TestUp(t *testing.T) {
	t.Setenv(image.Variable, t.TempDir()) // no image for VMs
	for _, kvm := range []bool{true, false} {
		f := &fake{kvm: kvm}
		c := Config{
			Name: "vmprobe", Home: t.TempDir(), Manifests: []string{"../release/testdata/operator.yaml", "../release/testdata/object.yaml"}, Guest: program(t), engine: f,
			Tell: func(string, time.Duration) {},
			install: func(_ context.Context, _ string, r *release.Release, _ func(string, time.Duration)) error {
				f.said = append(f.said, "install "+r.Version)
				if r.Emulate == kvm {
					t.Errorf("KVM %t: emulation %t", kvm, !kvm)
				}
				return nil
			},
		}
		s, err := Up(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if s.Tier != cluster.TierKubeVirt || s.KubeVirt != "v1.6.0" || s.State != cluster.Running || s.GuestImage == "" {
			t.Errorf("%+v", s)
		}
		if _, err := Up(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if _, err := c.down(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(f.said, ", "); got != "create vmprobe, import, install v1.6.0, delete vmprobe" {
			t.Error(got)
		}
		if _, err := os.Stat(filepath.Join(c.Home, c.Name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("its folder is left: %v", err)
		}
	}
}

// TestResume: a start that failed goes on where it was, and does not pass for one
// that has come to its end.
func TestResume(t *testing.T) {
	t.Setenv(image.Variable, t.TempDir()) // no image for VMs
	f, failures := &fake{}, 1
	c := Config{
		Name: "vmprobe", Home: t.TempDir(), Manifests: []string{"../release/testdata/operator.yaml", "../release/testdata/object.yaml"}, Guest: program(t), engine: f,
		Tell: func(string, time.Duration) {},
		install: func(context.Context, string, *release.Release, func(string, time.Duration)) error {
			if failures--; failures >= 0 {
				return errors.New("no memory")
			}
			f.said = append(f.said, "install")
			return nil
		},
	}
	if _, err := Up(t.Context(), c); err == nil {
		t.Fatal("a start that failed")
	}
	s, err := Up(t.Context(), c)
	if err != nil || s.State != cluster.Running || s.KubeVirt == "" || s.Cause != "" {
		t.Errorf("%+v %v", s, err)
	}
	if got := strings.Join(f.said, ", "); got != "create vmprobe, import, import, install" {
		t.Error(got)
	}
}

// TestAnothers: a cluster that another provider, or another user of kind, has made is
// left alone, and so is one on which a command is at work.
func TestAnothers(t *testing.T) {
	f := &fake{clusters: []string{"vmprobe"}}
	c := Config{Name: "vmprobe", Home: t.TempDir(), Guest: program(t), engine: f, Tell: func(string, time.Duration) {}}
	refused := func(want string) {
		t.Helper()
		if _, err := Up(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("up: %v, want %s", err, want)
		}
	}
	refused("kind has a cluster vmprobe that vmprobe did not make")
	dir, unlock, err := cluster.Lock(c.Home, c.Name)
	if err != nil {
		t.Fatal(err)
	}
	refused("another command is at work")
	unlock()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	local := &cluster.Status{Name: "vmprobe", Provider: "local", State: cluster.Running}
	if err := local.Write(dir); err != nil {
		t.Fatal(err)
	}
	refused("is one of the provider local: take it down first")
	if _, err := c.down(); err == nil || !strings.Contains(err.Error(), "provider local") {
		t.Errorf("down: %v", err)
	}
	if s, err := cluster.Read(dir); err != nil || s.Provider != "local" || len(f.said) > 0 {
		t.Errorf("%+v %v, asked %q", s, err, f.said)
	}
}

// TestReal creates a cluster with kind, where a container engine answers.
func TestReal(t *testing.T) {
	c := Config{Name: "vmprobe-test", Home: t.TempDir(), Guest: program(t), Tell: func(what string, _ time.Duration) { t.Log(what) }}
	err := c.prepare()
	if err == nil {
		_, err = c.engine.List()
	}
	if err != nil {
		t.Skipf("not run: no container engine: %v", err)
	}
	clustertest.Asked(t, cluster.TierNode)
	s, err := Up(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != cluster.Running || s.Node == "" || s.GuestImage == "" {
		t.Errorf("%+v", s)
	}
	if _, err := c.down(); err != nil {
		t.Error(err)
	}
}

// TestNoEngine: the error is one of the machine and says what to do.
func TestNoEngine(t *testing.T) {
	_, err := Up(t.Context(), Config{Name: "vmprobe", Home: t.TempDir(), engine: &fake{dead: true}, Tell: func(string, time.Duration) {}})
	if !errors.Is(err, cluster.ErrEnvironment) || !strings.Contains(err.Error(), "start Docker or Podman") {
		t.Error(err)
	}
}

// TestStale: a cluster that kind has lost is stale.
func TestStale(t *testing.T) {
	f := &fake{}
	c := Config{Name: "vmprobe", Home: t.TempDir(), Guest: program(t), engine: f, Tell: func(string, time.Duration) {}}
	if _, err := Up(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	f.clusters = nil
	s, err := look(f, filepath.Join(c.Home, c.Name))
	if err != nil || s.State != cluster.Stale {
		t.Errorf("%+v %v", s, err)
	}
}

// program is a static program: a header without anything in it.
func program(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	header := make([]byte, 64)
	copy(header, "\x7fELF\x02\x01\x01")
	header[16], header[18], header[20], header[52] = 2, 62, 1, 64
	if err := os.WriteFile(name, header, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
