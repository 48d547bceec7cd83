package kvimage

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/vmprobe/vmprobe/conformance/cluster/binaries"
)

// programs is a folder that holds what is built, with nothing in it.
func programs(t *testing.T) string {
	t.Helper()
	dir, set := t.TempDir(), binaries.KubeVirtSet()
	var names []string
	for _, p := range set.Programs {
		names = append(names, p.Name)
	}
	for _, f := range set.Files {
		names = append(names, f.Name)
	}
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("the file "+n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestLayer: every program and file is where KubeVirt looks for it, with the
// rights that it needs.
func TestLayer(t *testing.T) {
	var b bytes.Buffer
	if err := writeLayer(&b, programs(t)); err != nil {
		t.Fatal(err)
	}
	found := map[string]*tar.Header{}
	for r := tar.NewReader(&b); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = h
	}
	for _, path := range []string{
		"usr/bin/virt-launcher", "usr/bin/virt-handler", "usr/bin/virt-probe", "usr/bin/container-disk", "usr/bin/node-labeller.sh",
		"usr/sbin/virtqemud", "etc/libvirt/hooks/qemu",
	} {
		if h := found[path]; h == nil || h.Mode != 0o755 {
			t.Errorf("%s: %+v", path, h)
		}
	}
	if h := found["etc/libvirt/hooks/qemu"]; h != nil && (h.Uid != qemuID || h.Gid != qemuID) {
		t.Errorf("the hook has another owner: %d:%d", h.Uid, h.Gid)
	}
	if h := found["var/run"]; h == nil || h.Linkname != "../run" {
		t.Errorf("var/run: %+v", h)
	}
	// getcap says of such a value: cap_net_bind_service=ep
	value := found["usr/bin/virt-launcher-monitor"].PAXRecords["SCHILY.xattr.security.capability"]
	if got := hex.EncodeToString([]byte(value)); got != "0100000200040000000000000000000000000000" {
		t.Errorf("capability %s", got)
	}
	if _, there := found["usr/bin/"+binaries.ManifestsProgram]; there {
		t.Error("a program of the harness is in the images")
	}
}

// TestImages: all components have an image, over the same layers, and root only
// where KubeVirt's own images have it.
func TestImages(t *testing.T) {
	dir := t.TempDir()
	var layers []string
	for _, text := range []string{"one", "two"} {
		path := filepath.Join(dir, text)
		if err := writeFile(path, func(w io.Writer) error {
			l := layer{tar.NewWriter(w)}
			if err := l.text(tar.Header{Name: text, Mode: 0o644}, text); err != nil {
				return err
			}
			return l.Close()
		}); err != nil {
			t.Fatal(err)
		}
		layers = append(layers, path)
	}
	archive := filepath.Join(dir, "images.tar")
	if err := writeImages(archive, layers...); err != nil {
		t.Fatal(err)
	}
	for component, user := range map[string]string{"virt-api": "1001", "virt-operator": "1001", "virt-controller": "1001", "virt-handler": "", "virt-launcher": ""} {
		tag, err := name.NewTag(Registry + "/" + component + ":" + binaries.KubeVirt)
		if err != nil {
			t.Fatal(err)
		}
		image, err := tarball.ImageFromPath(archive, &tag)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if got := config.Config; got.User != user || !slices.Equal(got.Entrypoint, []string{"/usr/bin/" + component}) || len(config.RootFS.DiffIDs) != 2 {
			t.Errorf("%s: user %q, entrypoint %q, %d layers", component, got.User, got.Entrypoint, len(config.RootFS.DiffIDs))
		}
	}
}

// TestSupersede: one archive is left in the cache, and all else.
func TestSupersede(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"kubevirt-images-a.tar", "kubevirt-images-b.tar", "rootfs-a.tar", ".kubevirt-images.tar"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := supersede(filepath.Join(dir, ".kubevirt-images.tar"), filepath.Join(dir, "kubevirt-images-b.tar")); err != nil {
		t.Fatal(err)
	}
	var left []string
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		left = append(left, f.Name())
	}
	if !slices.Equal(left, []string{"kubevirt-images-b.tar", "rootfs-a.tar"}) {
		t.Errorf("left: %q", left)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "kubevirt-images-b.tar")); string(text) != ".kubevirt-images.tar" {
		t.Errorf("the archive is %q, %v", text, err)
	}
}

// TestLacks: what is missing is told at once, with the fixes.
func TestLacks(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := errors.Join(Lacks()...)
	for _, want := range []string{"apt-get install mmdebstrap", "apt-get install gcc", "apt-get install libvirt-dev"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told: %v", want, err)
		}
	}
}
