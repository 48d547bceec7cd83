package guestbox

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// unpack gives the folder of the layout in an archive.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := t.TempDir()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// imageAt reads the one image of a layout, whose digests have to be right, and
// its name.
func imageAt(t *testing.T, path string) (image v1.Image, name string) {
	t.Helper()
	if archived(path) {
		path = unpack(t, path)
	}
	index, err := layout.ImageIndexFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatalf("%+v %v", m, err)
	}
	if image, err = index.Image(m.Manifests[0].Digest); err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	name = m.Manifests[0].Annotations[containerdAnnotation]
	if tag := m.Manifests[0].Annotations[refAnnotation]; tag == "" || !strings.HasSuffix(name, ":"+tag) {
		t.Errorf("the image %s has the tag %q", name, tag)
	}
	return image, name
}

// TestHarness: the image of the Jobs holds vmprobe as itself, in a folder or an
// archive; another one of that name takes its place, and nothing else is touched.
func TestHarness(t *testing.T) {
	for _, name := range []string{"layout", "image.tar"} {
		path := filepath.Join(t.TempDir(), name)
		for range 2 {
			if tag, err := Harness(program(t, false), path); err != nil || tag != HarnessImage {
				t.Fatal(tag, err)
			}
		}
		image, called := imageAt(t, path)
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if c := config.Config; called != HarnessImage || len(c.Entrypoint) != 1 || c.Entrypoint[0] != "/vmprobe" || c.User != nobody || strings.Contains(strings.Join(c.Env, " "), variable) {
			t.Errorf("%s: %+v", called, c)
		}
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Harness(program(t, false), full); err == nil || !strings.Contains(err.Error(), "name another one") {
		t.Error(err)
	}
	if there, err := os.ReadDir(full); err != nil || len(there) != 1 {
		t.Error(there, err)
	}
}
