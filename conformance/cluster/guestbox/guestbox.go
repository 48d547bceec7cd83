// Package guestbox makes container images: of one static program each, the guest
// of the scenarios, the harness that runs in a cluster, and pause; and of what
// KubeVirt boots in a VM. They are written as OCI layouts, in a folder or, if the
// path ends in .tar, in an archive, which container engines load; the same content
// gives the same bytes. Nothing is pulled and nothing pushed.
//
//	guestbox.go  images of a program
//	boot.go      the image of a kernel and its initramfs
//	layout.go    the form in which they are written
package guestbox

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/vmprobe/vmprobe/fakevm/guestpod"
)

// self is the program in an image.
const self = "/vmprobe-guest"

// variable is in the environment of every process of the guest's image. It lets
// a program that does other things, too, be the guest there.
const variable = "VMPROBE_GUEST_CONTAINER"

// Inside is the life of a process in a container of the guest's image, if this
// is one, and gives its exit code. The first process is the guest (package
// guestpod), others are commands that a probe runs.
func Inside() (exit int, ok bool) {
	switch {
	case os.Getenv(variable) == "":
		return 0, false
	case os.Getpid() != 1:
		return guestpod.RunAsCommand(os.Getenv, os.Args, os.Stdout), true
	}
	term := make(chan os.Signal, 4)
	signal.Notify(term, syscall.SIGTERM)
	return guestpod.Main(os.Getenv, os.Stdout, term), true
}

// Guest writes the image of the guest from a static program that is one in a
// container, be it hack/guestimage/pod or one that calls Inside, and gives the
// name of the image.
func Guest(program, path string) (image string, err error) {
	return write("guest", program, path, []string{variable + "=1", searchPath})
}

// Pause writes the image of the first container of every pod.
func Pause(program, path string) (image string, err error) {
	return write("pause", program, path, nil)
}

// HarnessImage is the name of the image of Harness: that of the Jobs in
// conformance/kubevirt/deploy.
const HarnessImage = "vmprobe.dev/vmprobe:dev"

// nobody is the user that a harness is: it needs no rights on its node.
const nobody = "65532:65532"

// Harness writes the image of a static vmprobe that is itself in a container, not
// the guest, and gives the name of the image.
func Harness(program, path string) (image string, err error) {
	data, err := programOf("harness", program)
	if err != nil {
		return "", err
	}
	files := []file{{name: "tmp/", mode: 0o1777}, {name: "vmprobe", mode: 0o755, data: data}}
	return save(HarnessImage, files, v1.Config{Entrypoint: []string{"/vmprobe"}, Env: []string{searchPath}, WorkingDir: "/tmp", User: nobody}, path)
}

const searchPath = "PATH=/usr/bin:/bin"

// programOf reads a static program.
func programOf(kind, program string) ([]byte, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	if err := static(data); err != nil {
		return nil, fmt.Errorf("%s cannot be the %s of a container: %w", program, kind, err)
	}
	return data, nil
}

// write makes an image whose tag is the digest of its program.
func write(kind, program, path string, env []string) (string, error) {
	data, err := programOf(kind, program)
	if err != nil {
		return "", err
	}
	files := make([]file, 0, 8)
	for _, dir := range []string{"run/", "tmp/", "usr/", "usr/bin/", "etc/", "vmprobe/"} {
		files = append(files, file{name: dir, mode: 0o755})
	}
	files = append(files, file{name: self[1:], mode: 0o755, data: data})
	sum := sha256.Sum256(data)
	config := v1.Config{Entrypoint: []string{self}, Env: env, WorkingDir: "/", StopSignal: "SIGTERM"}
	return save(imageOf(kind, sum[:]), files, config, path)
}

// imageOf is the name of an image by what is in it. The host in the name is one
// that does not exist: nobody can pull it by accident.
func imageOf(kind string, sum []byte) string {
	return "vmprobe.test/" + kind + ":" + hex.EncodeToString(sum[:6])
}

// save writes an image of one layer, and gives its name.
func save(called string, files []file, program v1.Config, path string) (string, error) {
	layer, err := layerOf(files)
	if err != nil {
		return "", err
	}
	tag, err := name.NewTag(called)
	if err != nil {
		return "", err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return "", err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return "", err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config = "linux", runtime.GOARCH, program
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return "", err
	}
	image = mutate.MediaType(image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	if err := export(path, tag, image); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return tag.Name(), nil
}

// file is one entry of a layer; a name that ends with a slash is a folder.
type file struct {
	name  string
	mode  int64
	owner int // user and group
	data  []byte
}

// layerOf is the one layer of an image.
func layerOf(files []file) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.data))}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestSpeed))
}

// static tells why a program does not run without libraries.
func static(program []byte) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("it is no program for Linux: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("it needs shared libraries: build it with CGO_ENABLED=0 (make build)")
		}
	}
	return nil
}
