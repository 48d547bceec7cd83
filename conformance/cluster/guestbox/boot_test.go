package guestbox

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmprobe/vmprobe/conformance/qemu/image"
)

// bootable writes a guest image with that kernel.
func bootable(t *testing.T, kernel string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{image.Manifest: `{"key":"k"}`, image.Kernel: kernel, image.Initrd: "initramfs"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBoot: kernel and initramfs are where kernelBoot looks for them and QEMU's
// user may read them; another kernel has another name, the same one the same
// bytes.
func TestBoot(t *testing.T) {
	var names []string
	var archives [][]byte
	for _, kernel := range []string{"kernel", "kernel", "another"} {
		file := filepath.Join(t.TempDir(), "boot.tar")
		name, err := Boot(bootable(t, kernel), file)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names, archives = append(names, name), append(archives, data)
		got := contents(t, file)
		if got[BootKernel] != kernel || got[BootInitrd] != "initramfs" {
			t.Errorf("the image holds %v", got)
		}
	}
	if !strings.HasPrefix(names[0], "vmprobe.test/boot:") || names[0] != names[1] || names[0] == names[2] {
		t.Errorf("the images are called %s", names)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the same kernel gives different bytes")
	}
	if _, err := Boot(t.TempDir(), filepath.Join(t.TempDir(), "boot.tar")); !errors.Is(err, image.ErrNone) {
		t.Errorf("an empty directory: %v", err)
	}
}

// contents are the files of an image that anybody may read, by path.
func contents(t *testing.T, archive string) map[string]string {
	t.Helper()
	i, _ := imageAt(t, archive)
	layers, err := i.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%v %v", layers, err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := map[string]string{}
	for files := tar.NewReader(r); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || h.Mode&0o444 != 0o444 {
			continue
		}
		data, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		out["/"+h.Name] = string(data)
	}
}
